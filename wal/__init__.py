"""The engine: a durable log, its recovery and its snapshots. It knows nothing of the service."""
