"""Edits against a real application: the smallest change, for the version that was read; conflicts with both sides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints

import msgspec
import pytest
from aiohttp import web

from service.client import Client, EditConflictError, ProblemError
from service.client.assignments import AssignmentDraft
from service.client.editing import difference
from service.client.edits import AnnotationEdit, DocumentEdit, ProjectEdit
from service.client.types import (
    Annotation,
    AnnotationDraft,
    DocumentDraft,
    ExtractionDraft,
    ProjectDraft,
    Source,
)
from tests.client.conftest import Handler


@pytest.fixture
async def mark(client: Client) -> Annotation:
    """Return an annotation of the user's."""
    document = await client.documents.create(DocumentDraft(title="T", text="Marie Curie"))
    draft = AnnotationDraft(document_id=document.id, start=0, end=5, label="person", attributes={"a": 1, "b": 2})
    return await client.annotations.create(draft)


async def test_an_edit_sends_what_has_changed(client: Client, mark: Annotation) -> None:
    """Members that are set, changed in place and removed; the text is derived anew."""
    editing = client.annotations.edit(mark.id)
    async with editing as annotation:
        annotation.end = 11
        annotation.label = None
        del annotation.attributes["a"]
        annotation.attributes["c"] = "new"
    assert editing.changes == {"end": 11, "label": None, "attributes": {"a": None, "c": "new"}}
    after = await client.annotations.get(mark.id)
    assert editing.after == after
    assert (after.version, after.text, after.label, after.attributes) == (2, "Marie Curie", None, {"b": 2, "c": "new"})
    assert (editing.before.version, editing.before.attributes) == (1, {"a": 1, "b": 2})
    with pytest.raises(RuntimeError, match="for one block"):
        await editing.__aenter__()


async def test_an_edit_without_a_change_or_with_an_exception_sends_nothing(client: Client, mark: Annotation) -> None:
    """The version stays, and only reads were asked."""
    editing = client.annotations.edit(mark.id)
    asked = client.statistics.requests
    async with editing as annotation:
        annotation.label = "person"
    assert (editing.after, editing.changes, client.statistics.requests) == (editing.before, {}, asked + 1)
    broken = client.annotations.edit(mark.id)
    with pytest.raises(KeyError):  # noqa: PT012 - the edit must let it pass
        async with broken as annotation:
            annotation.label = "other"
            raise KeyError
    with pytest.raises(RuntimeError, match="has no outcome"):
        _ = broken.after
    assert await client.annotations.get(mark.id) == mark


async def test_a_conflict_holds_theirs_and_mine(client: Client, mark: Annotation) -> None:
    """Nothing of the edit is done."""
    with pytest.raises(EditConflictError) as caught:  # noqa: PT012 - it is the end of the block that raises
        async with client.annotations.edit(mark.id) as annotation:
            annotation.label = "mine"
            theirs = await client.annotations.update(mark.id, {"label": "theirs"})
    conflict = caught.value
    assert (conflict.before, conflict.theirs, conflict.mine.label) == (mark, theirs, "mine")
    assert (conflict.changes, conflict.status, conflict.name) == ({"label": "mine"}, 412, "precondition-failed")
    assert str(conflict).startswith(f"PATCH /v1/annotations/{mark.id}: 412 precondition-failed.")
    assert await client.annotations.get(mark.id) == theirs


async def test_an_edit_of_what_is_deleted_meanwhile_is_told(client: Client, mark: Annotation) -> None:
    """As what it is: there is no other side."""
    with pytest.raises(ProblemError, match="410 gone"):  # noqa: PT012 - it is the end of the block that raises
        async with client.annotations.edit(mark.id) as annotation:
            annotation.label = "mine"
            await client.annotations.delete(mark.id)


async def test_no_revision_is_lost_among_many(client: Client, mark: Annotation) -> None:
    """Each is applied to what the one before it made."""

    def count(annotation: AnnotationEdit) -> None:
        annotation.attributes["a"] = int(str(annotation.attributes["a"])) + 1

    await asyncio.gather(*(client.annotations.revise(mark.id, count, attempts=30) for _ in range(20)))
    after = await client.annotations.get(mark.id)
    assert (after.version, after.attributes["a"]) == (21, 21)


@pytest.mark.parametrize(("attempts", "calls"), [(1, 1), (3, 3)])
async def test_a_revision_gives_up_after_so_many_attempts(
    scripted: Callable[[Handler], Awaitable[Client]], attempts: int, calls: int
) -> None:
    """With the last conflict; each attempt is a request of its own, for what was read."""
    keys: list[tuple[str, str]] = []
    entity = {"id": "ann_1", "version": 7, "created_at": "", "updated_at": "", "document_id": "d", "author_id": "u"}

    async def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response({**entity, "type": "span", "status": "proposed"})
        keys.append((request.headers["Idempotency-Key"], request.headers["If-Match"]))
        return web.json_response({"type": "/problems/precondition-failed", "status": 412}, status=412)

    client = await scripted(answer)
    labels: list[str | None] = []

    def change(annotation: AnnotationEdit) -> None:
        labels.append(annotation.label)
        annotation.label = "mine"

    with pytest.raises(EditConflictError):
        await client.annotations.revise("ann_1", change, attempts=attempts)
    assert labels == [None] * calls
    assert len({key for key, _ in keys}) == calls
    assert {match for _, match in keys} == {'"7"'}
    with pytest.raises(ValueError, match="attempts is 0"):
        await client.annotations.revise("ann_1", change, attempts=0)


async def test_all_that_can_be_changed_can_be_edited(client: Client) -> None:
    """Users, projects, documents with their texts, extractions and assignments."""
    me = await client.me()
    async with client.users.edit(me.id) as user:
        user.name = "Ada"
    assert (await client.me()).name == "Ada"
    project = await client.projects.create(ProjectDraft(name="P"))
    async with client.projects.edit(project.id) as changed:
        changed.assignment = msgspec.structs.replace(changed.assignment, annotators_per_document=2)
    assert (await client.projects.get(project.id)).assignment.annotators_per_document == 2
    document = await client.documents.create(DocumentDraft(text="abc", project_id=project.id, metadata={"a": {"b": 1}}))
    writing = client.documents.edit(document.id)
    async with writing as text:
        text.text = "abcd"
        text.metadata["a"]["c"] = 2
    assert writing.changes == {"text": "abcd", "metadata": {"a": {"c": 2}}}
    assert writing.before.metadata == {"a": {"b": 1}}
    assert (await client.documents.get(document.id)).text == "abcd"
    draft = ExtractionDraft(document_id=document.id, start=0, end=1, source=Source(name="m"))
    extraction = await client.extractions.create(draft)
    async with client.extractions.edit(extraction.id) as found:
        found.status = "accepted"
    assert (await client.extractions.get(extraction.id)).status == "accepted"
    assignment = await client.assignments.create(AssignmentDraft(document_id=document.id, user_id=me.id))
    async with client.assignments.edit(assignment.id) as task:
        task.state = "in_progress"
    assert (await client.assignments.get(assignment.id)).state == "in_progress"


@pytest.mark.parametrize(
    ("edit", "draft", "but"),
    [
        (ProjectEdit, ProjectDraft, set[str]()),
        (DocumentEdit, DocumentDraft, set[str]()),
        (AnnotationEdit, AnnotationDraft, {"document_id", "attributes"}),
    ],
)
def test_what_can_be_edited_is_what_drafts_have(edit: type, draft: type, but: set[str]) -> None:
    """With the same types; an annotation stays on its document, and its attributes are there to be changed."""
    of_draft, of_edit = get_type_hints(draft), get_type_hints(edit)
    assert {name: one for name, one in of_edit.items() if name not in but and not name.startswith("__")} == {
        name: one for name, one in of_draft.items() if name not in but and not name.startswith("__")
    }


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": True}, {"a": True}),
        ({"a": 1}, {}, {"a": None}),
        ({}, {"a": None}, {}),
        ({"a": {"b": 1, "c": [1]}}, {"a": {"b": 1, "c": [1, 2]}}, {"a": {"c": [1, 2]}}),
        ({"a": {"b": 1}}, {"a": "b"}, {"a": "b"}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": None}}),
    ],
)
def test_a_difference_is_the_smallest_merge_patch(
    before: dict[str, Any], after: dict[str, Any], changes: dict[str, Any]
) -> None:
    """Objects are gone into, lists are replaced."""
    assert difference(before, after) == changes
