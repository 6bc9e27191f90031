"""Fuzzed HTTP: a sample of the campaign, that a seed gives the same requests, and that the judge sees what is wrong."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from tests.campaigns.campaign import Task
from tests.campaigns.fuzz_http import fuzz
from tests.fuzz.grammar import SHAPES
from tests.fuzz.judge import fault_of, filled
from tests.fuzz.requests import draw
from tests.fuzz.wire import Answer

SAMPLE = 600
STALL_MS = 1000.0
PROBLEM = {"type": "/problems/malformed", "status": 400, "title": "t", "detail": "d"}


def test_a_sample_of_drawn_requests_breaks_nothing() -> None:
    """No 5xx, whole problems, the process lives, and what was acknowledged is there after a kill."""
    seed = random.randrange(1 << 32)
    # The machine may be busy with other tests: the campaign has the narrow limit of stalls.
    result = fuzz(Task(SAMPLE, seed, lambda _: None), STALL_MS)
    assert result.findings == []
    assert result.states == SAMPLE
    assert result.figures["canary: answers"] > 0


def test_a_seed_gives_the_same_requests_again() -> None:
    """And another seed others; each shape is drawn."""
    first = [draw(7, number) for number in range(300)]
    assert first == [draw(7, number) for number in range(300)]
    assert first != [draw(8, number) for number in range(300)]
    methods = Counter(draw(7, number).method for number in range(2000))
    assert set(methods) >= {shape.method for shape in SHAPES}


def test_names_are_filled_in_before_the_length_is_counted() -> None:
    """The length is that of what is sent."""
    sent = filled(b"POST / HTTP/1.1\r\nContent-Length: @length@\r\n\r\n@doc@", {b"@doc@": b"doc_1"})
    assert sent == b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\ndoc_1"


@pytest.mark.parametrize(
    ("status", "media_type", "body", "is_fine"),
    [
        (200, "application/json", b"{}", True),
        (200, "application/json", b"{", False),
        (204, "", b"", True),
        (400, "application/problem+json", json.dumps(PROBLEM).encode(), True),
        (400, "text/plain", b"no", False),
        (400, "application/json", json.dumps(PROBLEM).encode(), False),
        (409, "application/problem+json", json.dumps(PROBLEM).encode(), False),
        (400, "application/problem+json", json.dumps(PROBLEM | {"type": "/problems/none"}).encode(), False),
        (
            503,
            "application/problem+json",
            json.dumps(PROBLEM | {"type": "/problems/busy", "status": 503}).encode(),
            True,
        ),
        (
            500,
            "application/problem+json",
            json.dumps(PROBLEM | {"type": "/problems/internal", "status": 500}).encode(),
            False,
        ),
        (
            503,
            "application/problem+json",
            json.dumps(PROBLEM | {"type": "/problems/log-failed", "status": 503}).encode(),
            False,
        ),
    ],
)
def test_the_judge_sees_what_is_wrong(status: int, media_type: str, body: bytes, is_fine: bool) -> None:
    """Each 4xx is a whole problem of its own status, and of the 5xx only those that the limits provoke may come."""
    answer = Answer("HTTP/1.1", status, {"content-type": media_type}, body)
    assert (fault_of(answer) is None) == is_fine
