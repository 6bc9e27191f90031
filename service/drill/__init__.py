"""The drill: load on the real processes, faults at random moments, and a check of all that was ever answered."""
