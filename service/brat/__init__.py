"""brat stand-off: its format, what it becomes here, and its way in and out."""
