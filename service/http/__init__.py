"""HTTP: requests become commands and queries, outcomes become responses."""
