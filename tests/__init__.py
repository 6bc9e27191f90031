"""The tests, which mirror the modules."""
