"""The kinds of entities."""
