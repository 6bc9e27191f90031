"""Frozen states: the state as it was, while it changes."""

from __future__ import annotations

import random

import pytest
from pyroaring import BitMap

from service.ids import IdSource
from service.kinds import KINDS
from service.state.frozen import Frozen, FrozenLostError
from service.state.state import State
from service.state.table import PREFIX_ROWS_MIN
from wal.change import Change

PLENTY = 1 << 30
DOCUMENT = b'{"version":1,"owner_id":"user_1"}'


class Written:
    """A state of texts, which hold nothing but a number, and what they are."""

    def __init__(self) -> None:
        self.state = State(KINDS)
        self.values: dict[str, bytes] = {}
        self._ids = IdSource(lambda: 1_700_000_000_000_000)
        self._count = 0

    def put(self, key: str | None = None) -> str:
        """Create or change one."""
        self._count += 1
        key = key or self._ids.new("doc")
        self.values[key] = b'{"text":"%d"}' % self._count
        self._apply(key, self.values[key])
        return key

    def remove(self, key: str) -> None:
        """Remove one."""
        del self.values[key]
        self._apply(key, None)

    def freeze(self, bytes_max: int = PLENTY) -> Frozen:
        """Freeze all."""
        return Frozen(self.state, {"text": self.state.tables["text"].select({})}, bytes_max)

    def _apply(self, key: str, value: bytes | None) -> None:
        self.state.apply(self.state.sequence + 1, 0, [Change(b"", "text.set", "text", key, 1, 0, value)])


def told(frozen: Frozen) -> dict[str, bytes]:
    """Return everything that was frozen, row by row."""
    table = frozen.tables["text"]
    return dict(map(table.at, table.rows))


@pytest.mark.parametrize("seed", range(3))
def test_a_frozen_state_tells_it_as_it_was_whatever_happens(seed: int) -> None:
    """Changes, removals, new entities and ids that come again, in any order, over several of them at once."""
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)
    written = Written()
    known = [written.put() for _ in range(50)]
    states: list[tuple[Frozen, dict[str, bytes]]] = []
    for _ in range(2000):
        if chance.random() < 0.01:
            states.append((written.freeze(), dict(written.values)))
        key = chance.choice(known)
        if key in written.values and chance.random() < 0.5:
            written.remove(key)
        else:
            known.append(written.put(key if chance.random() < 0.8 else None))
    assert len(states) > 5
    for frozen, values in states:
        assert told(frozen) == values
        assert all(frozen.tables["text"].value(key) == values.get(key) for key in known)


def test_a_frozen_state_outlives_the_rows_that_the_table_lets_go() -> None:
    """A table forgets a long beginning of removed rows."""
    written = Written()
    keys = [written.put() for _ in range(PREFIX_ROWS_MIN + 10)]
    frozen, before = written.freeze(), dict(written.values)
    for key in keys[: PREFIX_ROWS_MIN + 5]:
        written.remove(key)
    assert told(frozen) == before


def test_values_that_change_are_kept_up_to_a_limit() -> None:
    """As many bytes as may be kept are; with one more it is lost, and keeps nothing."""
    written = Written()
    keys = [written.put() for _ in range(3)]
    size = sum(len(written.values[key]) for key in keys[:2])
    frozen, before = written.freeze(size), dict(written.values)
    for key in [*keys[:2], *keys[:2]]:
        written.put(key)
    assert told(frozen) == before
    written.remove(keys[2])
    with pytest.raises(FrozenLostError):
        told(frozen)
    with pytest.raises(FrozenLostError):
        frozen.tables["text"].value(keys[0])


def test_what_is_not_frozen_takes_nothing_of_the_limit() -> None:
    """Rows that were not selected, and new ones."""
    written = Written()
    first, second = written.put(), written.put()
    rows = written.state.tables["text"].select({}, only=first)
    frozen = Frozen(written.state, {"text": BitMap(rows)}, 0)
    written.put(second)
    written.remove(second)
    written.remove(written.put())
    assert told(frozen) == {first: written.values[first]}


def test_a_released_one_costs_nothing_and_tells_nothing() -> None:
    """The table hands over nothing more, and to the others still; what it would tell now is not what was."""
    written = Written()
    key = written.put()
    one, other, before = written.freeze(), written.freeze(0), dict(written.values)
    other.release()
    written.put(key)
    assert told(one) == before
    with pytest.raises(FrozenLostError):
        told(other)
    with pytest.raises(FrozenLostError):
        other.tables["text"].value(key)


def changed(kind: str, key: str, value: bytes | None) -> Change:
    """Return a change of a document or its text."""
    return Change(b"", f"{kind}.set", kind, key, 1, 0, value)


@pytest.mark.parametrize("kinds", [("text", "document"), ("document", "text")])
@pytest.mark.parametrize("comes_again", [True, False])
def test_parts_are_kept_with_what_they_are_parts_of(kinds: tuple[str, str], *, comes_again: bool) -> None:
    """Whichever of both is removed first; those of others take nothing of the limit."""
    state, text = State(KINDS), b'{"text":"x"}'
    keys = ("doc_1", "doc_2")
    state.apply(1, 0, [changed(kind, key, text if kind == "text" else DOCUMENT) for key in keys for kind in kinds])
    rows = {"document": state.tables["document"].select({}, only="doc_1")}
    frozen = Frozen(state, rows, len(DOCUMENT) + len(text), {"text": "document"})
    for sequence, key in enumerate(reversed(keys), start=2):
        changes = [changed(kind, key, None) for kind in kinds]
        if comes_again:
            changes += [changed(kind, key, b'{"text":"y"}' if kind == "text" else DOCUMENT) for kind in kinds]
        state.apply(sequence, 0, changes * 2 if comes_again else changes)
    assert list(map(frozen.tables["document"].at, frozen.tables["document"].rows)) == [("doc_1", DOCUMENT)]
    assert frozen.tables["text"].value("doc_1") == text


def test_changes_of_the_table_are_counted() -> None:
    """Of all its rows, whether they were frozen, and whether anything more may be kept; not what is new."""
    written = Written()
    first, second = written.put(), written.put()
    rows = written.state.tables["text"].select({}, only=first)
    frozen = Frozen(written.state, {"text": rows}, 0)
    counts = []
    for change in (written.put, written.remove, written.put):
        for key in (first, second):
            change(key)
            counts.append(frozen.tables["text"].changes)
    assert counts == [1, 2, 3, 4, 4, 4]
