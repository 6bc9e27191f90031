"""Answers to a crew, reduced to what its judge compares."""

from __future__ import annotations

import msgspec
import pytest

from service.drill.history import Answer
from service.drill.team.history import Deed, reading, seen_of


def told(action: str, collection: str, body: object) -> Answer:
    """Return what an answer says."""
    deed = Deed(number=1, round=1, client="owner", user=0, action=action, collection=collection)  # type: ignore[arg-type]
    return reading(deed, 1.0, 200, msgspec.json.encode(body), replayed=False)


MARK = {"id": "ann_1", "version": 2, "document_id": "doc_1", "label": "red", "attributes": {"stamp": "s"}}
DOCUMENT = {"id": "doc_1", "version": 1, "owner_id": "user_1", "title": "t"}


@pytest.mark.parametrize(
    ("action", "collection", "body", "ids"),
    [
        ("create", "annotations", MARK, ["ann_1"]),
        ("list", "annotations", {"items": [MARK], "next": None, "total": 1}, ["ann_1"]),
        (
            "create",
            "adjudication",
            {"document": DOCUMENT, "decided": [MARK], "rejected": ["ann_9"]},
            ["doc_1", "ann_1"],
        ),
        ("create", "transactions", {"results": [{"index": 0, "status": 201, "id": "ann_1", "version": 1}]}, ["ann_1"]),
        ("get", "comparison", {"items": [{"annotations": [MARK, DOCUMENT]}]}, ["ann_1", "doc_1"]),
        ("survey", "progress", {"documents": {}}, [""]),
    ],
)
def test_an_answer_shows_entities(action: str, collection: str, body: object, ids: list[str]) -> None:
    """Whatever they are wrapped in."""
    assert [one.id for one in told(action, collection, body).shown] == ids


def test_a_mark_tells_its_stamp_and_label() -> None:
    """By which it is known who made it."""
    (seen,) = seen_of(told("get", "annotations", MARK))
    assert (seen.stamp, seen.label, seen.document_id, seen.version) == ("s", "red", "doc_1", 2)


def test_the_text_of_a_document_is_not_compared() -> None:
    """A list has it not, and is the same version."""
    whole, listed = told("get", "documents", DOCUMENT | {"text": "x"}), told("get", "documents", DOCUMENT)
    assert whole.shown == listed.shown
    assert whole.shown != told("get", "documents", DOCUMENT | {"title": "u"}).shown


def test_a_page_that_is_not_the_last_has_a_cursor() -> None:
    """So a survey goes on."""
    answer = told("survey", "annotations", {"items": [], "next": "c", "total": 7})
    assert (answer.complete, answer.cursor, answer.total) == (False, "c", 7)


def test_nothing_is_shown_by_no_content() -> None:
    """There is no next document."""
    deed = Deed(number=1, round=1, client="owner", user=0, action="create", collection="next")
    assert reading(deed, 1.0, 204, b"", replayed=False).shown == ()
