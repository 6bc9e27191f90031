"""What an export tells is put back as it is: versions, times, authors, decisions.

It is history, so what a rule asks of who makes something new is not asked: roles, labels, verdicts. What the state
rests on is: forms, spans within texts, that documents and projects are there, and that times go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from service.clock import format_time, parse_time
from service.commands import Actor, Outcome
from service.decide.access import absent, is_admin, require_user, role_in
from service.decide.contents import held
from service.decide.decision import (
    CREATED,
    OK,
    Context,
    Decision,
    created,
    outcome_of,
    require_valid,
    restored,
    unburied,
)
from service.decide.documents import check_external_id, page_errors, require_form, require_own_id
from service.decide.references import MARKS
from service.errors import ConflictError, FieldError, ForbiddenError, InvalidError, TakenError, shown
from service.exports import EndRestore, Restore
from service.ids import has_form
from service.kinds.account import USER
from service.kinds.assignment import ASSIGNMENT, Assignment
from service.kinds.base import Kind
from service.kinds.blob import BLOB
from service.kinds.document import DOCUMENT, TEXT, Document, Text
from service.kinds.label import schema_errors
from service.kinds.mark import MarkDraft, resolve
from service.kinds.marks import ANNOTATION, EXTRACTION, Annotation
from service.kinds.private import TOMBSTONE
from service.kinds.project import MEMBERS_MAX, PROJECT, Project
from service.operations import OPERABLE

_VERSION_MAX = 2**53
_HEAD_TIMES = ("created_at", "updated_at")
_TIMES: Mapping[str, tuple[str, ...]] = {
    DOCUMENT.name: (*_HEAD_TIMES, "reviewed_at"),
    ASSIGNMENT.name: (*_HEAD_TIMES, "started_at", "released_at"),
}
"""Members of entities that are times, where there are others than those that all have."""
Errors = Iterator[FieldError]


def require_admin(context: Context, actor: Actor | None) -> str:
    """Return the id of the administrator who asks.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        ForbiddenError: Somebody else asks, or the local administrator, who is no user.
    """
    user_id = require_user(context, actor)
    if not is_admin(context, user_id):
        raise ForbiddenError("Only administrators restore an export: it tells who made what, and when.")
    return user_id


def end_restore(context: Context, command: EndRestore) -> Decision:
    """Do nothing: an export has ended; raises as `require_admin`."""
    require_admin(context, command.actor)
    return Decision([], Outcome(status=OK))


def restore(context: Context, command: Restore) -> Decision:
    """Put back what an export tells of an entity; one that is there as it is told stays as it is.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        ForbiddenError: It is no administrator who asks.
        NotFoundError: It is, or was, in somebody else's private documents.
        ConflictError: It is there otherwise, or was deleted in this or a later version, or something newer is there.
        InvalidError: It does not fit the schema, or breaks a rule.
        TakenError: What must be unique belongs to another entity.
        TooLargeError: It is larger than the limit.
    """
    user_id = require_admin(context, command.actor)
    draft = require_valid(command.draft)
    kind = OPERABLE[command.kind].kind
    require_form(command.id, kind.prefix)
    if draft.id != command.id:
        detail = f"{shown(draft.id)} found, the line is of {command.id}"
        raise InvalidError("The line contradicts itself.", [FieldError("/id", detail)])
    value = context.state.tables[kind.name].value(command.id)
    if value is not None:
        _require_seen(context, user_id, kind, command.id)
        _require_same(context, kind, command, value)
        head = Outcome(status=OK, kind=kind.name, id=command.id, version=command.entity.version, body=value)
        return Decision([], head, awaited=_awaited(context, command))
    require_own_id(context, user_id, command.id)
    errors = [*_head_errors(context, command), *_RULES[kind.name](context, user_id, command)]
    if errors:
        raise InvalidError(f"The {kind.name} breaks a rule.", errors)
    _require_order(context, kind, command)
    return _put(context, kind, command)


def _require_seen(context: Context, user_id: str, kind: Kind, key: str) -> None:
    """Make sure that what is there is not private to somebody else: that it is there is nobody's business.

    Raises:
        NotFoundError: It is.
    """
    row = context.state.tables[kind.name].row(key)
    document_id = key if kind is DOCUMENT else getattr(row, "document_id", None)
    if document_id is not None and _document_of(context, user_id, document_id) is None:
        raise absent(context, user_id, kind.name, key)


def _document_of(context: Context, user_id: str, document_id: str) -> Any:
    """Return the row of a document, None if there is none that an administrator may see."""
    row = context.state.tables[DOCUMENT.name].row(document_id)
    return None if row is None or role_in(context, user_id, row.scope) is None else row


def _require_same(context: Context, kind: Kind, command: Restore, value: bytes) -> None:
    """Make sure that what is there is what the export tells.

    Raises:
        ConflictError: It is something else.
    """
    is_same = value == command.value and (kind is not DOCUMENT or context.state.text(command.id) == command.draft.text)
    if not is_same:
        version = context.state.tables[kind.name].row(command.id).version
        raise ConflictError(
            f"{command.id} is there already and is something else: version {version}, "
            f"the export tells version {command.draft.version}."
        )


def _awaited(context: Context, command: Restore) -> tuple[str, ...]:
    """Return which annotations a mark points to that are yet to come."""
    table = context.state.tables[ANNOTATION.name]
    entity = command.entity
    targets = [argument.target for argument in getattr(entity, "arguments", None) or ()]
    targets += getattr(entity, "rests_on", None) or ()
    return tuple(key for key in targets if key.startswith(ANNOTATION.prefix) and table.number(key) is None)


def _put(context: Context, kind: Kind, command: Restore) -> Decision:
    key, entity = command.id, command.entity
    changes = [*unburied(context, key), change := restored(context, kind, key, command.value)]
    if isinstance(entity, Document):
        if command.draft.text is not None:
            changes.append(created(context, TEXT, key, Text(command.draft.text)))
        if entity.content is not None:
            changes += held(context, entity.content)
    outcome = outcome_of(kind, change, CREATED, entity.version)
    return Decision(changes, outcome, awaited=_awaited(context, command))


def _require_order(context: Context, kind: Kind, command: Restore) -> None:
    """Make sure that versions and times go on: lists and their bounds of time rest on the order of creation.

    Raises:
        ConflictError: They do not.
    """
    tombstone = context.state.tables[TOMBSTONE.name].row(command.id)
    if tombstone is not None and tombstone.version >= command.entity.version:
        raise ConflictError(f"{command.id} was deleted here in version {tombstone.version}: it does not come back.")
    newest = context.state.tables[kind.name].newest()
    if newest is not None and newest > command.entity.created_at:
        detail = f"{command.entity.created_at} found, but a {kind.name} that was created later is here"
        raise ConflictError(
            f"Every {kind.name} comes behind those that were created before it. Restore into a server without newer "
            "ones, with the lines in the order of the export.",
            [FieldError("/created_at", detail)],
        )


def _head_errors(context: Context, command: Restore) -> Errors:
    entity, now = command.entity, format_time(context.now)
    if not 1 <= entity.version <= _VERSION_MAX:
        yield FieldError("/version", f"{entity.version} found, expected 1 or more")
    for name in _TIMES.get(command.kind, _HEAD_TIMES):
        time = getattr(entity, name)
        if time is None:
            continue
        if not _is_time(time):
            yield FieldError(f"/{name}", f"{shown(time)} found, expected a time as {now}")
        elif time > now:
            yield FieldError(f"/{name}", f"{time} found, but it is {now} here")
    if entity.created_at > entity.updated_at:
        yield FieldError("/updated_at", f"{shown(entity.updated_at)} found, but it was created at {entity.created_at}")


def _project_errors(_context: Context, _user_id: str, command: Restore) -> Errors:
    project: Project = command.entity
    yield from schema_errors(project.labels)
    if "owner" not in project.members.values():
        yield FieldError("/members", "nobody is its owner")
    if len(project.members) > MEMBERS_MAX:
        yield FieldError("/members", f"{len(project.members)} found, the limit is {MEMBERS_MAX}")
    for user_id in project.members:
        yield from _user_errors("/members", user_id)


def _document_errors(context: Context, user_id: str, command: Restore) -> Errors:
    document: Document = command.entity
    text: str | None = command.draft.text
    yield from _user_errors("/owner_id", document.owner_id)
    if document.project_id is None:
        if document.owner_id != user_id:
            detail = f"{document.owner_id} found, but a private document is restored by its owner: you are {user_id}"
            yield FieldError("/owner_id", detail)
    elif context.state.tables[PROJECT.name].row(document.project_id) is None:
        yield FieldError("/project_id", f"there is no project {document.project_id} here; its line comes before")
    else:
        check_external_id(context, command.id, document.project_id, document.external_id)
    length = None if text is None else len(text)
    if document.length != length:
        yield FieldError("/length", f"{document.length} found, the text has {length}")
    if document.derived_from is not None and not has_form(document.derived_from, DOCUMENT.prefix):
        yield FieldError("/derived_from", f"{shown(document.derived_from)} is no id of a document")
    if (document.reviewed_at is None) != (document.reviewed_by is None):
        yield FieldError("/reviewed_by", "reviewed_at and reviewed_by: a document has both or neither")
    if document.reviewed_by is not None:
        yield from _user_errors("/reviewed_by", document.reviewed_by)
    yield from page_errors(command.draft, text)
    if document.content is not None:
        blob = context.state.tables[BLOB.name].row(document.content.sha256)
        if blob is None or blob.size != document.content.size:
            detail = "these bytes are not here: put them as the content of some document first, then restore"
            yield FieldError("/content", detail)


def _mark_errors(context: Context, user_id: str, command: Restore) -> Errors:
    mark = command.entity
    if _document_of(context, user_id, mark.document_id) is None:
        yield FieldError("/document_id", f"there is no document {mark.document_id} here; its line comes before")
        return
    draft: MarkDraft = command.draft
    for name, expected in resolve(draft, context.state.text(mark.document_id)).items():
        if getattr(mark, name) != expected:
            yield FieldError(f"/{name}", f"{shown(getattr(mark, name))} found, the rest of it makes {shown(expected)}")
    if isinstance(mark, Annotation):
        yield from _user_errors("/author_id", mark.author_id)
        if mark.verdict is not None and mark.extraction_id is None:
            yield FieldError("/extraction_id", "missing: a verdict is about an extraction")
        if mark.extraction_id is not None:
            yield from _target_errors(context, command, "/extraction_id", mark.extraction_id, (EXTRACTION.name,))
        for place, key in enumerate(mark.rests_on or ()):
            yield from _target_errors(context, command, f"/rests_on/{place}", key)
    for place, argument in enumerate(mark.arguments or ()):
        yield from _target_errors(context, command, f"/arguments/{place}/target", argument.target)


def _target_errors(
    context: Context, command: Restore, pointer: str, target: str, kinds: tuple[str, ...] = tuple(MARKS)
) -> Errors:
    """Tell if a mark points elsewhere than to another one on its document, or to an annotation that is yet to come.

    Marks that were changed may point to what was created after them, and so comes after them. That all of it has come
    is told at the end.
    """
    rows = [row for kind in kinds if (row := context.state.tables[kind].row(target)) is not None]
    is_there = any(row.document_id == command.entity.document_id for row in rows)
    may_come = not rows and ANNOTATION.name in kinds and has_form(target, ANNOTATION.prefix)
    if target == command.id or not (is_there or may_come):
        yield FieldError(pointer, f"{shown(target)} is not another mark on document {command.entity.document_id}")


def _assignment_errors(context: Context, user_id: str, command: Restore) -> Errors:
    assignment: Assignment = command.entity
    yield from _user_errors("/user_id", assignment.user_id)
    document = _document_of(context, user_id, assignment.document_id)
    if document is None:
        yield FieldError("/document_id", f"there is no document {assignment.document_id} here; its line comes before")
        return
    if assignment.project_id != document.project_id:
        detail = f"{shown(assignment.project_id)} found, {assignment.document_id} is in {document.project_id}"
        yield FieldError("/project_id", detail)
    if assignment.state == "in_progress" and assignment.started_at is None:
        yield FieldError("/started_at", "missing: it is in progress")
    table = context.state.tables[ASSIGNMENT.name]
    of = {name: (getattr(assignment, name),) for name in ("document_id", "user_id", "task")}
    for holder in table.ids(table.select(of)):
        errors = [FieldError("/user_id", f"has it already, in {holder}")]
        raise TakenError(f"{assignment.user_id} has {assignment.document_id} already.", errors)


def _user_errors(pointer: str, user_id: str) -> Errors:
    """Tell if an id has not the form of a user's; whose it is need not be known here, for an export holds no users."""
    if not has_form(user_id, USER.prefix):
        yield FieldError(pointer, f"{shown(user_id)} is no id of a user")


def _is_time(text: str) -> bool:
    try:
        return format_time(parse_time(text)) == text
    except (ValueError, OverflowError):
        return False


_RULES: Mapping[str, Callable[[Context, str, Any], Errors]] = {
    PROJECT.name: _project_errors,
    DOCUMENT.name: _document_errors,
    EXTRACTION.name: _mark_errors,
    ANNOTATION.name: _mark_errors,
    ASSIGNMENT.name: _assignment_errors,
}
