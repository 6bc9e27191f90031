"""Raw bytes to the real process: hostile, broken and rare requests, as a table of data."""
