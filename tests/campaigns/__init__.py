"""Fault campaigns: many states of one fault model each, enumerated or drawn from a seed, and checked."""
