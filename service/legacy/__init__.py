"""The snapshot file of the proof of concept, ``db_snapshot.json``: what it may look like, and its way into a log."""
