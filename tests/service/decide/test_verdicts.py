"""Verdicts on extractions: one an annotator, which says what it is."""

from __future__ import annotations

import pytest

from service.commands import Actor
from service.errors import InvalidError, TakenError
from tests.service.decide.world import World


@pytest.fixture
def extraction(world: World, ada: Actor) -> dict[str, str]:
    """Give a document and an extraction on it, as an annotation names them."""
    document = world.document(ada)
    key = world.extraction(ada, document, label="person", attributes={"sure": True})
    return {"document_id": document, "extraction_id": key}


@pytest.mark.parametrize("verdict", ["accepted", "rejected"])
def test_what_a_verdict_leaves_out_is_the_extractions(
    world: World, ada: Actor, extraction: dict[str, str], verdict: str
) -> None:
    """Place, label and attributes; a note of one's own is no difference."""
    body = [{"purpose": "commenting", "value": "indeed"}]
    made = world.create(ada, "annotation", **extraction, verdict=verdict, body=body)
    found = tuple(made[name] for name in ("type", "start", "end", "text", "label", "attributes", "verdict"))
    assert found == ("span", 0, 5, "Marie", "person", {"sure": True}, verdict)
    assert made["body"] == body


@pytest.mark.parametrize(
    ("differing", "pointers"),
    [
        ({"label": "place"}, ["/label"]),
        ({"start": 0, "end": 11}, ["/end"]),
        ({"attributes": {}}, ["/attributes"]),
        ({"type": "document"}, ["/type"]),
    ],
)
@pytest.mark.parametrize("verdict", ["accepted", "rejected"])
def test_who_accepts_or_rejects_something_else_is_told_what(
    world: World,
    ada: Actor,
    extraction: dict[str, str],
    verdict: str,
    differing: dict[str, object],
    pointers: list[str],
) -> None:
    """As a correction it is taken."""
    with pytest.raises(InvalidError) as caught:
        world.create(ada, "annotation", **extraction, verdict=verdict, **differing)
    assert [error.pointer for error in caught.value.errors] == pointers
    span = {"start": 0, "end": 5, "label": "person", "attributes": {"sure": True}}
    assert world.create(ada, "annotation", **extraction, verdict="corrected", **{**span, **differing})


def test_a_correction_corrects_something(world: World, ada: Actor, extraction: dict[str, str]) -> None:
    """What is the same is no correction; what becomes the same by a change is refused too, with the verdict kept."""
    span = {"start": 0, "end": 5, "label": "person", "attributes": {"sure": True}}
    with pytest.raises(InvalidError, match="verdict"):
        world.create(ada, "annotation", **extraction, verdict="corrected", **span)
    made = world.create(ada, "annotation", **extraction, verdict="corrected", **{**span, "label": "name"})
    with pytest.raises(InvalidError, match="verdict"):
        world.update(ada, "annotation", made["id"], {"label": "person"})
    changed = world.update(ada, "annotation", made["id"], {"label": "person", "verdict": "accepted"})
    assert changed["verdict"] == "accepted"
    with pytest.raises(InvalidError, match="accepted"):
        world.update(ada, "annotation", made["id"], {"label": "name"})


def test_each_annotator_has_one_verdict(world: World, ada: Actor, extraction: dict[str, str]) -> None:
    """The second is refused and the first named; links without a verdict are free, and a deleted one counts no more."""
    first = world.annotation(ada, verdict="accepted", **extraction)
    for verdict in ("accepted", "rejected"):
        with pytest.raises(TakenError) as caught:
            world.create(ada, "annotation", **extraction, verdict=verdict)
        assert first in caught.value.errors[0].detail
    link = world.annotation(ada, start=0, end=5, **extraction)
    with pytest.raises(TakenError):
        world.update(ada, "annotation", link, {"verdict": "corrected"})
    assert world.update(ada, "annotation", first, {"verdict": "rejected"})["verdict"] == "rejected"
    world.delete(ada, "annotation", first)
    assert world.update(ada, "annotation", link, {"verdict": "corrected"})["verdict"] == "corrected"
    assert world.update(ada, "annotation", link, {"body": [{"purpose": "p"}]})["version"] == 3
