"""Extractions and annotations: what their members become."""

from __future__ import annotations

from typing import Any

import pytest

from tests.legacy.examples import item

ON = {"document_id": "d1"}


def draft(kind: str, **members: Any) -> dict[str, Any]:
    """Return the draft of a mark on a document, created in 1970."""
    return item(kind, {**ON, **members}).draft(0)


@pytest.mark.parametrize(
    "members",
    [
        {"start": 1, "end": 5},
        {"start_offset": 1, "end_offset": 5},
        {"begin": 1, "stop": 5},
        {"startChar": 1, "endChar": 5},
        {"char_interval": {"start_pos": 1, "end_pos": 5}},
        {"span": [1, 5]},
        {"position": {"begin": 1, "end": 5}},
    ],
)
def test_a_span_has_many_names(members: dict[str, Any]) -> None:
    """Side by side, as an object, or as a pair."""
    mark = draft("annotation", **members)
    assert (mark["start"], mark["end"]) == (1, 5)
    assert mark["origin"] == {"format": "legacy", "id": "k"}


def test_a_span_that_cannot_be_read_is_refused() -> None:
    """It does not become a mark on the whole document."""
    for value in ("1-5", [1, 2, 3], 7):
        with pytest.raises(ValueError, match="found as its span"):
            draft("annotation", span=value)


def test_what_else_an_interval_holds_is_kept() -> None:
    """With the whole of it."""
    mark = draft("extraction", char_interval={"start_pos": 1, "end_pos": 5, "page": 3})
    assert mark["start"] == 1
    assert mark["origin"]["extra"] == {"char_interval": {"start_pos": 1, "end_pos": 5, "page": 3}}


def test_the_model_s_words_are_checked_unless_it_says_how_they_align() -> None:
    """Then they are a quote only; without a span too."""
    span = {"char_interval": {"start_pos": 1, "end_pos": 5}, "extraction_text": "Text"}
    plain = draft("extraction", **span)
    assert (plain["quote"], plain["text"]) == ("Text", "Text")
    fuzzy = draft("extraction", **span, alignment_status="match_fuzzy")
    assert (fuzzy["quote"], fuzzy["alignment"]) == ("Text", "fuzzy")
    assert "text" not in fuzzy
    nowhere = draft("extraction", char_interval=None, extraction_text="Text")
    assert (nowhere["quote"], nowhere["alignment"]) == ("Text", "none")
    assert "text" not in nowhere
    assert draft("extraction", text="Text")["quote"] == "Text"


@pytest.mark.parametrize(
    ("members", "source"),
    [
        ({}, {"name": "legacy"}),
        ({"model": "m", "model_version": "2", "run_id": "r"}, {"name": "m", "version": "2", "run": "r"}),
        ({"source": {"name": "m", "version": "2"}}, {"name": "m", "version": "2"}),
    ],
)
def test_an_extraction_has_a_source(members: dict[str, Any], source: dict[str, str]) -> None:
    """Whether the file names one or not."""
    assert draft("extraction", **members)["source"] == source


def test_a_confidence_that_is_none_is_kept_aside() -> None:
    """Percent, for example."""
    assert draft("extraction", score=0.5)["confidence"] == 0.5
    percent = draft("extraction", score=87)
    assert "confidence" not in percent
    assert percent["origin"]["extra"] == {"score": 87}


def test_what_a_person_wrote_without_a_span_is_a_comment() -> None:
    """A note is one too."""
    mark = draft("annotation", text="See page 2", note="later")
    assert mark["body"] == [
        {"purpose": "commenting", "value": "later"},
        {"purpose": "commenting", "value": "See page 2"},
    ]
    assert "text" not in mark


def test_status_and_verdict_are_translated() -> None:
    """A verdict without an extraction, and a status of its own, are kept aside."""
    mark = draft("annotation", extraction_id="e1", verdict="wrong", status="Approved")
    assert (mark["verdict"], mark["status"]) == ("rejected", "accepted")
    mark = draft("annotation", verdict="wrong", status="sideways")
    assert mark["origin"]["extra"] == {"verdict": "wrong", "status": "sideways"}


def test_attributes_that_are_nested_are_kept_aside() -> None:
    """Those that are not are attributes."""
    assert draft("annotation", attributes={"a": [1, "b"]})["attributes"] == {"a": [1, "b"]}
    mark = draft("annotation", attributes={"a": {"b": 1}})
    assert mark["origin"]["extra"] == {"attributes": {"a": {"b": 1}}}


def test_an_annotation_refers_to_author_document_and_extraction() -> None:
    """By their ids in the file; a mark without a document is refused."""
    mark = item("annotation", {"doc_id": 3, "annotator": "u", "extraction": "e"})
    assert mark.references == {
        "document_id": ("document", "3"),
        "author_id": ("user", "u"),
        "extraction_id": ("extraction", "e"),
    }
    with pytest.raises(ValueError, match="None found as its document"):
        item("annotation", {"start": 1})
