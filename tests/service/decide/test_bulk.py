"""Bulk loads: each line is carried out or refused for itself, on what those before it have changed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.commands import Actor, Command, Create, Delete, IdempotencyKey
from service.decide import decide
from service.decide.decision import Context
from service.errors import DomainError, KeyReusedError, UnauthenticatedError
from service.kinds.document import DocumentDraft
from service.operations import Load, Loaded, Single, Step, chunk_key
from tests.service.decide.test_random import Player
from tests.service.decide.test_transactions import imagined
from tests.service.decide.world import World, assert_same

KEY = IdempotencyKey(id="k", fingerprint="f")


def load_of(actor: Actor | None, steps: tuple[Step, ...], first: int = 0, key: IdempotencyKey | None = None) -> Load:
    """Return the command for some lines."""
    keys: dict[str, Any] = (
        {} if key is None else {"idempotency": chunk_key(key, first, steps), "fingerprint": key.fingerprint}
    )
    return Load(actor=actor, operation="t", steps=steps, first=first, refs={}, tells_all=True, **keys)


def titled(world: World, actor: Actor, *titles: str) -> tuple[Step, ...]:
    """Return lines that create documents."""

    def command(title: str) -> Create:
        draft = DocumentDraft(title=title)
        return Create(actor=actor, operation="t", kind="document", new_id=world.ids.new("doc"), draft=draft)

    return tuple(Step(command=command(title), line=title.encode()) for title in titles)


def carry_out(world: World, load: Load) -> Loaded:
    """Carry lines out and return what is told."""
    return msgspec.json.decode(world.do(load).body, type=Loaded)


@pytest.mark.parametrize("seed", range(6))
def test_lines_do_what_they_do_one_by_one(seed: int) -> None:
    """Random ones: the same state to the byte, and the same ones are refused by the same."""
    player = Player(seed)
    world = player.world
    for _ in range(120):
        player.play()
    refused = 0
    for _ in range(30):
        twin = World()
        for sequence, changes in enumerate(world.records, start=1):
            twin.state.apply(sequence, 0, changes)
        actor = player.actor()
        commands = [msgspec.structs.replace(one, actor=actor) for one in imagined(player, 12)]
        world.now += 1
        records = len(world.records)
        statuses = [status_of(world, command) for command in commands]
        steps = tuple(Step(command=command) for command in commands if isinstance(command, Single))
        decision = decide(Context(twin.state, world.now, world.limits), load_of(actor, steps))
        if decision.changes:
            twin.state.apply(records + 1, world.now, decision.changes)
        assert_same(twin.state, world.state)
        told = msgspec.json.decode(decision.outcome.body, type=Loaded)
        assert [msgspec.json.decode(one)["status"] for one in told.results] == statuses
        refused += told.failed
        assert told.failed == sum(status >= 400 for status in statuses)
    assert refused > 20


def status_of(world: World, command: Command) -> int:
    """Carry a command out at the moment that it is, and return the status of its answer."""
    try:
        decision = decide(Context(world.state, world.now, world.limits), command)
    except DomainError as error:
        return error.status
    world.records.append(decision.changes)
    world.state.apply(len(world.records), world.now, decision.changes)
    return decision.outcome.status


def test_a_chunk_is_kept_under_its_key_with_as_many_lines_as_were_carried_out() -> None:
    """So the same lines get the same answer, and what was left to the next chunk is no part of it."""
    world = World()
    ada = world.user("ada@example.org")
    world.limits = msgspec.structs.replace(world.limits, bulk_chunk_bytes=1024)
    steps = titled(world, ada, "a" * 500, "b" * 300, "c" * 500)
    first = world.do(load_of(ada, steps, key=KEY))
    assert msgspec.json.decode(first.body, type=Loaded).lines == 1
    again = world.do(load_of(ada, titled(world, ada, "a" * 500), key=KEY))
    assert (again.body, again.replayed) == (first.body, True)
    for others in (("a" * 500, "b" * 300), ("x",)):
        with pytest.raises(KeyReusedError):
            world.do(load_of(ada, titled(world, ada, *others), key=KEY))
    second = carry_out(world, load_of(ada, steps[1:], first=1, key=KEY))
    assert second.lines == 1
    assert world.state.counts["document"] == 2


def test_a_chunk_ends_when_its_lines_have_changed_much() -> None:
    """Deletions may change more than what was sent tells; the line that goes beyond is still part of it."""
    world = World()
    ada = world.user("ada@example.org")
    world.limits = msgspec.structs.replace(world.limits, bulk_chunk_lines=2)
    documents = [world.document(ada) for _ in range(3)]
    for document in documents:
        world.annotation(ada, document, start=0, end=5)
    steps = tuple(
        Step(command=Delete(actor=ada, operation="t", kind="document", id=document)) for document in documents
    )
    assert carry_out(world, load_of(ada, steps)).lines == 2
    assert world.state.counts["document"] == 1


def test_a_chunk_ends_when_many_lines_have_failed() -> None:
    """To tell why may take long; at the limit it goes on."""
    world = World()
    ada = world.user("ada@example.org")
    wrong = Step(command=Delete(actor=ada, operation="t", kind="document", id=world.ids.new("doc")))
    fine = titled(world, ada, "t")
    assert carry_out(world, load_of(ada, (*[wrong] * 24, *fine, *[wrong] * 3))).lines == 26
    assert carry_out(world, load_of(ada, (*[wrong] * 30,))).lines == 25


def test_nobody_loads_anything_who_is_not_logged_in() -> None:
    """That is no matter of single lines."""
    world = World()
    ada = world.user("ada@example.org")
    world.now += 10**12
    with pytest.raises(UnauthenticatedError):
        world.do(load_of(ada, titled(world, ada, "t")))
