"""Seeded bugs: each breaks one rule of durability or of access in one place, and some test must see it."""
