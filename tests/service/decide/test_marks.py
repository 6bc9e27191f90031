"""Decisions about marks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.commands import Actor
from service.errors import (
    CascadeTooLargeError,
    GoneError,
    ImmutableError,
    InUseError,
    InvalidError,
    NotFoundError,
    PreconditionFailedError,
)
from tests.service.decide.world import World


def test_a_span_that_moves_without_its_text_derives_it_anew(world: World, ada: Actor) -> None:
    """With its text it is checked, and fragments bring their hull."""
    document = world.document(ada)
    mark = world.annotation(ada, document, start=0, end=5, label="person")
    after = world.update(ada, "annotation", mark, {"end": 11})
    assert (after["text"], after["label"], after["version"]) == ("Marie Curie", "person", 2)
    with pytest.raises(InvalidError):
        world.update(ada, "annotation", mark, {"start": 6, "text": "Marie"})
    pieces = [{"start": 0, "end": 5}, {"start": 16, "end": 22}]
    after = world.update(ada, "annotation", mark, {"fragments": pieces})
    assert (after["text"], after["start"], after["end"]) == ("Marie Albert", 0, 22)
    after = world.update(ada, "annotation", mark, {"fragments": None, "start": 6, "end": 11})
    assert after["text"] == "Curie"
    assert "fragments" not in after


def test_an_update_moves_a_mark_in_the_indexes(world: World, ada: Actor) -> None:
    """It is found under what it says now."""
    document = world.document(ada)
    mark = world.annotation(ada, document, label="a")
    world.update(ada, "annotation", mark, {"label": "b", "status": "accepted"})
    table = world.state.tables["annotation"]
    assert table.ids(table.select({"label": ("a",)})) == []
    assert table.ids(table.select({"label": ("b",), "status": ("accepted",)})) == [mark]


def test_an_extraction_changes_in_its_status_alone(world: World, ada: Actor) -> None:
    """By patch and by put."""
    document = world.document(ada)
    key = world.extraction(ada, document, confidence=0.5)
    assert world.update(ada, "extraction", key, {"status": "rejected"})["status"] == "rejected"
    for patch in ({"confidence": 0.9}, {"label": "x"}, {"end": 4}):
        with pytest.raises(ImmutableError, match="only its status"):
            world.update(ada, "extraction", key, patch)
    same = world.value("extraction", key)
    assert world.put(ada, "extraction", key, {**same, "status": "accepted"}).version == 3


def test_a_mark_does_not_move_to_another_document(world: World, ada: Actor) -> None:
    """Nor does it change its author."""
    document, other = world.document(ada), world.document(ada)
    mark = world.annotation(ada, document)
    with pytest.raises(ImmutableError, match="do not move"):
        world.update(ada, "annotation", mark, {"document_id": other})
    with pytest.raises(InvalidError, match="read-only"):
        world.update(ada, "annotation", mark, {"author_id": "user_other"})


def test_a_verdict_is_about_an_extraction_and_no_mark_points_to_itself(world: World, ada: Actor) -> None:
    """Both are named."""
    document = world.document(ada)
    mark, other = world.annotation(ada, document), world.annotation(ada, document)
    arguments = [{"role": "a", "target": mark}, {"role": "b", "target": other}]
    with pytest.raises(InvalidError) as caught:
        world.update(ada, "annotation", mark, {"verdict": "accepted", "type": "relation", "arguments": arguments})
    assert [error.pointer for error in caught.value.errors] == ["/extraction_id", "/arguments/0/target"]


def test_a_mark_is_gone_for_its_owner_and_goes_on_with_its_version(world: World, ada: Actor) -> None:
    """Also when it went with its document; others learn nothing."""
    eve = world.user("eve@example.org")
    document = world.document(ada)
    first, second = world.annotation(ada, document), world.annotation(ada, document)
    world.delete(ada, "annotation", first)
    assert world.put(ada, "annotation", first, {"document_id": document}).version == 2
    world.delete(ada, "document", document)
    for key in (first, second):
        with pytest.raises(GoneError):
            world.update(ada, "annotation", key, {})
        with pytest.raises(NotFoundError):
            world.update(eve, "annotation", key, {})
    with pytest.raises(GoneError):
        world.put(ada, "annotation", first, {"document_id": document})
    assert (world.state.counts["annotation"], world.state.counts["tombstone"]) == (0, 3)


@pytest.mark.parametrize("operation", ["update", "delete", "put"])
def test_a_stale_version_is_refused(world: World, ada: Actor, operation: str) -> None:
    """Whatever is asked for."""
    document = world.document(ada)
    mark = world.annotation(ada, document)
    world.update(ada, "annotation", mark, {})
    attempts: dict[str, Any] = {
        "update": lambda: world.update(ada, "annotation", mark, {}, if_match=(1,)),
        "delete": lambda: world.delete(ada, "annotation", mark, if_match=(1,)),
        "put": lambda: world.put(ada, "annotation", mark, {"document_id": document}, if_match=(1,)),
    }
    with pytest.raises(PreconditionFailedError):
        attempts[operation]()
    assert world.value("annotation", mark)["version"] == 2


def test_events_name_what_happened_and_where_the_key_changed_before(world: World, ada: Actor) -> None:
    """In the past tense; a deletion carries what was deleted."""
    document = world.document(ada)
    mark = world.annotation(ada, document)
    before = len(world.records)
    world.update(ada, "annotation", mark, {"label": "x"})
    value = world.state.tables["annotation"].value(mark)
    world.delete(ada, "annotation", mark)
    (updated,), (deleted, buried) = world.records[before:]
    assert (updated.event, updated.previous) == ("annotation.updated", before)
    assert (deleted.event, deleted.previous, deleted.value, deleted.before) == (
        "annotation.deleted",
        before + 1,
        None,
        value,
    )
    assert buried.event == "tombstone.created"


def test_a_cascade_has_a_limit(world: World, ada: Actor) -> None:
    """As many as the limit are deleted together, one more are not."""
    document = world.document(ada)
    first, second = (world.annotation(ada, document, start=0, end=5) for _ in range(2))
    arguments = [{"role": role, "target": target} for role, target in (("a", first), ("b", second))]
    world.annotation(ada, document, type="relation", arguments=arguments)
    world.annotation(ada, document, type="relation", arguments=arguments)
    world.limits = msgspec.structs.replace(world.limits, cascade_max=2)
    with pytest.raises(CascadeTooLargeError, match="More than 2 marks"):
        world.delete(ada, "annotation", first, cascade=True)
    assert world.state.counts["annotation"] == 4
    world.limits = msgspec.structs.replace(world.limits, cascade_max=3)
    world.delete(ada, "annotation", first, cascade=True)
    assert world.state.counts["annotation"] == 1


def test_a_text_without_a_span_is_refused(world: World, ada: Actor) -> None:
    """Nothing could be compared with it, and nothing that is sent is dropped."""
    document = world.document(ada)
    with pytest.raises(InvalidError) as caught:
        world.annotation(ada, document, text="Marie")
    assert [error.pointer for error in caught.value.errors] == ["/text"]
    mark = world.annotation(ada, document, label="letter")
    with pytest.raises(InvalidError):
        world.update(ada, "annotation", mark, {"text": "Marie"})


def test_a_mark_that_points_twice_is_named_once(world: World, ada: Actor) -> None:
    """As its extraction and as an argument."""
    document = world.document(ada)
    extraction = world.extraction(ada, document)
    other = world.annotation(ada, document, start=6, end=11)
    arguments = [{"role": "a", "target": extraction}, {"role": "b", "target": other}]
    world.annotation(ada, document, type="relation", arguments=arguments, extraction_id=extraction)
    with pytest.raises(InUseError, match=f"1 marks point to {extraction}"):
        world.delete(ada, "extraction", extraction)
