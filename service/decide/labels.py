"""Renaming and merging labels: the project's labels and every mark that has one, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace
from pyroaring import BitMap

from service.decide.access import require_project, require_user
from service.decide.conditions import require_conditions
from service.decide.decision import OK, Context, Decision, next_head, outcome_of, require_valid, stored, updated
from service.decide.references import MARKS
from service.decide.roles import Action
from service.errors import ConflictError, FieldError, InvalidError, LabelUnknownError, TooManyMarksError, shown
from service.kinds.base import Kind
from service.kinds.label import ArgumentSchema, Label, fits, mark_errors
from service.kinds.marks import ANNOTATION, Annotation, Extraction
from service.kinds.project import PROJECT, Project
from service.kinds.review import Merging, Renaming
from service.nearest import nearest
from service.reviews import ChangeLabels
from wal.change import Change

_NAMED_MAX = 10


class _Step(msgspec.Struct, frozen=True):
    """What becomes of which labels.

    Attributes:
        old: Labels.
        new: What they become.
        project: As it is.
        after: As it will be, but for its head.
    """

    old: frozenset[str]
    new: str
    project: Project
    after: Project

    def label(self, name: str | None) -> str | None:
        """Return what a label becomes."""
        return self.new if name in self.old else name


def change_labels(context: Context, command: ChangeLabels) -> Decision:
    """Rename a label, or merge some into another one; extractions and annotations get it with a new version.

    Raises:
        NotFoundError: There is no such project that the user may read.
        ForbiddenError: They may read it, and not do this.
        PreconditionFailedError: A condition does not hold.
        LabelUnknownError: There is no such label, neither in the project nor on a mark.
        ConflictError: The new name is there: that is merging.
        TooManyMarksError: More marks have it than one transaction may change.
        InvalidError: The body does not fit the schema, or marks would not fit the label that they get.
    """
    user_id = require_user(context, command.actor)
    row = require_project(context, user_id, command.id, Action.CHANGE_LABELS)
    require_conditions(context, command, row.version)
    draft: Renaming | Merging = require_valid(command.draft)
    project = stored(context, PROJECT, command.id, Project)
    step = _renaming(context, project, draft) if isinstance(draft, Renaming) else _merging(context, project, draft)
    changes = [updated(context, PROJECT, command.id, replace(step.after, **next_head(context, project).members()))]
    changes += _marks(context, step)
    return Decision(changes, outcome_of(PROJECT, changes[0], OK, project.version + 1))


def _renaming(context: Context, project: Project, draft: Renaming) -> _Step:
    _require_known(context, project, [("/from", draft.old)])
    if draft.old == draft.new:
        raise InvalidError("Nothing would change.", [FieldError("/to", "is what it is called already")])
    if _is_known(context, project, draft.new):
        raise ConflictError(
            f"{shown(draft.new)} is a label of {project.id} already. Merge into it: POST …/labels/merge."
        )
    labels = [replace(one, name=draft.new) if one.name == draft.old else one for one in project.labels]
    return _step(project, frozenset([draft.old]), draft.new, labels)


def _merging(context: Context, project: Project, draft: Merging) -> _Step:
    places = [(f"/from/{place}", name) for place, name in enumerate(draft.old)]
    itself = [
        FieldError(pointer, "is what the others are merged into") for pointer, name in places if name == draft.into
    ]
    if itself:
        raise InvalidError("A label cannot become itself.", itself)
    _require_known(context, project, [*places, ("/into", draft.into)])
    names = [one.name for one in project.labels]
    if project.label_policy == "closed" and draft.into not in names:
        raise LabelUnknownError(
            "The project is closed to other labels than its own.", [_unknown("/into", draft.into, names)]
        )
    old = frozenset(draft.old)
    return _step(project, old, draft.into, [one for one in project.labels if one.name not in old])


def _step(project: Project, old: frozenset[str], new: str, labels: list[Label]) -> _Step:
    def renamed(schema: ArgumentSchema) -> ArgumentSchema:
        names = [new if name in old else name for name in schema.labels or ()]
        return replace(schema, labels=list(dict.fromkeys(names)) or None)

    labels = [
        one if one.arguments is None else replace(one, arguments=[renamed(schema) for schema in one.arguments])
        for one in labels
    ]
    return _Step(old, new, project, replace(project, labels=labels))


def _require_known(context: Context, project: Project, places: Iterable[tuple[str, str]]) -> None:
    names = dict.fromkeys(one.name for one in project.labels)
    unknown = [place for place in places if place[1] not in names and not _is_on_mark(context, project, place[1])]
    if unknown:
        what = "that label" if len(unknown) == 1 else f"{len(unknown)} of the labels"
        told = f"; the first {_NAMED_MAX} are named" if len(unknown) > _NAMED_MAX else ""
        errors = [_unknown(pointer, name, names) for pointer, name in unknown[:_NAMED_MAX]]
        raise LabelUnknownError(f"Neither {project.id} nor a mark in it has {what}{told}.", errors)


def _is_known(context: Context, project: Project, name: str) -> bool:
    return any(one.name == name for one in project.labels) or _is_on_mark(context, project, name)


def _is_on_mark(context: Context, project: Project, name: str) -> bool:
    return any(rows for _, rows in _having(context, project.id, [name]))


def _unknown(pointer: str, name: str, names: Iterable[str]) -> FieldError:
    return FieldError(pointer, f"{shown(name)} is no label of the project{nearest(name, names)}")


def _having(context: Context, project_id: str, labels: Iterable[str]) -> list[tuple[Kind, BitMap]]:
    """Return the rows of the marks of a project that have one of some labels: there may be a million."""
    filters = {"label": labels, "document.scope": (project_id,)}
    return [(kind, context.state.tables[name].select(filters)) for name, kind in MARKS.items()]


def _marks(context: Context, step: _Step) -> list[Change]:
    limit = context.limits.relabel_max
    found = _having(context, step.project.id, step.old)
    if sum(len(rows) for _, rows in found) > limit:
        raise TooManyMarksError(
            f"More than {limit} marks of {step.project.id} have {shown(sorted(step.old))}, which is the limit of one "
            "transaction. Merge fewer labels at once, relabel annotations or delete marks first, or have "
            "limits.relabel_max raised."
        )
    changes = []
    misfits = 0
    errors: list[FieldError] = []
    for kind, rows in found:
        entity: type[Annotation | Extraction] = Annotation if kind is ANNOTATION else Extraction
        for key in context.state.tables[kind.name].ids(rows):
            current = stored(context, kind, key, entity)
            mark = replace(current, **next_head(context, current).members(), label=step.new)
            changes.append(updated(context, kind, key, mark))
            if step.project.label_policy == "open" or _stays_fit(context, step, current, mark):
                continue
            misfits += 1
            if misfits <= _NAMED_MAX:
                errors.append(_misfit(context, step, mark))
    if errors:
        raise InvalidError(
            f"{misfits} marks do not fit {shown(step.new)} as the project has it. Change the label, or them.", errors
        )
    return changes


def _stays_fit(context: Context, step: _Step, before: Annotation | Extraction, after: Annotation | Extraction) -> bool:
    """Tell if a mark fits the label that it gets; what did not fit the one that it has is no hindrance."""
    return fits(step.after.labels, after, lambda key: step.label(_label_of(context, key))) or not fits(
        step.project.labels, before, lambda key: _label_of(context, key)
    )


def _misfit(context: Context, step: _Step, mark: Annotation | Extraction) -> FieldError:
    """Return why a mark does not fit the label that it gets."""
    labels = step.after.labels
    (error,) = mark_errors(labels, mark, lambda key: step.label(_label_of(context, key)), errors_max=1)
    return FieldError("", f"{mark.id}: {error.pointer} {error.detail}")


def _label_of(context: Context, key: str) -> str | None:
    rows = (context.state.tables[name].row(key) for name in MARKS)
    return next((row.label for row in rows if row is not None), None)
