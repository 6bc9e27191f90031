"""The client, async and for those who wait: typed results, retries that are safe, pages as async iterators."""

from service.client.client import Client
from service.client.editing import EditConflictError
from service.client.errors import (
    ClientError,
    ConnectionLostError,
    ContentChangedError,
    ContentDamagedError,
    ProblemError,
    UnexpectedAnswerError,
)
from service.client.operations import Operation
from service.client.retries import RetryPolicy
from service.client.sync import SyncClient

__all__ = [
    "Client",
    "ClientError",
    "ConnectionLostError",
    "ContentChangedError",
    "ContentDamagedError",
    "EditConflictError",
    "Operation",
    "ProblemError",
    "RetryPolicy",
    "SyncClient",
    "UnexpectedAnswerError",
]
