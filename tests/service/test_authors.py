"""Who has annotated which document: kept with each annotation, and made anew by a start."""

from __future__ import annotations

import pytest

from service.kinds import KINDS
from service.state.state import State, index_fields
from tests.service.decide.world import World
from tests.service.test_load import blocks_of


@pytest.fixture
def world() -> World:
    """Give one."""
    return World()


def annotated(state: State, user_id: str | None) -> list[str]:
    """Return the documents that somebody has annotated."""
    return state.tables["document"].ids(state.supply.authors.of(user_id or ""))


def test_an_author_has_a_document_from_the_first_annotation_to_the_last(world: World) -> None:
    """Whatever becomes of those between; changes of annotations change nothing."""
    ada, bob = world.user("ada@example.org"), world.user("bob@example.org")
    first, second = world.document(ada), world.document(ada)
    assert annotated(world.state, ada.user_id) == []
    marks = [world.annotation(ada, document, label="x") for document in (second, first, first)]
    assert annotated(world.state, ada.user_id) == [first, second]
    assert annotated(world.state, bob.user_id) == []
    world.update(ada, "annotation", marks[1], {"label": "y"})
    world.delete(ada, "annotation", marks[1])
    assert annotated(world.state, ada.user_id) == [first, second]
    world.delete(ada, "annotation", marks[2])
    assert annotated(world.state, ada.user_id) == [second]
    world.delete(ada, "document", second)
    assert annotated(world.state, ada.user_id) == []


def test_a_start_finds_the_authors_again(world: World) -> None:
    """From the columns of the snapshot's blocks, of several authors on the same document too."""
    owner, ada = world.user("owner@example.org"), world.user("ada@example.org")
    project = world.project(owner, {ada.user_id or "": "annotator"})
    documents = [str(world.create(owner, "document", title="t", project_id=project)["id"]) for _ in range(3)]
    for actor, places in ((owner, (0, 1, 1)), (ada, (1, 2))):
        for place in places:
            world.annotation(actor, documents[place], label="x")
    world.delete(owner, "document", documents[0])
    state = State(KINDS)
    for block in blocks_of(world.state, 2, fields=index_fields(KINDS)):
        state.load(block)
    state.loaded(world.state.sequence, world.state.digest)
    assert annotated(state, owner.user_id) == [documents[1]]
    assert annotated(state, ada.user_id) == documents[1:]
