"""`Accept`: an answer in a media type that the client takes, or none at all."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from service.http.accept import prefers
from tests.harness import Member
from tests.http.fake_engine import FakeEngine

OFFERS = ("text/plain", "text/html")
CHOICES = [
    (None, "text/plain"),
    ("*/*", "text/plain"),
    ("text/*", "text/plain"),
    ("text/html", "text/html"),
    ("TEXT/HTML", "text/html"),
    ("text/html, text/plain", "text/plain"),
    ("text/html, text/plain;q=0.9", "text/html"),
    ("text/html;level=1, */*;q=0.1", "text/html"),
    ("text/plain;q=0, */*", "text/html"),
    ("text/*;q=0.5, text/plain; q=0.4", "text/html"),
    ("text/plain ; Q=0.001", "text/plain"),
    ("application/json", None),
    ("text/plain;q=0", None),
    ("*/*;q=0.000", None),
    ("image/*, application/json", None),
    ("nonsense", "text/plain"),
    ("", "text/plain"),
    (",,", "text/plain"),
    ("nonsense, text/html", "text/html"),
]


@pytest.mark.parametrize(("accepted", "expected"), CHOICES)
def test_the_best_of_the_offers_is_chosen(accepted: str | None, expected: str | None) -> None:
    """By weight, then by order; the most specific range counts, and what cannot be read says nothing."""
    headers = {} if accepted is None else {"Accept": accepted}
    assert prefers(make_mocked_request("GET", "/", headers=headers), *OFFERS) == expected


async def test_an_answer_that_is_not_wanted_is_406_before_anything_is_done(caller: Member, engine: FakeEngine) -> None:
    """The problem itself is told as a problem all the same."""
    answer = await caller.call("POST", "/v1/documents", {}, headers={"Accept": "text/html"})
    assert (answer.status, answer.problem) == (406, "not-acceptable")
    assert "application/json" in answer.json["detail"]
    assert engine.commands == []


async def test_what_holds_no_body_is_always_acceptable(caller: Member, engine: FakeEngine) -> None:
    """A deletion answers nothing, whatever is wanted."""
    await caller.call("DELETE", "/v1/documents/doc_1", headers={"Accept": "text/html"})
    assert len(engine.commands) == 1


async def test_several_lines_of_accept_are_one_list(caller: Member) -> None:
    """As of every list in a header field."""
    accepted = [("Accept", "text/html"), ("Accept", "application/json;q=0.1")]
    async with caller.client.get("/livez", headers=accepted) as response:
        assert response.status == 200
    async with caller.client.get("/livez", headers=accepted[:1]) as response:
        assert response.status == 406
