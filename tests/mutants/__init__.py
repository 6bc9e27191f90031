"""Seeded bugs: each breaks one rule of durability in one place, and some test must see it."""
