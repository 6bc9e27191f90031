"""Decisions about what the local administrator creates in others' names, and about users without a password."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.commands import LOCAL_ADMIN, Actor, CreateFor, SetPassword
from service.errors import ForbiddenError, InvalidError, NotFoundError, UnauthenticatedError
from tests.service.decide.world import DRAFTS, PREFIXES, World, body


def create_for(world: World, actor: Actor | None, kind: str, user_id: str | None, **members: Any) -> dict[str, Any]:
    """Create an entity in a user's name."""
    command = CreateFor(
        actor=actor,
        operation="t",
        kind=kind,
        new_id=world.ids.new(PREFIXES[kind]),
        draft=msgspec.convert(members, DRAFTS[kind]),
        user_id=str(user_id),
    )
    return body(world.do(command))


def test_what_is_created_belongs_to_the_user_who_is_named(world: World, ada: Actor, bob: Actor) -> None:
    """A document to its owner, an annotation to its author, on whoever's document."""
    document = create_for(world, LOCAL_ADMIN, "document", ada.user_id, title="t", text="Marie Curie")
    assert document["owner_id"] == ada.user_id
    span = {"document_id": document["id"], "start": 0, "end": 5}
    annotation = create_for(world, LOCAL_ADMIN, "annotation", bob.user_id, **span)
    assert (annotation["author_id"], annotation["text"]) == (bob.user_id, "Marie")
    extraction = create_for(world, LOCAL_ADMIN, "extraction", ada.user_id, **span, source={"name": "m"})
    assert extraction["text"] == "Marie"


@pytest.mark.parametrize("kind", ["document", "annotation"])
def test_only_the_local_administrator_may(world: World, ada: Actor, bob: Actor, kind: str) -> None:
    """No administrator with a session, and nobody without one."""
    members = {} if kind == "document" else {"document_id": world.document(bob)}
    with pytest.raises(ForbiddenError):
        create_for(world, ada, kind, bob.user_id, **members)
    with pytest.raises(UnauthenticatedError):
        create_for(world, None, kind, bob.user_id, **members)


def test_user_and_document_must_be_there(world: World, ada: Actor) -> None:
    """And the rules of a mark hold."""
    document_id = world.document(ada)
    with pytest.raises(NotFoundError, match="no user"):
        create_for(world, LOCAL_ADMIN, "document", "user_x")
    with pytest.raises(NotFoundError, match="no document"):
        create_for(world, LOCAL_ADMIN, "annotation", ada.user_id, document_id="doc_x")
    with pytest.raises(InvalidError):
        create_for(world, LOCAL_ADMIN, "annotation", ada.user_id, document_id=document_id, start=0, end=999)


@pytest.mark.parametrize("disabled", [True, False])
def test_a_password_enables_who_was_disabled_for_the_want_of_one(world: World, ada: Actor, disabled: bool) -> None:
    """And nobody who was disabled otherwise; the next version says so."""
    user = body(world.register("eve@example.org", LOCAL_ADMIN, reset_required=True, disabled=disabled))
    assert user["disabled"] is True
    reset = SetPassword(
        actor=LOCAL_ADMIN, operation="t", user_id=user["id"], password_hash="new", credential_generation=None
    )
    world.do(reset)
    after = world.value("user", user["id"])
    assert (after["disabled"], after["version"]) == ((True, 1) if disabled else (False, 2))
    world.update(ada, "user", user["id"], {"disabled": True})
    world.do(reset)
    assert world.value("user", user["id"])["disabled"] is True


def test_who_was_disabled_by_an_administrator_meanwhile_stays_so(world: World, ada: Actor) -> None:
    """A password enables only those of whom nobody has said anything."""
    user = body(world.register("eve@example.org", LOCAL_ADMIN, reset_required=True))
    world.update(ada, "user", user["id"], {"name": "Eve"})
    assert world.state.tables["credential"].row(user["id"]).reset_required
    world.update(ada, "user", user["id"], {"disabled": True})
    world.do(
        SetPassword(
            actor=LOCAL_ADMIN, operation="t", user_id=user["id"], password_hash="new", credential_generation=None
        )
    )
    assert world.value("user", user["id"])["disabled"] is True
