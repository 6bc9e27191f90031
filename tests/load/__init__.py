"""The load tester."""
