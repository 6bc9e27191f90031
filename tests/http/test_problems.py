"""Errors become problems, found by class."""

from __future__ import annotations

import msgspec
import pytest
from aiohttp import web
from structlog.testing import capture_logs

import wal.errors
from service.errors import ConflictError, DomainError, FieldError, InvalidError, TakenError, encode_problem
from service.http import problems
from service.http.failures import HttpError, InternalError
from service.passwords import BusyError
from tests.harness import Member
from tests.http.fake_engine import FakeEngine

OUTSIDE = [
    (wal.errors.OutcomeUnknownError("x"), 503, "outcome-unknown"),
    (wal.errors.PoisonedError("x"), 503, "log-failed"),
    (wal.errors.ClosedError("x"), 503, "shutting-down"),
    (wal.errors.NoRoomError("x"), 507, "no-room"),
    (wal.errors.RecordTooLargeError(9, 8), 413, "too-large"),
    (BusyError("x"), 503, "busy"),
    (ConnectionResetError("x"), 400, "malformed"),
    (web.HTTPNotFound(), 404, "no-such-path"),
    (web.HTTPMethodNotAllowed("PUT", {"GET"}), 405, "method-not-allowed"),
    (web.HTTPRequestEntityTooLarge(1), 413, "too-large"),
    (web.HTTPExpectationFailed(text="x"), 417, "expectation-failed"),
    (web.HTTPConflict(), 400, "malformed"),
    (web.HTTPBadGateway(), 500, "internal"),
    (KeyError("x"), 500, "internal"),
]


@pytest.mark.parametrize(("error", "status", "name"), OUTSIDE, ids=lambda value: type(value).__name__)
async def test_an_error_of_any_part_gets_its_status_and_name(
    caller: Member, engine: FakeEngine, error: Exception, status: int, name: str
) -> None:
    """Whatever the engine raises is answered with a whole problem."""
    engine.error = error
    answer = await caller.call("GET", "/v1/documents/doc_1")
    assert (answer.status, answer.problem) == (status, name)


@pytest.mark.parametrize("kind", problems.pages().values(), ids=problems.pages())
async def test_every_problem_has_a_page_that_explains_it(caller: Member, kind: type[DomainError]) -> None:
    """`type` of a problem is the path of a page with its title, status and explanation."""
    answer = await caller.call("GET", f"/problems/{kind.name}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    text = answer.data.decode()
    assert text.startswith(f"{kind.title}\n{kind.status} {kind.name}\n\n")
    assert len(text.splitlines()[3]) > 20


def test_names_of_problems_are_unique() -> None:
    """A name stands for one class, so that a page explains just that problem."""
    named = [kind for kind in _descendants(DomainError) if "name" in vars(kind)]
    assert len({kind.name for kind in named}) == len(named)
    assert all("name" in vars(kind) for kind in _descendants(DomainError) if kind is not HttpError)


async def test_an_unknown_problem_has_no_page(caller: Member) -> None:
    """`/problems/nonsense` is 404."""
    assert (await caller.call("GET", "/problems/nonsense")).problem == "no-such-path"


async def test_503_and_429_say_when_to_try_again(caller: Member, engine: FakeEngine) -> None:
    """`Retry-After` comes with every 503."""
    engine.error = wal.errors.OutcomeUnknownError("x")
    answer = await caller.call("GET", "/v1/documents/doc_1")
    assert answer.headers["Retry-After"] == "1"


async def test_the_detail_of_an_internal_error_tells_nothing_of_the_cause(caller: Member, engine: FakeEngine) -> None:
    """The cause is logged under the request's id, and only there."""
    engine.error = KeyError("secret")
    with capture_logs() as logs:
        answer = await caller.call("GET", "/v1/documents/doc_1", headers={"X-Request-ID": "mine"})
    assert b"secret" not in answer.data
    assert [(entry["request"], entry["exc_info"]) for entry in logs] == [("mine", engine.error)]


async def test_a_refusal_is_not_logged(caller: Member, engine: FakeEngine) -> None:
    """What a client does wrong does not fill the log."""
    engine.error = ConflictError("x")
    with capture_logs() as logs:
        assert (await caller.call("GET", "/v1/documents/doc_1")).problem == "conflict"
    assert logs == []


def test_a_problem_names_each_place() -> None:
    """`errors` holds pointer and detail; without any, the member is left out."""
    whole = encode_problem(InvalidError("no", [FieldError("/a/0", "wrong")]))
    assert whole == (
        b'{"type":"/problems/invalid","status":422,"title":"The body is not valid","detail":"no",'
        b'"errors":[{"pointer":"/a/0","detail":"wrong"}]}'
    )
    assert b"errors" not in encode_problem(TakenError("no"))


def test_a_problem_carries_its_members() -> None:
    """Members of an error of the domain stand in the problem, and never replace those of RFC 9457."""
    assert b'"ids":["ann_1"]' in encode_problem(ConflictError("no", ids=["ann_1"]))
    assert b'"status":409' in encode_problem(ConflictError("no", status=1))


def test_an_error_of_an_unknown_class_is_internal() -> None:
    """Nothing is left without a response."""
    assert isinstance(problems.to_failure(RuntimeError()), InternalError)


def _descendants(kind: type[DomainError]) -> list[type[DomainError]]:
    return [one for child in kind.__subclasses__() for one in (child, *_descendants(child))]


def test_a_detail_with_bytes_that_are_no_text_can_be_told() -> None:
    """A header field may hold them, and a refusal repeats some of it."""
    body = msgspec.json.decode(encode_problem(ConflictError("If-Match asks for \udcff.")))
    assert body["detail"] == r"If-Match asks for \udcff."
