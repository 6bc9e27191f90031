"""JSON bodies."""

from __future__ import annotations

import pytest

from service import bodies
from service.commands import Invalid
from service.errors import MalformedError
from service.kinds.document import DocumentDraft
from service.kinds.marks import AnnotationDraft


def test_what_fits_is_decoded() -> None:
    """Of duplicate members the last counts."""
    found = bodies.decode(b'{"title": "a", "title": "b", "language": null}', DocumentDraft)
    assert found == DocumentDraft(title="b")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"title": "a"',
        b"[" * 100_000,
        b'{"metadata": ' + b'{"a":' * 100 + b"1" + b"}" * 101,
        b'{"title": NaN}',
        b'{"title": "\\ud800"}',
        b'{"title": "\xff"}',
        b'{"title": 1, "text": }',
        b'{} {"title": "b"}',
    ],
    ids=repr,
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    """Also when a member before the fault does not fit."""
    with pytest.raises(MalformedError):
        bodies.decode(body, DocumentDraft)


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        (b'{"titel": "a"}', "/titel", "The nearest is 'title'"),
        (b'{"title": 1}', "/title", "Expected `str`, got `int`"),
        (b'{"metadata": {"a~b/c": [1, 1180591620717411303424]}}', "/metadata/a~0b~1c/1", "beyond 64 bits"),
        (b"[]", "", "Expected `object`, got `array`"),
    ],
)
def test_what_does_not_fit_names_the_place(body: bytes, pointer: str, detail: str) -> None:
    """As a JSON pointer, and what was expected."""
    found = bodies.decode(body, DocumentDraft)
    assert isinstance(found, Invalid)
    assert found.errors[0].pointer == pointer
    assert detail in found.errors[0].detail


def test_a_place_within_a_list_is_named() -> None:
    """By its index."""
    found = bodies.decode(b'{"document_id": "d", "fragments": [{"start": 0, "end": "x"}]}', AnnotationDraft)
    assert isinstance(found, Invalid)
    assert found.errors[0].pointer in {"/fragments/0/end", "/fragments/*/end"}
