"""Idempotency keys: their form, what they cover, and requests under way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from service.commands import IdempotencyKey
from tests.harness import Member, open_app
from tests.http.fake_engine import FakeEngine

PATH = "/v1/documents"


async def key_for(caller: Member, engine: FakeEngine, method: str, path: str, **options: object) -> IdempotencyKey:
    """Return the key that a command carries."""
    headers = {"Idempotency-Key": "k", **options.get("headers", {})}  # type: ignore[dict-item]
    await caller.call(method, path, options.get("value"), headers=headers)
    key = engine.commands[-1].idempotency
    assert key is not None
    return key


async def test_a_key_of_one_user_never_meets_that_of_another(tmp_path: Path) -> None:
    """Both send the same request under the same key, and each gets a document of their own."""
    async with open_app(tmp_path / "data") as client:
        answers = []
        for name in ("anna", "ben"):
            member = await Member(client).join(f"{name}@example.org")
            answers.append(await member.call("POST", PATH, {"title": "t"}, headers={"Idempotency-Key": "k"}))
            assert answers[-1].status == 201, answers[-1].data
            assert answers[-1].json["owner_id"] == member.id
            assert "Idempotency-Replayed" not in answers[-1].headers


@pytest.mark.parametrize("same", ['"k-1"', " k-1 "])
async def test_a_key_is_the_same_bare_and_quoted(caller: Member, engine: FakeEngine, same: str) -> None:
    """The draft wants quotes, and many clients leave them out."""
    for header in ("k-1", same):
        await caller.call("POST", PATH, {}, headers={"Idempotency-Key": header})
    first, second = (command.idempotency for command in engine.commands)
    assert first == second is not None


async def test_escapes_in_a_quoted_key_are_resolved(caller: Member, engine: FakeEngine) -> None:
    r"""`"a\\b"` is the key `a\b`."""
    for header in (r'"a\\b"', r"a\b"):
        await caller.call("POST", PATH, {}, headers={"Idempotency-Key": header})
    assert engine.commands[0].idempotency == engine.commands[1].idempotency


@pytest.mark.parametrize("header", ["", '""', "a b", '"a', 'a"b', "ü", "x" * 256, r'"a\b"'])
async def test_a_key_of_another_form_is_400(caller: Member, engine: FakeEngine, header: str) -> None:
    """A retry must not be less safe than the client believes."""
    answer = await caller.call("POST", PATH, {}, headers={"Idempotency-Key": header})
    assert answer.problem == "malformed"
    assert engine.commands == []


async def test_without_a_key_the_command_has_none(caller: Member, engine: FakeEngine) -> None:
    """Nothing is stored for it."""
    await caller.call("POST", PATH, {})
    assert engine.commands[0].idempotency is None


async def test_a_key_is_scoped_to_method_and_path(caller: Member, engine: FakeEngine) -> None:
    """The same key elsewhere is another one."""
    keys = [
        await key_for(caller, engine, "POST", PATH, value={}),
        await key_for(caller, engine, "POST", "/v1/annotations", value={}),
        await key_for(caller, engine, "PUT", f"{PATH}/doc_1", value={}),
        await key_for(caller, engine, "PATCH", f"{PATH}/doc_1", value={}),
    ]
    assert len({key.id for key in keys}) == 4


async def test_the_fingerprint_covers_target_precondition_and_body(caller: Member, engine: FakeEngine) -> None:
    """Whatever makes it another request changes it, and nothing else does."""
    path = f"{PATH}/doc_1"
    plain = await key_for(caller, engine, "PATCH", path, value={"a": 1})
    others = [
        await key_for(caller, engine, "PATCH", path, value={"a": 2}),
        await key_for(caller, engine, "PATCH", path, value={"a": 1}, headers={"If-Match": '"1"'}),
        await key_for(caller, engine, "PATCH", path, value={"a": 1}, headers={"If-None-Match": "*"}),
        await key_for(
            caller, engine, "PATCH", path, value={"a": 1}, headers={"Content-Type": "application/merge-patch+json"}
        ),
    ]
    assert {key.id for key in others} == {plain.id}
    assert len({plain.fingerprint, *(key.fingerprint for key in others)}) == 5
    assert await key_for(caller, engine, "PATCH", path, value={"a": 1}) == plain
    deletion = await key_for(caller, engine, "DELETE", path)
    cascade = await key_for(caller, engine, "DELETE", f"{path}?cascade=true")
    assert deletion.id == cascade.id
    assert deletion.fingerprint != cascade.fingerprint


async def test_a_second_request_under_a_key_that_is_under_way_is_409(caller: Member, engine: FakeEngine) -> None:
    """It may be sent again when the first is answered."""
    engine.hold.clear()
    headers = {"Idempotency-Key": "k"}
    first = asyncio.create_task(caller.call("POST", PATH, {}, headers=headers))
    while not engine.commands:
        await asyncio.sleep(0)
    second = await caller.call("POST", PATH, {}, headers=headers)
    assert (second.status, second.problem) == (409, "idempotency-in-flight")
    engine.hold.set()
    assert (await first).status == 201
    assert (await caller.call("POST", PATH, {}, headers=headers)).status == 201


async def test_a_replayed_answer_says_so(caller: Member, engine: FakeEngine) -> None:
    """`Idempotency-Replayed: true`, and the rest as it was."""
    engine.outcome = msgspec.structs.replace(engine.outcome, replayed=True)
    answer = await caller.call("POST", PATH, {}, headers={"Idempotency-Key": "k"})
    assert (answer.status, answer.headers["Idempotency-Replayed"]) == (201, "true")
    assert answer.headers["Location"] == "/v1/documents/doc_1"


async def test_two_keys_are_400(caller: Member) -> None:
    """Which one counts is not guessed."""
    lines = [("Authorization", "Bearer any"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    async with caller.client.delete(f"{PATH}/doc_1", headers=lines) as response:
        assert (response.status, (await response.json())["type"]) == (400, "/problems/malformed")
