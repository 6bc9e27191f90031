"""Documents: in a project, or private to their owner. Their text is a value of its own."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from service.commands import Create, CreateFor, Delete, Replace, Update
from service.decide.access import (
    absent,
    could_read,
    require_action,
    require_document,
    require_named_user,
    require_user,
    role_in,
)
from service.decide.conditions import require_conditions
from service.decide.decision import (
    CREATED,
    OK,
    Context,
    Decision,
    Head,
    buried,
    check_read_only,
    created,
    deleted,
    first_head,
    next_head,
    nothing_left,
    outcome_of,
    require_valid,
    stored,
    unburied,
    updated,
)
from service.decide.idempotency import refuse_reused_key
from service.decide.patch import patched
from service.decide.roles import Action
from service.errors import (
    CascadeTooLargeError,
    FieldError,
    ImmutableError,
    InvalidError,
    TakenError,
    TextInUseError,
)
from service.ids import has_form
from service.kinds.assignment import ASSIGNMENT
from service.kinds.document import DOCUMENT, TEXT, Document, DocumentDraft, Text
from service.kinds.marks import ANNOTATION, EXTRACTION
from wal.change import Change

_READ_ONLY = ("owner_id", "length", "content", "reviewed_at", "reviewed_by")


def create_document(context: Context, command: Create) -> Decision:
    """Create a document that belongs to who asks, in a project if the draft names one.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        ForbiddenError: The user may not upload to the project.
        InvalidError: The body does not fit the schema, or a rule is broken.
        TooLargeError: The text, or the rest of it, is larger than its limit.
    """
    user_id = require_user(context, command.actor)
    refuse_reused_key(context, command)
    return _create(context, user_id, command.new_id, require_valid(command.draft))


def create_document_for(context: Context, command: CreateFor) -> Decision:
    """Create a document that belongs to the user who is named.

    Raises:
        ForbiddenError: It is not the local administrator who asks.
        NotFoundError: There is no such user.
        InvalidError: As `create_document`.
        TooLargeError: As `create_document`.
    """
    user_id = require_named_user(context, command)
    return _create(context, user_id, command.new_id, require_valid(command.draft))


def replace_document(context: Context, command: Replace) -> Decision:
    """Replace a document, text and all, or create it under this id.

    Raises:
        NotFoundError: It is, or was, somebody else's.
        PreconditionFailedError: A condition does not hold.
        InvalidError: As `create_document`; the id is not one of a document.
        TextInUseError: Marks point into the text, and it would change.
        TooLargeError: As `create_document`.
    """
    user_id = require_user(context, command.actor)
    row = context.state.tables[DOCUMENT.name].row(command.id)
    if row is not None:
        require_document(context, user_id, command.id, Action.CHANGE_DOCUMENT)
    require_own_id(context, user_id, command.id)
    require_conditions(context, command, None if row is None else row.version)
    draft: DocumentDraft = require_valid(command.draft)
    if row is not None:
        return _revise(context, user_id, command.id, draft, draft.text)
    require_form(command.id, DOCUMENT.prefix)
    return _create(context, user_id, command.id, draft)


def update_document(context: Context, command: Update) -> Decision:
    """Apply a merge patch to a document; the text stays unless the patch names it.

    Raises:
        NotFoundError: There is no such document that the user may see.
        GoneError: It was deleted.
        PreconditionFailedError: A condition does not hold.
        InvalidError: The result does not fit the schema, or breaks a rule.
        TextInUseError: Marks point into the text, and it would change.
        TooLargeError: As `create_document`.
    """
    user_id = require_user(context, command.actor)
    row = require_document(context, user_id, command.id, Action.CHANGE_DOCUMENT)
    require_conditions(context, command, row.version)
    patch: dict[str, Any] = require_valid(command.patch)
    if row.content is not None and patch.get("content", row) is None:
        # Absent and null are the same for what is the server's; who says null here means something else.
        errors = [FieldError("/content", f"null found; DELETE /v1/documents/{command.id}/content takes it away")]
        raise InvalidError("The content is no member that can be set.", errors)
    members = msgspec.json.decode(context.state.tables[DOCUMENT.name].value(command.id) or b"")
    draft = patched(context, members, patch, DocumentDraft)
    text = draft.text if "text" in patch else context.state.text(command.id)
    return _revise(context, user_id, command.id, draft, text)


def delete_document(context: Context, command: Delete) -> Decision:
    """Delete a document with its text, its marks and its assignments, in one transaction.

    Raises:
        NotFoundError: There is no such document that the user may see.
        GoneError: It was deleted before.
        PreconditionFailedError: A condition does not hold.
        CascadeTooLargeError: It has too many of them.
    """
    row = require_document(context, require_user(context, command.actor), command.id, Action.DELETE_DOCUMENT)
    require_conditions(context, command, row.version)
    changes = document_deletion(context, command.id, context.limits.cascade_max)
    return Decision(changes, nothing_left(DOCUMENT, command.id))


def document_deletion(context: Context, document_id: str, room: int) -> list[Change]:
    """Return the changes that delete a document with its text, its marks and its assignments.

    Args:
        context: Of the decision.
        document_id: Of the document.
        room: Entities that may be deleted.

    Raises:
        CascadeTooLargeError: They are more.
    """
    tables = context.state.tables
    rows = {
        kind: tables[kind.name].select({"document_id": (document_id,)}) for kind in (ANNOTATION, EXTRACTION, ASSIGNMENT)
    }
    if 1 + sum(map(len, rows.values())) > room:
        raise CascadeTooLargeError(
            f"More than {context.limits.cascade_max} entities would be deleted at once. "
            f"Delete marks of {document_id}, or its assignments, first."
        )
    scope = tables[DOCUMENT.name].row(document_id).scope
    changes = []
    for kind, found in rows.items():
        for key in tables[kind.name].ids(found):
            changes += buried(context, kind, key, scope)
    changes += buried(context, DOCUMENT, document_id, scope)
    return changes + _text_changes(context, document_id, None)


def require_own_id(context: Context, user_id: str, key: str) -> None:
    """Make sure that an id was not deleted by somebody else: what they had is nobody's business.

    Raises:
        NotFoundError: It was.
    """
    tombstone = context.state.tables["tombstone"].row(key)
    if tombstone is not None and not could_read(context, user_id, tombstone):
        raise absent(context, user_id, tombstone.kind, key)


def require_form(key: str, prefix: str) -> None:
    """Make sure that a client's own id is one.

    Raises:
        InvalidError: It is not.
    """
    if not has_form(key, prefix):
        detail = f"{key!r} found, expected {prefix}_ and a UUID in 26 characters of base 32, as a TypeID"
        raise InvalidError("The id in the path cannot be used for a new entity.", [FieldError("/id", detail)])


def _create(context: Context, user_id: str, key: str, draft: DocumentDraft) -> Decision:
    _require_project(context, user_id, draft)
    _check_rules(context, user_id, draft, draft.text, None)
    check_external_id(context, key, draft.project_id, draft.external_id)
    document = _document(first_head(context, key), user_id, draft, draft.text)
    check_read_only(draft, _READ_ONLY, document)
    change = created(context, DOCUMENT, key, document)
    changes = [*unburied(context, key), change, *_text_changes(context, key, draft.text)]
    return Decision(changes, outcome_of(DOCUMENT, change, CREATED, document.version))


def _revise(context: Context, user_id: str, key: str, draft: DocumentDraft, text: str | None) -> Decision:
    current = stored(context, DOCUMENT, key, Document)
    if draft.project_id != current.project_id:
        place = current.project_id or "no project"
        raise ImmutableError(f"{key} is in {place}, and documents do not move. Create another one there.")
    if text != context.state.text(key) and _is_pointed_into(context, key):
        raise TextInUseError(f"Marks point into the text of {key}. Make a new document with derived_from.")
    _check_rules(context, user_id, draft, text, current.derived_from)
    check_external_id(context, key, current.project_id, draft.external_id)
    document = _document(next_head(context, current), current.owner_id, draft, text)
    review = {"reviewed_at": current.reviewed_at, "reviewed_by": current.reviewed_by}
    document = replace(document, content=current.content, **review)
    check_read_only(draft, _READ_ONLY, current, document)
    change = updated(context, DOCUMENT, key, document)
    return Decision([change, *_text_changes(context, key, text)], outcome_of(DOCUMENT, change, OK, document.version))


def _require_project(context: Context, user_id: str, draft: DocumentDraft) -> None:
    """Make sure that the project of a new document is one that its creator may upload to.

    Raises:
        InvalidError: There is none that they can see.
        ForbiddenError: They may not upload to it.
    """
    if draft.project_id is None:
        return
    if draft.project_id == user_id or role_in(context, user_id, draft.project_id) is None:
        detail = f"there is no project {draft.project_id} that you can see"
        raise InvalidError("The document breaks a rule.", [FieldError("/project_id", detail)])
    require_action(context, user_id, draft.project_id, Action.CREATE_DOCUMENT)


def check_external_id(context: Context, key: str, project_id: str | None, external_id: str | None) -> None:
    """Make sure that no other document of the project has the same foreign id.

    Raises:
        TakenError: One has.
    """
    if project_id is None or external_id is None:
        return
    table = context.state.tables[DOCUMENT.name]
    holders = table.ids(table.select({"project_id": (project_id,), "external_id": (external_id,)}))
    if any(holder != key for holder in holders):
        errors = [FieldError("/external_id", f"belongs to {holders[0]}")]
        raise TakenError(f"{external_id!r} is the external_id of another document of {project_id}.", errors)


def _document(head: Head, owner_id: str, draft: DocumentDraft, text: str | None) -> Document:
    return Document(
        **head.members(),
        owner_id=owner_id,
        project_id=draft.project_id,
        title=draft.title,
        metadata=draft.metadata or {},
        length=None if text is None else len(text),
        external_id=draft.external_id,
        language=draft.language,
        pages=draft.pages,
        derived_from=draft.derived_from,
    )


def _is_pointed_into(context: Context, key: str) -> bool:
    for kind in (ANNOTATION, EXTRACTION):
        table = context.state.tables[kind.name]
        if any(table.row(mark).start is not None for mark in table.ids(table.select({"document_id": (key,)}))):
            return True
    return False


def _text_changes(context: Context, key: str, text: str | None) -> list[Change]:
    if text is None:
        # Whether there is one is enough: a project that is deleted may hold a gigabyte of them.
        return [] if context.state.tables[TEXT.name].number(key) is None else [deleted(context, TEXT, key)]
    before = context.state.text(key)
    if text == before:
        return []
    return [(created if before is None else updated)(context, TEXT, key, Text(text))]


def _check_rules(
    context: Context, user_id: str, draft: DocumentDraft, text: str | None, derived_before: str | None
) -> None:
    errors = page_errors(draft, text)
    if draft.derived_from is not None and draft.derived_from != derived_before:
        source = context.state.tables[DOCUMENT.name].row(draft.derived_from)
        if source is None or role_in(context, user_id, source.scope) is None:
            errors.append(FieldError("/derived_from", f"there is no document {draft.derived_from} that you can see"))
    if errors:
        raise InvalidError("The document breaks a rule.", errors)


def page_errors(draft: DocumentDraft, text: str | None) -> list[FieldError]:
    """Return what is wrong with the pages of a document that has this text."""
    errors = []
    length, last = len(text or ""), 0
    for place, page in enumerate(draft.pages or ()):
        if page.number <= last:
            errors.append(FieldError(f"/pages/{place}/number", f"{page.number} found, expected more than {last}"))
        last = page.number
        if (page.start is None) != (page.end is None):
            errors.append(FieldError(f"/pages/{place}", "start and end: a page has both or neither"))
        elif page.start is not None and page.end is not None and not page.start <= page.end <= length:
            errors.append(
                FieldError(
                    f"/pages/{place}/end", f"{page.start} to {page.end} found, the text has {length} code points"
                )
            )
    return errors
