"""JSON bodies."""

from __future__ import annotations

import msgspec
import pytest

from service import bodies
from service.commands import Invalid
from service.errors import MalformedError
from service.kinds.document import DocumentDraft
from service.kinds.marks import AnnotationDraft
from service.settings import load

LIMITS = load(flags={"limits": {"depth_max": 10, "items_max": 100}}).limits


def test_what_fits_is_decoded() -> None:
    """Of duplicate members the last counts."""
    found = bodies.decode(b'{"title": "a", "title": "b", "language": null}', DocumentDraft, LIMITS)
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
        bodies.decode(body, DocumentDraft, LIMITS)


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
    found = bodies.decode(body, DocumentDraft, LIMITS)
    assert isinstance(found, Invalid)
    assert found.errors[0].pointer == pointer
    assert detail in found.errors[0].detail


def test_a_place_within_a_list_is_named() -> None:
    """By its index."""
    found = bodies.decode(b'{"document_id": "d", "fragments": [{"start": 0, "end": "x"}]}', AnnotationDraft, LIMITS)
    assert isinstance(found, Invalid)
    assert found.errors[0].pointer in {"/fragments/0/end", "/fragments/*/end"}


@pytest.mark.parametrize("depth", [10, 11])
def test_depth_counts_arrays_and_objects(depth: int) -> None:
    """The limit is taken, one more is not; brackets within strings do not count."""
    body = b'{"title": "%s", "metadata": %s1%s}' % (b"[" * 50, b'{"a":' * (depth - 1), b"}" * (depth - 1))
    if depth == LIMITS.depth_max:
        assert isinstance(bodies.decode(body, DocumentDraft, LIMITS), DocumentDraft)
    else:
        with pytest.raises(MalformedError, match="10 levels are taken"):
            bodies.decode(body, DocumentDraft, LIMITS)


@pytest.mark.parametrize("past", [0, 1])
@pytest.mark.parametrize("form", ["list", "dict", "both"])
def test_items_are_counted_wherever_they_are(past: int, form: str) -> None:
    """Of arrays and objects together; the limit is taken, one more is not. Commas within strings do not count."""
    items = list(range(LIMITS.items_max + past - (4 if form == "both" else 3 if form == "list" else 2)))
    some = {"list": {"a": items}, "dict": {str(item): item for item in items}}
    value = some.get(form) or {"a": items[:50], "b": items[50:]}
    body = msgspec.json.encode({"title": "," * 200, "metadata": value})
    if past:
        with pytest.raises(MalformedError, match="more than 100 items"):
            bodies.decode(body, DocumentDraft, LIMITS)
    else:
        assert isinstance(bodies.decode(body, DocumentDraft, LIMITS), DocumentDraft)


def test_a_long_name_is_not_repeated_whole() -> None:
    """Nor is its nearest looked for, which takes long."""
    found = bodies.decode(b'{"%s": 1}' % (b"x" * 1_000_000), DocumentDraft, LIMITS)
    assert isinstance(found, Invalid)
    assert len(found.errors[0].pointer) < 120
    assert len(found.errors[0].detail) < 200


@pytest.mark.parametrize(
    ("number", "fits"), [(2**63 - 1, True), (2**63, False), (-(2**63) + 1, True), (-(2**64), False)]
)
def test_integers_have_64_bits(number: int, fits: bool) -> None:
    """At the limit and one past it."""
    found = bodies.decode(b'{"metadata": {"n": %d}}' % number, DocumentDraft, LIMITS)
    assert isinstance(found, DocumentDraft) is fits
