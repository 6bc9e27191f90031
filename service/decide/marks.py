"""Extractions and annotations: marks on a document, which point to each other within it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import msgspec

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
from service.errors import FieldError, InUseError, InvalidError, NotFoundError
from service.kinds.base import Kind
from service.kinds.document import Text
from service.kinds.mark import MarkDraft, resolve
from service.kinds.marks import (
    ANNOTATION,
    EXTRACTION,
    Annotation,
    AnnotationDraft,
    Extraction,
    ExtractionDraft,
)

_NAMED_MAX = 10


def create_annotation(context: Context, command: Create) -> Decision:
    """Put an annotation on a document; its author is who asks.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        NotFoundError: There is no such document that the user may see.
        InvalidError: The body does not fit the schema, or a rule is broken.
    """
    user_id = require_user(context, command.actor)
    draft: AnnotationDraft = require_valid(command.draft)
    text = _text(context, user_id, draft)
    _check_targets(context, draft, draft.extraction_id)
    time = format_time(context.now)
    annotation = Annotation(
        id=command.new_id,
        version=1,
        created_at=time,
        updated_at=time,
        document_id=draft.document_id,
        status="proposed",
        author_id=user_id,
        extraction_id=draft.extraction_id,
        verdict=draft.verdict,
        **resolve(draft, text),
    )
    change = created(context, ANNOTATION, annotation.id, annotation)
    return Decision([change], outcome_of(ANNOTATION, change, 201))


def create_extraction(context: Context, command: Create) -> Decision:
    """Put an extraction on a document.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        NotFoundError: There is no such document that the user may see.
        InvalidError: The body does not fit the schema, or a rule is broken.
    """
    user_id = require_user(context, command.actor)
    draft: ExtractionDraft = require_valid(command.draft)
    text = _text(context, user_id, draft)
    _check_targets(context, draft, None)
    time = format_time(context.now)
    extraction = Extraction(
        id=command.new_id,
        version=1,
        created_at=time,
        updated_at=time,
        document_id=draft.document_id,
        status="proposed",
        source=draft.source,
        quote=draft.quote,
        alignment=draft.alignment,
        confidence=draft.confidence,
        **resolve(draft, text),
    )
    change = created(context, EXTRACTION, extraction.id, extraction)
    return Decision([change], outcome_of(EXTRACTION, change, 201))


def delete_mark(context: Context, command: Delete) -> Decision:
    """Delete a mark; with `cascade` also the marks that point to it, and those that point to them.

    Raises:
        UnauthenticatedError: Nobody is logged in.
        NotFoundError: There is no such mark that the user may see.
        InUseError: Others point to it, and `cascade` was not asked for.
    """
    user_id = require_user(context, command.actor)
    row = context.state.tables[command.kind].row(command.id)
    if row is None:
        raise NotFoundError(f"There is no {command.kind} {command.id} that you can see.")
    require_document(context, user_id, row.document_id)
    doomed = {command.id: EXTRACTION if command.kind == EXTRACTION.name else ANNOTATION}
    waiting = [command.id]
    while waiting:
        pointing = [(key, kind) for key, kind in _pointing_to(context, waiting.pop()) if key not in doomed]
        if pointing and not command.cascade:
            names = ", ".join(key for key, _ in pointing[:_NAMED_MAX])
            raise InUseError(f"{len(pointing)} marks point to {command.id}: {names}.")
        doomed.update(pointing)
        waiting += [key for key, _ in pointing]
    changes = [deleted(context, kind, key) for key, kind in reversed(doomed.items())]
    return Decision(changes, Outcome(status=204, kind=command.kind, id=command.id))


def _pointing_to(context: Context, key: str) -> Iterable[tuple[str, Kind]]:
    for kind in (EXTRACTION, ANNOTATION):
        table = context.state.tables[kind.name]
        for pointing in table.ids(table.select({"target": (key,)})):
            yield pointing, kind
    annotations = context.state.tables[ANNOTATION.name]
    for pointing in annotations.ids(annotations.select({"extraction_id": (key,)})):
        yield pointing, ANNOTATION


def _text(context: Context, user_id: str, draft: MarkDraft) -> str | None:
    require_document(context, user_id, draft.document_id)
    value = context.state.tables["text"].value(draft.document_id)
    return None if value is None else _decode_text(value)


def _check_targets(context: Context, draft: MarkDraft, extraction_id: str | None) -> None:
    targets: dict[str, tuple[str, tuple[Kind, ...]]] = {}
    if extraction_id is not None:
        targets["/extraction_id"] = (extraction_id, (EXTRACTION,))
    for place, argument in enumerate(draft.arguments or ()):
        targets[f"/arguments/{place}/target"] = (argument.target, (EXTRACTION, ANNOTATION))
    errors = []
    for pointer, (key, kinds) in targets.items():
        rows = [context.state.tables[kind.name].row(key) for kind in kinds]
        if not any(row is not None and row.document_id == draft.document_id for row in rows):
            errors.append(FieldError(pointer, f"{key} is not on document {draft.document_id}"))
    if errors:
        raise InvalidError("The mark points to something that is not there.", errors)


@lru_cache(maxsize=64)
def _decode_text(value: bytes) -> str:
    # Texts are at most 4 MiB and immutable, and marks come many a document: a few decoded ones serve most.
    return msgspec.json.decode(value, type=Text).text
