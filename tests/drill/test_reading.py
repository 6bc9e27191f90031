"""Answers are reduced to what can be compared."""

from __future__ import annotations

import msgspec
import pytest

from service.drill.history import Operation
from service.drill.reading import answer_of, digest, shown_of

DOCUMENT = {"id": "doc_1", "version": 2, "title": "stamp", "external_id": "red", "metadata": {}}
MARK = {
    "id": "ann_1",
    "version": 1,
    "document_id": "doc_1",
    "text": "Marie",
    "label": "blue",
    "attributes": {"stamp": "s"},
}


def operation(action: str) -> Operation:
    """Return a request."""
    return msgspec.convert(
        {"number": 1, "round": 1, "client": "c", "user": 0, "action": action, "collection": "documents"}, Operation
    )


def test_a_document_is_the_same_with_its_text_and_without() -> None:
    """GET has it, lists have not."""
    with_text, without = shown_of(DOCUMENT | {"text": "Marie Curie"}), shown_of(DOCUMENT)
    assert with_text.digest == without.digest
    assert (with_text.text, without.text) == (digest(b"Marie Curie"), "")
    assert (without.stamp, without.label, without.document_id) == ("stamp", "red", "")
    assert shown_of(DOCUMENT | {"metadata": {"a": 1}}).digest != without.digest


def test_the_text_of_a_mark_is_part_of_it() -> None:
    """It is derived, and must stay."""
    mark = shown_of(MARK)
    assert (mark.stamp, mark.label, mark.document_id) == ("s", "blue", "doc_1")
    assert shown_of(MARK | {"text": "Pierre"}).digest != mark.digest


def test_a_list_is_complete_if_no_page_follows() -> None:
    """Its count and its cursor are kept."""
    body = msgspec.json.encode({"items": [DOCUMENT], "next": "abc", "total": 7})
    answer = answer_of(operation("list"), 1.0, 200, body, replayed=False)
    assert (len(answer.shown), answer.total, answer.complete, answer.cursor) == (1, 7, False, "abc")
    last = msgspec.json.encode({"items": [], "next": None})
    assert answer_of(operation("survey"), 1.0, 200, last, replayed=False).complete


def test_an_item_of_a_list_is_what_the_entity_itself_says() -> None:
    """Also one that was read before, and one that differs from it in a byte."""
    marks = [MARK, MARK | {"label": "red"}, MARK]
    body = msgspec.json.encode({"items": marks, "next": None, "total": 3})
    for _ in range(2):
        shown = answer_of(operation("list"), 1.0, 200, body, replayed=False).shown
        assert list(shown) == [shown_of(mark) for mark in marks]
    assert shown[0] != shown[1]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"items":[]}', b'{"id":"doc_1"}'])
def test_an_answer_that_is_none_of_this_api_is_an_error(body: bytes) -> None:
    """It is no JSON, or lacks what is always there."""
    action = "list" if b"items" in body else "get"
    with pytest.raises(msgspec.MsgspecError):
        answer_of(operation(action), 1.0, 200, body, replayed=False)
