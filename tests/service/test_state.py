"""Tables, their indexes and their order, and the state's digest."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from pyroaring import BitMap

from service.kinds.base import Index, Kind
from service.state.state import State
from service.state.table import Table
from wal import digest
from wal.change import Change


class Argument(msgspec.Struct):
    """An argument of a note."""

    target: str


class NoteRow(msgspec.Struct):
    """What the indexes of a note need."""

    label: str | None = None
    name: str | None = None
    tags: list[str] | None = None
    arguments: list[Argument] | None = None


NOTE = Kind(
    name="note",
    prefix="note",
    row=NoteRow,
    indexes=(
        Index("label", "label"),
        Index("tag", "tags"),
        Index("target", "arguments.target"),
        Index("name", "name", unique=True),
    ),
)


def note(key: str, **members: object) -> bytes:
    """Return a note's JSON."""
    return msgspec.json.encode({"id": key, **members})


def put(key: str, **members: object) -> Change:
    """Return a change that puts a note."""
    return Change(b"", "note.put", "note", key, 1, 0, note(key, **members))


def remove(key: str) -> Change:
    """Return a change that removes a note."""
    return Change(b"", "note.deleted", "note", key, 1, 0, None)


def keys(table: Table, after: int | None = None, *, descending: bool = False, **filters: Any) -> list[str]:
    """List ids."""
    rows = table.select({name: value.split("|") for name, value in filters.items()})
    found = list(table.walk(rows, after, descending=descending))
    for limit in (1, 2, 1000):
        values, last = table.page(rows, after, limit, 10**6, descending=descending)
        assert values == [value for _, value in found[:limit]]
        assert last == (found[limit - 1][0] if limit < len(found) else None)
    return [msgspec.json.decode(value)["id"] for _, value in found]


@pytest.fixture
def state() -> State:
    """Return a state with four notes."""
    state = State([NOTE])
    state.apply(1, 0, [put("d", label="x", tags=["p", "q"]), put("b", label="y")])
    state.apply(2, 0, [put("c", label="x", arguments=[{"target": "d"}, {"target": "b"}])])
    state.apply(3, 0, [put("a", name="unique")])
    return state


def test_lists_are_in_the_order_of_creation(state: State) -> None:
    """Not in the order of ids, and an update does not move an entity."""
    state.apply(4, 0, [put("d", label="z")])
    assert keys(state.tables["note"]) == ["d", "b", "c", "a"]
    assert keys(state.tables["note"], descending=True) == ["a", "c", "b", "d"]


def test_filters_are_and_between_fields_and_or_between_values(state: State) -> None:
    """A value that nothing has selects nothing."""
    table = state.tables["note"]
    assert keys(table, label="x") == ["d", "c"]
    assert keys(table, label="x|y") == ["d", "b", "c"]
    assert keys(table, label="x", tag="q") == ["d"]
    assert keys(table, target="b") == ["c"]
    assert keys(table, label="nothing") == []


def test_one_of_several_conditions_is_enough(state: State) -> None:
    """Each row once, though it passes two; with other filters both must hold."""
    table = state.tables["note"]

    def found(any_of: list[dict[str, tuple[str, ...]]], **filters: tuple[str, ...]) -> list[str]:
        return table.ids(table.select(filters, any_of=any_of))

    assert found([{"label": ("x",)}, {"label": ("y",)}, {"tag": ("p", "q")}]) == ["d", "b", "c"]
    assert found([{"label": ("x",), "tag": ("q",)}, {"target": ("b",)}]) == ["d", "c"]
    assert found([{"label": ("x",)}, {"label": ("y",)}], tag=("q",)) == ["d"]
    assert found([{"label": ()}, {"label": ("y",)}]) == ["b"]
    assert found([{"label": ("x",), "tag": ("q",)}]) == ["d"]
    assert found([{"label": ()}]) == []
    assert keys(table, label="x") == ["d", "c"]


def test_selecting_does_not_change_what_is_selected_from(state: State) -> None:
    """A bitmap that is handed out is not the index's own, or is not changed."""
    table = state.tables["note"]
    first = BitMap(table.select({"label": ["x", "y"]}))
    assert table.select({"label": ["x"]}) != first
    assert table.select({"label": ["x", "y"]}) == first


def test_a_unique_value_finds_its_holder_until_it_changes(state: State) -> None:
    """Also after an update and a deletion."""
    table = state.tables["note"]
    assert table.holder("name", "unique") == "a"
    state.apply(4, 0, [put("a", name="other")])
    assert (table.holder("name", "unique"), table.holder("name", "other")) == (None, "a")
    state.apply(5, 0, [remove("a")])
    assert table.holder("name", "other") is None


def test_a_unique_value_that_moves_within_a_record_belongs_to_its_new_holder(state: State) -> None:
    """Whatever comes after on the old holder."""
    state.apply(4, 0, [put("b", name="unique"), put("a", name="free")])
    assert state.tables["note"].holder("name", "unique") == "b"


def test_a_walk_goes_on_behind_a_position_while_entities_come_and_go(state: State) -> None:
    """Nothing that stays is shown twice or left out, in either direction."""
    table = state.tables["note"]
    positions = {msgspec.json.decode(value)["id"]: place for place, value in table.walk(table.select({}), None)}
    state.apply(4, 0, [remove("b"), put("e", label="x")])
    assert keys(table, positions["b"]) == ["c", "a", "e"]
    assert keys(table, positions["c"]) == ["a", "e"]
    assert keys(table, positions["c"], descending=True) == ["d"]
    assert keys(table, positions["b"], descending=True) == ["d"]
    assert keys(table, positions["d"], descending=True) == []


def test_an_id_that_is_created_again_comes_last(state: State) -> None:
    """It has a new place in the order."""
    state.apply(4, 0, [remove("d")])
    state.apply(5, 0, [put("d")])
    assert keys(state.tables["note"]) == ["b", "c", "a", "d"]
    assert state.tables["note"].sequence("d") == 5


def test_what_is_absent_has_no_value_no_row_and_no_sequence(state: State) -> None:
    """And no error."""
    table = state.tables["note"]
    assert (table.value("zzz"), table.row("zzz"), table.sequence("zzz")) == (None, None, 0)


@pytest.mark.parametrize("keeps_rows", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_indexes_and_digest_equal_a_rebuild_after_random_changes(seed: int, keeps_rows: bool) -> None:
    """Whatever was put and removed, the look-ups are those of a state built from what is left."""
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)
    kind = Kind("note", "note", NoteRow, NOTE.indexes, keeps_rows=keeps_rows)
    state = State([kind])
    model: dict[str, Change] = {}
    for sequence in range(1, 400):
        key = f"n{chance.randrange(40)}"
        if key in model and chance.random() < 0.4:
            del model[key]
            state.apply(sequence, 0, [remove(key)])
            continue
        tags = chance.sample(["p", "q", "r"], chance.randrange(3))
        change = put(key, label=chance.choice("xyz"), tags=tags, name=f"name of {key} {chance.randrange(3)}")
        if key in model:
            model[key] = change
        else:
            model = {**model, key: change}
        state.apply(sequence, 0, [change])
    rebuilt = State([kind])
    rebuilt.apply(400, 0, list(model.values()))
    table, expected = state.tables["note"], rebuilt.tables["note"]
    total = sum(digest.entity_hash("note", key, change.value or b"") for key, change in model.items())
    assert state.digest == rebuilt.digest == total % 2**128
    assert dict(state.counts) == {"note": len(model)}
    assert dict(table.items()) == dict(expected.items())
    cases: list[dict[str, Any]] = [{}, {"label": "x"}, {"tag": "q|r"}, {"label": "y|z", "tag": "p"}]
    for filters in cases:
        assert keys(table, **filters) == keys(expected, **filters), filters
        assert keys(table, descending=True, **filters) == keys(table, **filters)[::-1]
    for key, change in model.items():
        name = msgspec.json.decode(change.value or b"")["name"]
        assert table.holder("name", name) == key


class ScoreRow(msgspec.Struct):
    """What the indexes of a score need."""

    value: float | None = None
    note: str | None = None


def test_a_lower_bound_passes_what_is_not_less() -> None:
    """Exactly, also within a thousandth, and after changes and removals."""
    chance = random.Random(7)
    table = Table(Kind("score", "score", ScoreRow, (Index("value", "value", is_range=True),)))
    numbers: dict[str, float | None] = {}
    for place in range(600):
        key = f"s{chance.randrange(200)}"
        if key in numbers and chance.random() < 0.2:
            table.remove(key)
            del numbers[key]
            continue
        number = chance.choice(
            (None, 0.0, 1.0, 0.5, round(chance.random(), 2), chance.random(), 0.5 + chance.random() / 1e4)
        )
        table.put(key, note(key, value=number), place + 1, place)
        numbers[key] = number
    for bound in (0.0, 0.5, 0.50001, 0.500099, 0.7, 1.0, 1.1, -1.0, *(chance.random() for _ in range(50))):
        expected = {key for key, number in numbers.items() if number is not None and number >= bound}
        assert set(table.ids(table.select({}, at_least={"value": bound}))) == expected


def test_an_index_through_another_kind_follows_its_entities() -> None:
    """What is found is who the other entity belongs to."""
    owned = Kind("owned", "o", NoteRow, (Index("label", "label"),), keeps_rows=True)
    direct, through = Index("note", "note"), Index("note.label", "note", through=("owned", "label"))
    state = State((owned, Kind("score", "score", ScoreRow, (direct, through))))
    for key, label in (("n1", "ada"), ("n2", "bob")):
        state.apply(1, 1, [Change(b"", "e", "owned", key, 1, 0, note(key, label=label))])
    for key, pointed in (("s1", "n1"), ("s2", "n2"), ("s3", "n1")):
        state.apply(2, 1, [Change(b"", "e", "score", key, 1, 0, note(key, note=pointed))])
    scores = state.tables["score"]
    assert scores.ids(scores.select({"note.label": ("ada",)})) == ["s1", "s3"]
    state.apply(3, 1, [Change(b"", "e", "score", "s1", 1, 0, None)])
    assert scores.ids(scores.select({"note.label": ("ada",)})) == ["s3"]
    before = {value: list(rows) for value, rows in scores._postings["note.label"]}
    state.loaded(3, state.digest)
    assert {value: list(rows) for value, rows in scores._postings["note.label"]} == before


def test_rows_that_expired_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the front; what is asked of the table stays the same, also when it is empty and filled again."""
    tables = []
    for least in (1, 1 << 40):
        monkeypatch.setattr("service.state.table.PREFIX_ROWS_MIN", least)
        state, chance = State((NOTE,)), random.Random(11)
        table, keys = state.tables["note"], list[str]()
        for number in range(3000):
            # In the first round everything goes, in the others a part.
            expiring = number % 1000 > (500, 700, 700)[number // 1000]
            if keys and expiring:
                state.apply(number + 1, 1, [remove(keys.pop(0))])
            elif keys and chance.random() < 0.2:
                state.apply(number + 1, 1, [put(chance.choice(keys), label=f"l{number % 3}")])
            else:
                keys.append(f"k{number}")
                state.apply(number + 1, 1, [put(keys[-1], label=f"l{number % 3}")])
        tables.append((state, table))
    (state, table), (other_state, other) = tables
    assert len(table._values) < len(other._values) - 500
    assert state.digest == other_state.digest
    assert list(table.items()) == list(other.items())
    for rows in ({"label": ("l1",)}, {}):
        for descending in (False, True):
            walked = list(table.walk(table.select(rows), None, descending=descending))
            assert walked == list(other.walk(other.select(rows), None, descending=descending))
            after = walked[len(walked) // 2][0]
            page = list(table.walk(table.select(rows), after, descending=descending))
            assert page == list(other.walk(other.select(rows), after, descending=descending))
    assert table.oldest(5) == other.oldest(5)
