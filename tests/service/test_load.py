"""A state that was loaded from a snapshot is the one that the snapshot was made of, with all its indexes."""

from __future__ import annotations

from typing import Any

import pytest

from service.kinds import KINDS
from service.kinds.review import Adjudication, Decided
from service.reviews import Adjudicate
from service.state.state import State, index_fields
from service.state.table import Table
from tests.service.decide.world import World
from wal.block import Block, Stored, make_block


def blocks_of(state: State, size: int, *, fields: dict[str, list[str]]) -> list[Block]:
    """Return the state's entities in blocks of `size`, as a compaction would write them."""
    blocks = []
    for kind, table in sorted(state.tables.items()):
        entities = [
            Stored(id_, value, table.sequence(id_), created)
            for (id_, value), created in zip(table.items(), positions(table), strict=True)
        ]
        starts = range(0, len(entities), size)
        blocks += [make_block(kind, entities[start : start + size], fields[kind]) for start in starts]
    return blocks


def positions(table: Table) -> list[int]:
    """Return the positions of creation."""
    return [created for created, _ in table.walk(table.select({}), None)]


def look_ups(state: State) -> dict[str, Any]:
    """Return what every index finds."""
    return {name: table.look_ups() for name, table in state.tables.items()}


@pytest.fixture
def world() -> World:
    """Return a world with users, documents, and marks that point at each other, some of them deleted."""
    world = World()
    ada, bob = world.user("ada@example.org"), world.user("bob@example.org")
    for actor in (ada, bob):
        document = world.document(actor)
        marks = [
            world.create(actor, "annotation", document_id=document, start=0, end=place, label=f"L{place % 3}")["id"]
            for place in range(1, 8)
        ]
        world.create(
            actor,
            "annotation",
            document_id=document,
            arguments=[{"role": "a", "target": marks[0]}, {"role": "b", "target": marks[1]}],
        )
        world.delete(actor, "annotation", marks[5])
        draft = Adjudication(decided=[Decided(take=marks[0], rests_on=[marks[1]])])
        new_ids = (world.ids.new("ann"),)
        world.do(Adjudicate(actor=actor, operation="t", id=document, new_ids=new_ids, draft=draft))
    return world


@pytest.mark.parametrize("size", [1, 3, 4096])
@pytest.mark.parametrize("columns", [True, False])
def test_a_loaded_state_equals_the_one_that_was_saved(world: World, size: int, columns: bool) -> None:
    """Values, sequences, order and indexes; also when the snapshot has no columns for an index yet."""
    fields = index_fields(KINDS) if columns else {kind.name: [] for kind in KINDS}
    loaded = State(KINDS)
    for block in blocks_of(world.state, size, fields=fields):
        loaded.load(block)
    loaded.loaded(world.state.sequence, world.state.digest)
    assert look_ups(loaded) == look_ups(world.state)
    assert loaded.digest == world.state.digest
    assert loaded.counts == world.state.counts
    for name, table in world.state.tables.items():
        other = loaded.tables[name]
        assert list(other.items()) == list(table.items())
        assert positions(other) == positions(table)
        for id_ in [id_ for id_, _ in table.items()]:
            assert other.sequence(id_) == table.sequence(id_)
            assert other.row(id_) == table.row(id_)


def test_the_paths_of_all_indexes_are_members_of_entities() -> None:
    """So that a compaction finds them without knowing the domain."""
    for kind in KINDS:
        for index in kind.indexes:
            if index.is_computed:
                assert kind.keeps_rows
                assert index.path not in index_fields(KINDS)[kind.name]
                continue
            assert index.path.partition(".")[0] in kind.row.__struct_fields__
