"""Decisions about documents."""

from __future__ import annotations

from typing import Any, Never

import msgspec
import pytest

from service.commands import Actor, Invalid
from service.errors import (
    FieldError,
    GoneError,
    InvalidError,
    NotFoundError,
    PreconditionFailedError,
    TextInUseError,
    TooLargeError,
)
from tests.service.decide.world import TEXT, World, body

PAGE = {"width": 1.0, "height": 2.0}


def pointers(caught: pytest.ExceptionInfo[InvalidError]) -> list[str]:
    """Return where a body was refused."""
    return [error.pointer for error in caught.value.errors]


def test_a_patch_changes_what_it_names_and_keeps_the_text(world: World, ada: Actor) -> None:
    """The metadata is merged, null removes, and the version goes up."""
    document = world.create(ada, "document", title="t", text=TEXT, metadata={"a": 1, "b": {"c": 2}}, language="en")
    after = world.update(ada, "document", document["id"], {"metadata": {"a": None, "b": {"d": 3}}, "language": None})
    assert after["metadata"] == {"b": {"c": 2, "d": 3}}
    assert "language" not in after
    assert (after["version"], after["created_at"]) == (2, document["created_at"])
    assert after["updated_at"] > document["updated_at"]
    assert world.text(document["id"]) == TEXT
    # The text's own value was not written again.
    assert [change.kind for change in world.records[-1]] == ["document"]


def test_a_change_that_changes_nothing_makes_a_version(world: World, ada: Actor) -> None:
    """It was asked for, and its time counts."""
    document = world.document(ada)
    assert world.update(ada, "document", document, {})["version"] == 2


def test_a_text_changes_until_a_mark_points_into_it(world: World, ada: Actor) -> None:
    """The same text is no change; a mark without a span does not hold it."""
    document = world.document(ada)
    world.annotation(ada, document)
    assert world.update(ada, "document", document, {"text": "Marie"})["length"] == 5
    mark = world.annotation(ada, document, start=0, end=5)
    for text in ("Other", None):
        with pytest.raises(TextInUseError):
            world.update(ada, "document", document, {"text": text})
    with pytest.raises(TextInUseError):
        world.put(ada, "document", document, {"title": "t"})
    assert world.update(ada, "document", document, {"text": "Marie", "title": "new"})["title"] == "new"
    world.delete(ada, "annotation", mark)
    assert "length" not in world.update(ada, "document", document, {"text": None})
    assert world.text(document) is None


def test_put_replaces_whole_or_creates_under_the_id(world: World, ada: Actor) -> None:
    """What it leaves out is gone."""
    key = world.ids.new("doc")
    made = world.put(ada, "document", key, {"title": "t", "text": TEXT, "language": "en"}, create_only=True)
    assert (made.status, made.id, made.version) == (201, key, 1)
    replaced = world.put(ada, "document", key, {"title": "u", "text": TEXT}, if_match=(1,))
    assert (replaced.status, replaced.version) == (200, 2)
    assert "language" not in body(replaced)
    with pytest.raises(InvalidError) as caught:
        world.put(ada, "document", "doc_mine", {"title": "t"})
    assert pointers(caught) == ["/id"]


def test_an_id_goes_on_with_its_version_after_a_deletion(world: World, ada: Actor) -> None:
    """It is gone until then, for its owner alone, and not for others."""
    eve = world.user("eve@example.org")
    document = world.document(ada)
    world.update(ada, "document", document, {"title": "u"})
    world.delete(ada, "document", document)
    for refused in (
        lambda: world.update(ada, "document", document, {}),
        lambda: world.delete(ada, "document", document),
    ):
        with pytest.raises(GoneError):
            refused()
    with pytest.raises(NotFoundError):
        world.delete(eve, "document", document)
    with pytest.raises(NotFoundError):
        world.put(eve, "document", document, {"title": "mine now"})
    assert world.put(ada, "document", document, {"title": "back"}).version == 3
    assert world.state.counts["tombstone"] == 0
    world.delete(ada, "document", document)
    assert world.value("tombstone", document)["version"] == 3


def test_preconditions_come_after_access_and_before_the_body(world: World, ada: Actor) -> None:
    """404 before 412 before 422."""
    eve = world.user("eve@example.org")
    document = world.document(ada)
    wrong = Invalid((FieldError("/title", "expected a string"),))
    with pytest.raises(NotFoundError):
        world.update(eve, "document", document, wrong, if_match=(9,))
    with pytest.raises(PreconditionFailedError, match="version 1, If-Match asks for 9"):
        world.update(ada, "document", document, wrong, if_match=(9,))
    with pytest.raises(InvalidError):
        world.update(ada, "document", document, wrong, if_match=(1,))
    with pytest.raises(PreconditionFailedError):
        world.put(ada, "document", document, wrong, create_only=True)
    with pytest.raises(PreconditionFailedError):
        world.put(ada, "document", world.ids.new("doc"), wrong, if_match=())
    assert world.update(ada, "document", document, {}, if_match=())["version"] == 2


@pytest.mark.parametrize(
    "members",
    [
        {"owner_id": "user_other"},
        {"length": 1},
        {"version": 7},
        {"created_at": "1970-01-01T00:00:00Z"},
        {"id": "doc_x"},
    ],
)
def test_members_of_the_server_are_refused_unless_they_are_so_already(
    world: World, ada: Actor, members: dict[str, Any]
) -> None:
    """What was read can be sent back."""
    (name,) = members
    document = world.document(ada)
    with pytest.raises(InvalidError) as caught:
        world.update(ada, "document", document, members)
    assert pointers(caught) == [f"/{name}"]
    with pytest.raises(InvalidError) as caught:
        world.create(ada, "document", title="t", **members)
    assert pointers(caught) == [f"/{name}"]
    same = {**world.value("document", document), "text": TEXT}
    assert world.put(ada, "document", document, same).version == 2


def test_pages_are_ascending_and_lie_in_the_text(world: World, ada: Actor) -> None:
    """Each fault is named."""
    good = [{"number": 1, **PAGE, "start": 0, "end": 5}, {"number": 3, **PAGE}]
    document = world.create(ada, "document", title="t", text=TEXT, pages=good)
    assert document["pages"] == good
    bad = [
        {"number": 2, **PAGE, "start": 0},
        {"number": 2, **PAGE},
        {"number": 3, **PAGE, "start": 5, "end": 999},
    ]
    with pytest.raises(InvalidError) as caught:
        world.update(ada, "document", document["id"], {"pages": bad})
    assert pointers(caught) == ["/pages/0", "/pages/1/number", "/pages/2/end"]


def test_a_document_is_derived_from_one_that_can_be_seen(world: World, ada: Actor) -> None:
    """What it came from may be deleted later."""
    eve = world.user("eve@example.org")
    source, hidden = world.document(ada), world.document(eve)
    derived = world.create(ada, "document", title="t", derived_from=source)["id"]
    with pytest.raises(InvalidError) as caught:
        world.update(ada, "document", derived, {"derived_from": hidden})
    assert pointers(caught) == ["/derived_from"]
    world.delete(ada, "document", source)
    assert world.update(ada, "document", derived, {"title": "u"})["derived_from"] == source


def test_a_text_has_a_limit_in_bytes(world: World, ada: Actor) -> None:
    """The limit is taken, one byte more is not, however it comes; code points do not count."""
    world.limits = msgspec.structs.replace(world.limits, text_bytes=1024)
    fits, larger = "é" * 512, "é" * 512 + "x"
    document = world.document(ada, fits)
    for do in (
        lambda: world.document(ada, larger),
        lambda: world.update(ada, "document", document, {"text": larger}),
        lambda: world.put(ada, "document", document, {"text": larger}),
    ):
        with pytest.raises(TooLargeError, match="1025 bytes as JSON, the limit is 1024"):
            do()
    assert world.text(document) == fits


def test_an_entity_has_a_limit_in_bytes(world: World, ada: Actor) -> None:
    """As JSON, so that what was taken can also be changed and deleted; escapes count."""
    world.limits = msgspec.structs.replace(world.limits, entity_bytes=1024)
    document = world.document(ada)
    world.update(ada, "document", document, {"title": "x"})
    filling = "x" * (1025 - len(world.state.tables["document"].value(document) or b""))
    assert world.update(ada, "document", document, {"title": filling})["title"] == filling
    with pytest.raises(TooLargeError, match="The document takes 1025 bytes as JSON, the limit is 1024"):
        world.update(ada, "document", document, {"title": filling + "x"})


def test_a_deletion_decodes_no_text(world: World, ada: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project may hold a gigabyte of them, and none is looked into."""
    project = world.project(ada, {})
    for _ in range(2):
        world.create(ada, "document", project_id=project, title="t", text="x" * 1000)

    def decoded(_self: object, document_id: str, _value: bytes) -> Never:
        raise AssertionError(f"the text of {document_id} was decoded")

    monkeypatch.setattr("service.state.texts.TextCache.decoded", decoded)
    world.delete(ada, "project", project)
    assert (world.state.counts["document"], world.state.counts["text"]) == (0, 0)
