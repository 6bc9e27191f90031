"""Marks become lines that are read again as what they were made from, or are named."""

from __future__ import annotations

from typing import Any

import pytest

from service.brat.rendering import Unrenderable, render_document
from service.brat.standoff import parse, render
from service.client.types import Annotation, Argument, Document, Fragment, Origin

TEXT = "hello  world foo"
DOCUMENT = Document(id="doc_1", version=1, created_at="", updated_at="", owner_id="user_1", text=TEXT)


def mark(number: int, **members: Any) -> Annotation:
    """Return an annotation."""
    defaults = {"version": 1, "created_at": "", "updated_at": "", "document_id": "doc_1", "status": "proposed"}
    origin = members.pop("extra", None)
    return Annotation(
        id=f"ann_{number}",
        author_id="user_1",
        origin=None if origin is None else Origin(format="brat", id=f"T{number}", extra=origin),
        **{**defaults, "type": "span", "label": "X", **members},
    )


def lines(*marks: Annotation) -> list[str]:
    """Return the lines of marks, which are read again."""
    entries = render_document(DOCUMENT, marks)
    content = render(entries)
    assert len(parse(content, "")) == len(entries)
    return content.splitlines()


def test_what_the_import_left_counts_while_the_mark_is_the_same() -> None:
    """White space of the third column, and the order of fragments."""
    assert lines(mark(1, start=0, end=12, extra={"text": "hello world"})) == ["T1\tX 0 12\thello world"]
    pieces = (Fragment(start=0, end=5), Fragment(start=13, end=16))
    jumbled = mark(2, start=0, end=16, fragments=pieces, extra={"fragments": [[13, 16], [0, 5]], "text": "foo hello"})
    assert lines(jumbled) == ["T2\tX 13 16;0 5\tfoo hello"]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"start": 7, "end": 12, "extra": {"text": "hello world"}}, "T1\tX 7 12\tworld"),
        ({"start": 13, "end": 16, "extra": {"fragments": [[13, 16], [0, 5]], "text": "foo hello"}}, "T1\tX 13 16\tfoo"),
        (
            {
                "start": 0,
                "end": 16,
                "fragments": (Fragment(start=0, end=5), Fragment(start=14, end=16)),
                "extra": {"fragments": [[13, 16], [0, 5]]},
            },
            "T1\tX 0 5;14 16\thello oo",
        ),
    ],
)
def test_a_mark_that_was_changed_is_exported_as_it_is(changed: dict[str, Any], line: str) -> None:
    """Not as it was imported."""
    assert lines(mark(1, **changed)) == [line]


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "document"},
        {"type": "region"},
        {"start": 0, "end": 5, "label": "first name"},
        {"start": 0, "end": 5, "attributes": {"a": "b\nc"}},
        {"start": 0, "end": 5, "attributes": {"a b": "c"}},
        {"type": "group", "arguments": (Argument(role="member", target="ann_1"),)},
        {"type": "relation", "arguments": tuple(Argument(role=role, target="ext_1") for role in "ab")},
        {"type": "relation", "arguments": tuple(Argument(role=role, target="ann_1") for role in ("a b", "c"))},
        {"type": "document", "extra": {"fragments": [[5, 99]]}},
    ],
)
def test_a_mark_without_a_line_is_named(odd: dict[str, Any]) -> None:
    """Nothing is written that would not be read again."""
    with pytest.raises(Unrenderable) as caught:
        render_document(DOCUMENT, [mark(1, start=0, end=5), mark(2, **odd)])
    assert caught.value.ids == ["ann_2"]


@pytest.mark.parametrize(
    "extra", [{"fragments": "no"}, {"attributes": [{"name": 1}]}, {"tail": 5}, {"references": {}}, {"text": ["x"]}]
)
def test_an_origin_that_somebody_else_wrote_is_passed_over(extra: dict[str, Any]) -> None:
    """It is a member like others."""
    assert lines(mark(1, start=0, end=5, attributes={"a": True}, extra=extra)) == ["T1\tX 0 5\thello", "A1\ta T1"]
