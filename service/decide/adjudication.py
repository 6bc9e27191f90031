"""Adjudication: a reviewer decides which annotations a document has, in one transaction.

What is decided is new: annotations by the reviewer, `accepted`, each with what it rests on (`rests_on`). All others
become `rejected`, or those that are named. So the accepted annotations of a document that was reviewed are what was
decided. What a decided annotation rests on stays as it was (`service.decide.marks`, `references`). Whoever had the
document to review has it no more (`service.decide.ending`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from service import bodies
from service.clock import format_time
from service.commands import Invalid, Outcome
from service.decide.access import require_document, require_user
from service.decide.conditions import require_conditions
from service.decide.decision import (
    OK,
    Context,
    Decision,
    buried,
    check_read_only,
    created,
    first_head,
    next_head,
    require_valid,
    stored,
    updated,
)
from service.decide.ending import reviewed
from service.decide.marks import check_labels, resolved
from service.decide.references import pointing_to
from service.decide.roles import Action
from service.errors import ConflictError, FieldError, InUseError, InvalidError, TooManyMarksError
from service.kinds.document import DOCUMENT, Document
from service.kinds.marks import ANNOTATION, EXTRACTION, Annotation, AnnotationDraft, MarkRow
from service.kinds.review import Adjudicated, Adjudication, Decided
from service.offsets import Utf16
from service.reviews import Adjudicate
from wal.change import Change

_TAKEN = (
    "document_id",
    "type",
    "label",
    "start",
    "end",
    "fragments",
    "regions",
    "arguments",
    "attributes",
    "references",
    "body",
    "origin",
    "extraction_id",
)
_READ_ONLY = ("author_id", "rests_on")
_ERRORS_MAX = 10
"""As many faults end an adjudication: to tell what is wrong can take longer than to decide it."""


class _Scene(msgspec.Struct, frozen=True):
    """What an adjudication is decided on.

    Attributes:
        context: Of the decision.
        document_id: Of the document.
        rows: All annotations of the document.
        earlier: Those of an earlier adjudication, which go.
        units: Of the text, if offsets count UTF-16 units.
    """

    context: Context
    document_id: str
    rows: Mapping[str, MarkRow]
    earlier: frozenset[str]
    units: Utf16 | None


class _Plan(msgspec.Struct, frozen=True):
    """An annotation that is decided on, before its references are known to lead somewhere.

    Attributes:
        id: Of the annotation.
        pointer: In the body.
        draft: What it is made of.
        rests_on: Ids of marks.
    """

    id: str
    pointer: str
    draft: AnnotationDraft
    rests_on: list[str]


def adjudicate(context: Context, command: Adjudicate) -> Decision:
    """Write what is decided of a document, and end its review, also for those who had it to review.

    Raises:
        NotFoundError: There is no such document that the user may see.
        ForbiddenError: They may not review.
        PreconditionFailedError: A condition does not hold.
        ConflictError: It was reviewed, and nobody asked to replace that.
        TooManyMarksError: It would touch more marks than one transaction may.
        InvalidError: The body does not fit the schema, or breaks a rule; the first places are named.
        InUseError: Marks that stay point to what was decided earlier.
    """
    user_id = require_user(context, command.actor)
    row = require_document(context, user_id, command.id, Action.REVIEW)
    require_conditions(context, command, row.version)
    draft: Adjudication = require_valid(command.draft)
    document = stored(context, DOCUMENT, command.id, Document)
    if document.reviewed_at is not None and not draft.replace:
        raise ConflictError(
            f"{command.id} was reviewed by {document.reviewed_by} at {document.reviewed_at}. "
            "Send replace: true to put this in the place of what was decided then."
        )
    scene = _scene(context, command)
    rejected = _rejected(scene, draft)
    _require_room(scene, len(draft.decided), len(rejected))
    decided = _decided(scene, user_id, command.new_ids, draft.decided)
    changes = [*_buried(scene, row.scope)]
    changes += [created(context, ANNOTATION, one.id, one) for one in decided]
    shown = [change.value or b"" for change in changes[len(changes) - len(decided) :]]
    changes += [_rejection(context, key) for key in rejected]
    head = next_head(context, document).members()
    after = replace(document, **head, reviewed_at=format_time(context.now), reviewed_by=user_id)
    change = updated(context, DOCUMENT, command.id, after)
    units = scene.units
    body = Adjudicated(
        msgspec.Raw(change.value or b""),
        [msgspec.Raw(value if units is None else units.outward(value)) for value in shown],
        rejected,
    )
    outcome = Outcome(
        status=OK, kind=DOCUMENT.name, id=command.id, version=after.version, body=msgspec.json.encode(body)
    )
    return Decision([*changes, change, *reviewed(context, user_id, command.id)], outcome)


def _scene(context: Context, command: Adjudicate) -> _Scene:
    table = context.state.tables[ANNOTATION.name]
    found = table.select({"document_id": (command.id,)})
    if len(found) > context.limits.adjudication_max:
        raise _too_many(context, f"{command.id} has {len(found)} annotations")
    rows = {key: table.row(key) for key in table.ids(found)}
    earlier = frozenset(key for key, row in rows.items() if row.rests_on is not None)
    return _Scene(context, command.id, rows, earlier, context.state.offsets(command.id) if command.utf16 else None)


def _require_room(scene: _Scene, decided: int, rejected: int) -> None:
    total = decided + rejected + len(scene.earlier)
    if total > scene.context.limits.adjudication_max:
        raise _too_many(scene.context, f"{decided} decided, {rejected} rejected and {len(scene.earlier)} replaced")


def _too_many(context: Context, found: str) -> TooManyMarksError:
    return TooManyMarksError(
        f"{found}: an adjudication touches {context.limits.adjudication_max} at most. "
        "Delete annotations that nobody needs, or divide the document."
    )


def _rejected(scene: _Scene, draft: Adjudication) -> list[str]:
    others = [key for key in scene.rows if key not in scene.earlier]
    if draft.reject is not None:
        known = set(others)
        errors = [
            FieldError(f"/reject/{place}", f"{key} is no annotation of {scene.document_id} that stays")
            for place, key in enumerate(draft.reject)
            if key not in known
        ]
        if errors:
            raise InvalidError("The adjudication rejects what is not there.", errors)
        others = list(dict.fromkeys(draft.reject))
    return [key for key in others if scene.rows[key].status != "rejected"]


def _rejection(context: Context, key: str) -> Change:
    current = stored(context, ANNOTATION, key, Annotation)
    return updated(
        context, ANNOTATION, key, replace(current, **next_head(context, current).members(), status="rejected")
    )


def _buried(scene: _Scene, scope: str) -> Iterator[Change]:
    for key in scene.earlier:
        staying = [other for other in pointing_to(scene.context, key) if other not in scene.earlier]
        if staying:
            raise InUseError(f"{staying[0]} points to {key}, which was decided earlier. Let it point elsewhere first.")
        yield from buried(scene.context, ANNOTATION, key, scope)


def _decided(scene: _Scene, user_id: str, new_ids: tuple[str, ...], decided: list[Decided]) -> list[Annotation]:
    errors: list[FieldError] = []
    plans = []
    for place, (key, one) in enumerate(zip(new_ids, decided, strict=True)):
        try:
            plans.append(_plan(scene, key, f"/decided/{place}", one))
        except InvalidError as error:
            errors += error.errors
        if len(errors) >= _ERRORS_MAX:
            break
    if errors:
        raise InvalidError("Something that is decided cannot be.", errors[:_ERRORS_MAX])
    stands_for = _stands_for(plans, decided)
    labels = {plan.id: plan.draft.label for plan in plans}
    marks = []
    for plan in plans:
        try:
            marks.append(_annotation(scene, user_id, plan, stands_for, labels))
        except InvalidError as error:
            errors += _at(plan.pointer, error).errors or (FieldError(plan.pointer, error.detail),)
        if len(errors) >= _ERRORS_MAX:
            break
    if errors:
        raise InvalidError("Something that is decided breaks a rule.", errors[:_ERRORS_MAX])
    return marks


def _plan(scene: _Scene, key: str, pointer: str, one: Decided) -> _Plan:
    if (one.take is None) == (one.value is None):
        raise InvalidError("", [FieldError(pointer, "expected one of take and value")])
    rests_on = []
    errors = []
    for place, mark in enumerate(one.rests_on):
        rests_on.append(mark)
        if not _is_ground(scene, mark):
            errors.append(
                FieldError(f"{pointer}/rests_on/{place}", f"{mark} is no mark of {scene.document_id} that stays")
            )
    if errors:
        raise InvalidError("", errors)
    if one.value is not None:
        return _Plan(
            key, f"{pointer}/value", _value(scene, f"{pointer}/value", one.value), list(dict.fromkeys(rests_on))
        )
    taken = _taken(scene, f"{pointer}/take", one.take or "")
    grounds = taken.rests_on if taken.id in scene.earlier else [taken.id]
    draft = AnnotationDraft(**{name: getattr(taken, name) for name in _TAKEN})
    return _Plan(key, f"{pointer}/take", draft, list(dict.fromkeys([*(grounds or ()), *rests_on])))


def _is_ground(scene: _Scene, key: str) -> bool:
    row = scene.context.state.tables[EXTRACTION.name].row(key)
    is_extraction = row is not None and row.document_id == scene.document_id
    return is_extraction or (key in scene.rows and key not in scene.earlier)


def _taken(scene: _Scene, pointer: str, key: str) -> Annotation:
    if key not in scene.rows:
        raise InvalidError("", [FieldError(pointer, f"{key} is no annotation of {scene.document_id}")])
    taken = stored(scene.context, ANNOTATION, key, Annotation)
    if taken.verdict == "rejected":
        raise InvalidError("", [FieldError(pointer, f"{key} rejects {taken.extraction_id}: there is nothing to take")])
    return taken


def _value(scene: _Scene, pointer: str, members: dict[str, Any]) -> AnnotationDraft:
    given = members.get("document_id")
    if given not in (None, scene.document_id):
        raise InvalidError("", [FieldError(f"{pointer}/document_id", f"is not the path's, {scene.document_id}")])
    if members.get("verdict") is not None or members.get("status") not in (None, "accepted"):
        name = "status" if members.get("verdict") is None else "verdict"
        raise InvalidError("", [FieldError(f"{pointer}/{name}", "must be absent: what is decided is accepted")])
    whole = msgspec.json.encode({**members, "document_id": scene.document_id})
    draft = bodies.decode(whole, AnnotationDraft, scene.context.limits)
    if isinstance(draft, Invalid):
        raise _at(pointer, InvalidError("", draft.errors))
    if scene.units is None:
        return draft
    try:
        return msgspec.convert(scene.units.inward(msgspec.to_builtins(draft)), AnnotationDraft)
    except InvalidError as error:
        raise _at(pointer, error) from error


def _stands_for(plans: list[_Plan], decided: list[Decided]) -> dict[str, str]:
    """Return the new ids by what stands for them in arguments: their names, and the marks that they rest on."""
    found: dict[str, str] = {}
    for place, (plan, one) in enumerate(zip(plans, decided, strict=True)):
        if one.ref is not None and found.setdefault(f"@{one.ref}", plan.id) != plan.id:
            detail = f"{one.ref!r} is the name of another one too"
            raise InvalidError("A name is there twice.", [FieldError(f"/decided/{place}/ref", detail)])
        for mark in (*plan.rests_on, *([] if one.take is None else [one.take])):
            found.setdefault(mark, plan.id)
    return found


def _annotation(
    scene: _Scene, user_id: str, plan: _Plan, stands_for: Mapping[str, str], labels: Mapping[str, str | None]
) -> Annotation:
    extractions = scene.context.state.tables[EXTRACTION.name]
    arguments = [replace(one, target=stands_for.get(one.target, one.target)) for one in plan.draft.arguments or ()]
    errors = []
    for place, argument in enumerate(arguments):
        row = extractions.row(argument.target)
        is_extraction = row is not None and row.document_id == scene.document_id
        if argument.target == plan.id or not (is_extraction or argument.target in labels):
            detail = f"{argument.target} is not decided here: what is decided points to what is, or to extractions"
            errors.append(FieldError(f"/arguments/{place}/target", detail))
    about = plan.draft.extraction_id
    row = None if about is None else extractions.row(about)
    if about is not None and (row is None or row.document_id != scene.document_id):
        errors.append(FieldError("/extraction_id", f"{about} is no extraction on {scene.document_id}"))
    if errors:
        raise InvalidError("", errors)
    draft = replace(plan.draft, arguments=arguments or None, status="accepted")
    mark = resolved(scene.context, first_head(scene.context, plan.id), draft, user_id)
    if not isinstance(mark, Annotation):
        raise TypeError(f"{plan.id} is no annotation")
    mark = replace(mark, rests_on=plan.rests_on)
    check_read_only(draft, _READ_ONLY, mark)
    check_labels(scene.context, mark, labels)
    return mark


def _at(pointer: str, error: InvalidError) -> InvalidError:
    """Return an error whose places are below another one."""
    return InvalidError(error.detail, [FieldError(f"{pointer}{one.pointer}", one.detail) for one in error.errors])
