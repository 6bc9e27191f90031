"""Fuzzed HTTP: requests that are drawn from a seed, sent to the real process, and what must hold for each answer."""
