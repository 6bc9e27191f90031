"""When a request is tried again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.client.retries import RetryPolicy, is_transient, retry_after

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        (" 10 ", 10.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
    ],
)
def test_what_a_server_asks_to_wait(header: str | None, seconds: float | None) -> None:
    """In seconds, or until a time."""
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "name", "repeatable", "transient"),
    [
        (503, "not-ready", True, True),
        (503, "outcome-unknown", True, True),
        (503, "outcome-unknown", False, False),
        (429, "too-many", False, True),
        (409, "idempotency-in-flight", True, True),
        (409, "text-in-use", True, False),
        (507, "no-room", True, False),
        (422, "invalid", True, False),
    ],
)
def test_which_refusals_may_pass(status: int, name: str, repeatable: bool, transient: bool) -> None:
    """Those of the moment, and never one that doubles a mutation without a key."""
    assert is_transient(status, name, repeatable=repeatable) is transient


def test_pauses_double_up_to_a_bound_and_obey_the_server() -> None:
    """With jitter below; a server that asks for too much is not waited for."""
    policy = RetryPolicy(tries=5, pause_seconds=1.0, pause_seconds_max=3.0, chance=lambda: 0.5)
    assert [policy.pause(tries, None) for tries in range(1, 6)] == [0.5, 1.0, 1.5, 1.5, None]
    assert policy.pause(1, 10.0) == 10.5
    assert policy.pause(1, 61.0) is None
