"""Measurements: each runs both of its sides interleaved, in one run, and prints the ratio."""
