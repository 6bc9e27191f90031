"""The proof of concept's snapshot, on its way into a log."""
