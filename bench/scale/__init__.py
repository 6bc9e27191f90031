"""What grows with the data and what does not: a million entities against a few, and against Redis."""
