"""Tests of the description of the API, and of answers against it."""
