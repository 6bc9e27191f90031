"""The service: domain, engine and HTTP, on top of the log in `wal`."""
