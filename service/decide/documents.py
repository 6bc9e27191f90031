"""Documents: private to their owner."""

from __future__ import annotations

from service.clock import format_time
from service.commands import Create, Delete, Outcome
from service.decide.decision import (
    Context,
    Decision,
    created,
    deleted,
    outcome_of,
    require_document,
    require_user,
    require_valid,
)
from service.errors import CascadeTooLargeError, TooLargeError
from service.kinds.document import DOCUMENT, TEXT, Document, DocumentDraft, Text
from service.kinds.marks import ANNOTATION, EXTRACTION
from wal.change import Change

TEXT_BYTES_MAX = 4 * 1024 * 1024
CASCADE_MAX = 20_000


def create_document(context: Context, command: Create) -> Decision:
    """Create a document that belongs to who asks; its text is a value of its own.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        InvalidError: The body does not fit the schema.
        TooLargeError: The text is larger than 4 MiB in UTF-8.
    """
    user_id = require_user(context, command.actor)
    draft: DocumentDraft = require_valid(command.draft)
    size = len((draft.text or "").encode())
    if size > TEXT_BYTES_MAX:
        raise TooLargeError(f"The text has {size} bytes in UTF-8, the limit is {TEXT_BYTES_MAX}.")
    time = format_time(context.now)
    document = Document(
        id=command.new_id,
        version=1,
        created_at=time,
        updated_at=time,
        owner_id=user_id,
        title=draft.title,
        metadata=draft.metadata,
        length=None if draft.text is None else len(draft.text),
        external_id=draft.external_id,
        language=draft.language,
    )
    change = created(context, DOCUMENT, document.id, document)
    texts = [] if draft.text is None else [created(context, TEXT, document.id, Text(draft.text))]
    return Decision([change, *texts], outcome_of(DOCUMENT, change, 201))


def delete_document(context: Context, command: Delete) -> Decision:
    """Delete a document with its text and its marks, in one transaction.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        NotFoundError: There is no such document that the user may see.
        CascadeTooLargeError: It has too many marks.
    """
    user_id = require_user(context, command.actor)
    require_document(context, user_id, command.id)
    changes: list[Change] = []
    for kind in (ANNOTATION, EXTRACTION):
        table = context.state.tables[kind.name]
        rows = table.select({"document_id": (command.id,)})
        if len(changes) + len(rows) > CASCADE_MAX:
            raise CascadeTooLargeError(f"The document has more than {CASCADE_MAX} marks. Delete them first.")
        changes += [deleted(context, kind, key) for key in table.ids(rows)]
    changes.append(deleted(context, DOCUMENT, command.id))
    if context.state.tables["text"].value(command.id) is not None:
        changes.append(deleted(context, TEXT, command.id))
    return Decision(changes, Outcome(status=204, kind=DOCUMENT.name, id=command.id))
