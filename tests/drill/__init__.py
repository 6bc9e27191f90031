"""The drill's tests."""
