"""Comparing annotators on one document."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from service.agreement.comparison import Comparison, Entry, compare
from service.agreement.spans import decode_claim

ADA, BOB, EVE = "user_a", "user_b", "user_e"


def entry(key: str, author_id: str, start: int | None = None, end: int | None = None, **members: Any) -> Entry:
    """Return an annotation, a span if it is given a place."""
    kind = "document" if start is None else "span"
    place = {} if start is None else {"start": start, "end": end}
    whole = {
        "id": key,
        "document_id": "doc",
        "author_id": author_id,
        "type": kind,
        "attributes": {},
        **place,
        **members,
    }
    value = msgspec.json.encode(whole)
    return Entry(decode_claim(value), value)


def compared(entries: list[Entry], who: tuple[str, ...] = (ADA, BOB), *, attributes: bool = True) -> Comparison:
    """Return the comparison."""
    steps = compare("doc", who, entries, attributes=attributes)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        found: Comparison = end.value
        return found


def told(comparison: Comparison) -> list[tuple[str, list[str], list[str], list[str]]]:
    """Return kind, ids, what differs and who is missing of each item."""
    return [
        (item.kind, [msgspec.json.decode(value)["id"] for value in item.annotations], item.differs, item.missing)
        for item in comparison.items
    ]


def test_agreements_disagreements_and_what_only_one_has() -> None:
    """In the order of the text."""
    entries = [
        entry("1", ADA, 20, 25, label="x"),
        entry("2", ADA, 0, 5, label="x"),
        entry("3", BOB, 0, 5, label="x"),
        entry("4", ADA, 6, 9, label="x"),
        entry("5", BOB, 6, 9, label="y"),
        entry("6", ADA, 10, 14, label="x"),
        entry("7", BOB, 12, 18, label="x"),
        entry("8", BOB, 30, 31),
    ]
    found = compared(entries)
    assert told(found) == [
        ("agreement", ["2", "3"], [], []),
        ("disagreement", ["4", "5"], ["label"], []),
        ("disagreement", ["6", "7"], ["place"], []),
        ("only_one", ["1"], [], []),
        ("only_one", ["8"], [], []),
    ]
    assert (found.agreements, found.disagreements, found.only_one) == (1, 2, 2)
    assert (found.items[2].start, found.items[2].end) == (10, 18)


def test_who_has_nothing_there_is_missing() -> None:
    """Two of three who say the same do not make an agreement of all."""
    entries = [entry("1", ADA, 0, 5, label="x"), entry("2", BOB, 0, 5, label="x")]
    assert told(compared(entries, (ADA, BOB, EVE))) == [("disagreement", ["1", "2"], [], [EVE])]
    assert told(compared(entries)) == [("agreement", ["1", "2"], [], [])]
    assert told(compared(entries[:1], (ADA,))) == [("only_one", ["1"], [], [])]
    assert told(compared([])) == []


def test_attributes_count_unless_they_are_not_asked_for() -> None:
    """Whatever the order of their names."""
    entries = [
        entry("1", ADA, 0, 5, attributes={"a": 1, "b": 2}),
        entry("2", BOB, 0, 5, attributes={"b": 2, "a": 1}),
        entry("3", ADA, 6, 9, attributes={"a": 1}),
        entry("4", BOB, 6, 9, attributes={"a": 2}),
    ]
    assert [item[0] for item in told(compared(entries))] == ["agreement", "disagreement"]
    assert told(compared(entries))[1][2] == ["attributes"]
    assert [item[0] for item in told(compared(entries, attributes=False))] == ["agreement", "agreement"]


def test_a_rejected_extraction_is_no_agreement_with_an_accepted_one() -> None:
    """Though both say the same of place and label."""
    entries = [entry("1", ADA, 0, 5, verdict="accepted"), entry("2", BOB, 0, 5, verdict="rejected")]
    assert told(compared(entries)) == [("disagreement", ["1", "2"], ["verdict"], [])]
    entries = [entry("1", ADA, 0, 5, verdict="accepted"), entry("2", BOB, 0, 5, verdict="corrected")]
    assert told(compared(entries)) == [("agreement", ["1", "2"], [], [])]


def test_fragments_are_a_place_of_their_own() -> None:
    """The hull is another one, and overlaps."""
    pieces = [{"start": 0, "end": 2}, {"start": 6, "end": 9}]
    entries = [entry("1", ADA, 0, 9, fragments=pieces), entry("2", BOB, 0, 9)]
    assert told(compared(entries)) == [("disagreement", ["1", "2"], ["place"], [])]


def related(key: str, who: str, *targets: str, **members: Any) -> Entry:
    """Return a relation."""
    arguments = [{"role": str(place), "target": target} for place, target in enumerate(targets)]
    return entry(key, who, type="relation", arguments=arguments, **members)


def test_relations_agree_if_what_they_lead_to_does() -> None:
    """Each annotator's lead to their own spans; relations of relations too, and circles end."""
    entries = [entry(f"{who}{place}", who, place, place + 1, label="x") for who in (ADA, BOB) for place in (0, 2)]
    entries += [related(f"{who}r", who, f"{who}0", f"{who}2", label="r") for who in (ADA, BOB)]
    entries += [related(f"{who}s", who, f"{who}r", f"{who}0", label="s") for who in (ADA, BOB)]
    entries += [related(f"{who}t", who, f"{who}t", f"{who}0", label="t") for who in (ADA, BOB)]
    found = compared(entries)
    assert (found.agreements, found.disagreements, found.only_one) == (5, 0, 0)
    entries[1] = entry(f"{ADA}2", ADA, 2, 3, label="y")
    found = compared(entries)
    assert (found.agreements, found.disagreements, found.only_one) == (2, 1, 4)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_does_not_depend_on_that_of_the_annotations(seed: int) -> None:
    """Nor does what belongs together."""
    chance = random.Random(seed)
    entries = []
    for number in range(60):
        start = chance.randrange(100)
        label = chance.choice("xy")
        entries.append(
            entry(f"{number:03}", chance.choice((ADA, BOB)), start, start + chance.randrange(1, 6), label=label)
        )
    first = told(compared(entries))
    chance.shuffle(entries)
    assert told(compared(entries)) == first
    assert sorted(key for _, keys, _, _ in first for key in keys) == sorted(one.claim.id for one in entries)
