"""The sides of `make bench`: Annolog, and what people would use in its place, each started from packages."""
