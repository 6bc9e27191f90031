"""Contents of documents, and what is known of their blobs.

A blob is known, as an entity of a kind of its own, from the record that first names it to the one that says that
nothing retained does any more: so a file that nothing is known of may go, and no other.
"""

from __future__ import annotations

from msgspec.structs import replace

from service.commands import Outcome
from service.contents import RemoveContent, SettleBlobs, StoreContent
from service.decide.access import require_caller, require_document, require_user
from service.decide.conditions import require_conditions
from service.decide.decision import (
    CREATED,
    NO_CONTENT,
    OK,
    Context,
    Decision,
    created,
    deleted,
    next_head,
    nothing_left,
    outcome_of,
    stored,
    updated,
)
from service.decide.roles import Action
from service.errors import ForbiddenError, NotFoundError
from service.kinds.blob import BLOB, Blob
from service.kinds.document import DOCUMENT, Content, Document
from wal.change import Change


def store_content(context: Context, command: StoreContent) -> Decision:
    """Let a document tell of a content; whoever asks has made its blob durable.

    Raises:
        NotFoundError: There is no such document that the user may see.
        GoneError: It was deleted.
        ForbiddenError: The user may not change it.
        PreconditionFailedError: A condition does not hold.
        TooLargeError: The document would be too large with what it is to tell.
    """
    row = require_document(context, require_user(context, command.actor), command.id, Action.CHANGE_DOCUMENT)
    # What must not exist is the content, not the document.
    conditions = command.conditions
    is_free = conditions.create_only and conditions.if_match is None and row.content is None
    require_conditions(context, command, None if is_free else row.version)
    change, version = _changed(context, command.id, command.content)
    changes = [change, *held(context, command.content)]
    return Decision(changes, outcome_of(DOCUMENT, change, CREATED if row.content is None else OK, version))


def remove_content(context: Context, command: RemoveContent) -> Decision:
    """Take its content from a document.

    Raises:
        NotFoundError: There is no such document that the user may see, or it has no content.
        GoneError: It was deleted.
        ForbiddenError: The user may not change it.
        PreconditionFailedError: A condition does not hold.
    """
    row = require_document(context, require_user(context, command.actor), command.id, Action.CHANGE_DOCUMENT)
    if row.content is None:
        raise no_content(command.id)
    require_conditions(context, command, row.version)
    change, _ = _changed(context, command.id, None)
    return Decision([change], nothing_left(DOCUMENT, command.id))


def no_content(document_id: str) -> NotFoundError:
    """Return the error that tells of a document without a content."""
    return NotFoundError(f"The document {document_id} has no content. PUT /v1/documents/{{id}}/content gives it one.")


def held(context: Context, content: Content) -> list[Change]:
    """Return what has to go with a change after which a document names a blob that nobody may have named before."""
    known = context.state.tables[BLOB.name].row(content.sha256)
    blob = Blob(id=content.sha256, size=content.size)
    if known is None:
        return [created(context, BLOB, blob.id, blob)]
    return [updated(context, BLOB, blob.id, blob)] if known.released else []


def settle_blobs(context: Context, command: SettleBlobs) -> Decision:
    """Note which of some blobs are named by no document, and forget those that nothing retained names.

    A blob that is released was named by nothing from the record on that says so. When the oldest of what is retained
    came after that record, nothing that is retained names it.

    Raises:
        ForbiddenError: It is not maintenance that asks.
    """
    if require_caller(context, command.actor).user_id is not None:
        raise ForbiddenError("This is for maintenance alone.")
    changes = [change for key in command.ids for change in _settled(context, key, command.oldest)]
    return Decision(changes, Outcome(status=NO_CONTENT))


def _settled(context: Context, key: str, oldest: int) -> list[Change]:
    table = context.state.tables[BLOB.name]
    blob = table.row(key)
    if blob is None:
        return []
    is_held = bool(context.state.tables[DOCUMENT.name].select({"blob": (key,)}))
    if is_held == blob.released:
        return [updated(context, BLOB, key, replace(blob, released=not is_held))]
    return [deleted(context, BLOB, key)] if blob.released and table.sequence(key) < oldest else []


def _changed(context: Context, key: str, content: Content | None) -> tuple[Change, int]:
    """Return the change that gives a document this content, or none, and the version that it makes."""
    current = stored(context, DOCUMENT, key, Document)
    document = replace(current, **next_head(context, current).members(), content=content)
    return updated(context, DOCUMENT, key, document), document.version
