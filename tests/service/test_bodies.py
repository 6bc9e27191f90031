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


@pytest.mark.parametrize("count", [100, 101])
@pytest.mark.parametrize(("form", "pointer"), [("list", "/metadata/a"), ("dict", "/metadata")])
def test_items_are_counted_wherever_they_are(count: int, form: str, pointer: str) -> None:
    """Of arrays and of objects; the limit is taken, one more is not."""
    items = list(range(count))
    value = {"a": items} if form == "list" else {str(item): item for item in items}
    found = bodies.decode(msgspec.json.encode({"title": "a", "metadata": value}), DocumentDraft, LIMITS)
    if count == LIMITS.items_max:
        assert isinstance(found, DocumentDraft)
    else:
        assert isinstance(found, Invalid)
        assert [(error.pointer, error.detail) for error in found.errors] == [
            (pointer, "101 items found, at most 100 are taken")
        ]


@pytest.mark.parametrize(
    ("number", "fits"), [(2**63 - 1, True), (2**63, False), (-(2**63) + 1, True), (-(2**64), False)]
)
def test_integers_have_64_bits(number: int, fits: bool) -> None:
    """At the limit and one past it."""
    found = bodies.decode(b'{"metadata": {"n": %d}}' % number, DocumentDraft, LIMITS)
    assert isinstance(found, DocumentDraft) is fits
