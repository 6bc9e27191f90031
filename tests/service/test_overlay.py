"""The overlay: what is read through it is what the state will hold once the changes are applied."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from service.errors import DomainError
from service.kinds import KINDS
from service.state.overlay import Overlay
from service.state.state import State
from tests.service.decide.team import Team
from tests.service.decide.test_random import Player
from tests.service.decide.world import World
from wal.change import Change


def applied(records: list[list[Change]]) -> State:
    """Return a state to which records were applied."""
    state = State(KINDS)
    for sequence, changes in enumerate(records, start=1):
        state.apply(sequence, 0, changes)
    return state


def assert_reads_same(overlay: Overlay, after: State, ids: set[tuple[str, str]]) -> None:
    """Make sure that every look-up gives the same in both."""
    for name, table in after.tables.items():
        view = overlay.tables[name]
        assert len(view) == len(table), name
        assert set(view.ids(view.select({}))) == set(table.ids(table.select({}))), name
        if table.kind.collection is not None:
            assert view.newest() == table.newest(), name
        for index, value in table.look_ups():
            found = table.ids(table.select({index: (value,)}))
            assert sorted(view.ids(view.select({index: (value,)}))) == sorted(found), (name, index, value)
        terms = {index: [value for other, value in table.look_ups() if other == index] for index, _ in table.look_ups()}
        for one, other in itertools.combinations(terms, 2):
            filters = {one: terms[one][:3], other: terms[other][:3]}
            assert set(view.ids(view.select(filters))) == set(table.ids(table.select(filters))), (name, filters)
        for unique in (index.name for index in table.kind.indexes if index.unique):
            for value in terms.get(unique, ()):
                assert view.holder(unique, value) == table.holder(unique, value), (name, value)
    for kind, key in ids:
        table = after.tables[kind]
        view = overlay.tables[kind]
        assert (view.value(key), view.row(key)) == (table.value(key), table.row(key)), (kind, key)
        assert (view.number(key) is None) == (table.number(key) is None)
        if kind == "document":
            assert overlay.text(key) == after.text(key)


@pytest.mark.parametrize("seed", range(4))
def test_an_overlay_reads_as_the_state_after_it(seed: int) -> None:
    """Whatever was changed, in one go or looked at between the changes; the state below stays as it was."""
    player = Player(seed)
    for _ in range(150):
        player.play()
    records = player.world.records
    ids = {(change.kind, change.id) for changes in records for change in changes}
    for cut in (0, 5, len(records) // 2, len(records) - 20):
        below = applied(records[:cut])
        digest, overlay = below.digest, Overlay(below)
        for place, changes in enumerate(records[cut:]):
            overlay.put(changes)
            if place % 7 == 0:
                overlay.tables["annotation"].select({"label": ("x",)})
        assert_reads_same(overlay, applied(records), ids)
        assert below.digest == digest
        assert_reads_same(Overlay(below), below, ids)


def test_rows_keep_the_order_of_creation() -> None:
    """What is changed keeps its place, what is new comes last."""
    world = World()
    ada = world.user("ada@example.org")
    first, second = world.document(ada), world.document(ada)
    below = applied(world.records)
    overlay = Overlay(below)
    begin = len(world.records)
    world.update(ada, "document", first, {"title": "changed"})
    third = world.document(ada)
    for changes in world.records[begin:]:
        overlay.put(changes)
    documents = overlay.tables["document"]
    assert documents.ids(documents.select({})) == [first, second, third]
    assert documents.oldest(1) == [first]


def test_a_unique_value_that_is_let_go_is_free() -> None:
    """And belongs to whom it was given."""
    world = World()
    ada = world.user("ada@example.org")
    overlay = Overlay(applied(world.records))
    begin = len(world.records)
    world.update(ada, "user", ada.user_id or "", {"email": "new@example.org"})
    overlay.put(world.records[begin])
    users = overlay.tables["user"]
    assert users.holder("email", "ada@example.org") is None
    assert users.holder("email", "new@example.org") == ada.user_id


def test_nothing_is_refused_that_the_random_player_does_not_know() -> None:
    """The player does enough to tell something: several hundred changes of every kind of entity that it knows."""
    player = Player(0)
    for _ in range(150):
        try:
            player.play()
        except DomainError:
            pytest.fail("a refusal is the player's to take")
    changed = {change.kind for changes in player.world.records for change in changes}
    assert {"document", "annotation", "text", "tombstone"} <= changed


def test_how_many_people_documents_have_is_counted_with_the_changes() -> None:
    """Who is given a document, moves on, skips it or lets it go; what was there before counts too."""
    team = Team()
    first = team.assign()
    records = team.world.records
    overlay, begin = Overlay(applied(records)), len(records)
    second = team.assign("owner")
    steps: list[Callable[[], object]] = [
        lambda: team.move(first, "in_progress"),
        lambda: team.move(first, "done"),
        lambda: team.move(second, "skipped", by="owner"),
        lambda: team.assign("reviewer", task="review"),
        lambda: team.world.delete(team.actors["owner"], "assignment", second["id"]),
    ]
    for step in steps:
        step()
        for changes in records[begin:]:
            overlay.put(changes)
        begin = len(records)
        counts = team.world.state.supply.counts_of(team.document)
        assert overlay.supply.counts_of(team.document) == counts
    assert (counts.done, counts.reviewing) == (1, 1)
