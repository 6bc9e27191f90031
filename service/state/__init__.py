"""The state: every entity in memory, with its indexes; it changes by applied records alone."""
