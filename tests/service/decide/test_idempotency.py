"""Idempotency keys."""

from __future__ import annotations

import msgspec
import pytest

from service.commands import Actor, Command, Create, Delete, IdempotencyKey, LogOut, Update
from service.errors import InvalidError, KeyReusedError, NotFoundError, UnauthenticatedError
from service.kinds.document import DocumentDraft
from tests.service.decide.world import World


def create(world: World, actor: Actor, key: str = "k", fingerprint: str = "f", title: str = "t") -> Create:
    """Return a command with a key."""
    return Create(
        actor=actor,
        operation="t",
        kind="document",
        new_id=world.ids.new("doc"),
        draft=DocumentDraft(title=title),
        idempotency=IdempotencyKey(id=key, fingerprint=fingerprint),
    )


def test_a_retry_gets_the_first_answer_though_the_entity_changed(world: World, ada: Actor) -> None:
    """Byte for byte, with the first id, and no second entity."""
    first = world.do(create(world, ada))
    world.update(ada, "document", first.id, {"title": "changed"})
    again = world.do(create(world, ada))
    assert again == msgspec.structs.replace(first, replayed=True)
    assert world.state.counts["document"] == 1


def test_the_answer_is_in_the_record_of_the_change(world: World, ada: Actor) -> None:
    """Both are there or neither."""
    world.do(create(world, ada))
    assert [change.event for change in world.records[-1]] == ["document.created", "idempotency.created"]


def test_a_deletion_that_is_retried_was_done(world: World, ada: Actor) -> None:
    """It is not told that the entity is gone."""
    document = world.document(ada)
    key = IdempotencyKey(id="d", fingerprint="f")
    delete = Delete(actor=ada, operation="t", kind="document", id=document, idempotency=key)
    first, again = world.do(delete), world.do(delete)
    assert (first.status, again.status, again.replayed) == (204, 204, True)


def test_a_key_is_for_one_request(world: World, ada: Actor) -> None:
    """Refused after access and before the preconditions."""
    world.do(create(world, ada))
    with pytest.raises(KeyReusedError):
        world.do(create(world, ada, fingerprint="other"))
    key = IdempotencyKey(id="k", fingerprint="other")
    hidden = Update(actor=ada, operation="t", kind="document", id="doc_hidden", patch={}, idempotency=key)
    with pytest.raises(NotFoundError):
        world.do(hidden)


def test_refusals_are_not_kept(world: World, ada: Actor) -> None:
    """The same key may succeed later."""
    document = world.document(ada)
    key = IdempotencyKey(id="k", fingerprint="f")

    def update(version: int) -> Command:
        patch = {"version": version}
        return Update(actor=ada, operation="t", kind="document", id=document, patch=patch, idempotency=key)

    with pytest.raises(InvalidError):
        world.do(update(9))
    assert world.do(update(1)).version == 2


def test_a_retry_needs_a_session_too(world: World, ada: Actor) -> None:
    """Who has logged out learns nothing."""
    command = create(world, ada)
    world.do(command)
    world.do(LogOut(actor=ada, operation="t"))
    with pytest.raises(UnauthenticatedError):
        world.do(command)
