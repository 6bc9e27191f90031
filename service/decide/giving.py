"""Giving out the next document of a project by its rule: one decision, so that no two people are given one place.

In this order:

1. What the user has in progress already, so that a retry, under whatever key, gives the same again. What is past its
   time, and nobody else was given instead, begins anew.
2. What they were given by hand and have not begun.
3. By the rule (`service.kinds.assignment.AssignmentRule`): to annotate, a document whose review is not done and that
   fewer people annotate, or have annotated, than the project wants; to review, the oldest that as many have annotated,
   with nobody still at it and nobody who reviews it. Never one that the user had before, whatever became of that; and,
   unless the project says otherwise, none to review that they had to annotate or have an annotation on, and none to
   annotate that they had to review.

Before the third step what is past its time is taken back, a number at once, so that those places are given again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from msgspec.structs import replace
from pyroaring import BitMap

from service.assigning import TakeNext
from service.clock import format_time
from service.commands import Outcome
from service.decide.access import require_action, require_project, require_user
from service.decide.assignments import WORK, given, moved
from service.decide.decision import (
    CREATED,
    NO_CONTENT,
    OK,
    Context,
    Decision,
    created,
    next_head,
    outcome_of,
    require_valid,
    stored,
    unburied,
    updated,
)
from service.decide.ending import released
from service.decide.idempotency import refuse_reused_key
from service.kinds.assignment import (
    ASSIGNMENT,
    Assignment,
    AssignmentDraft,
    AssignmentRule,
    TakeNextDraft,
    Task,
)
from service.state.supply import NONE, Counts, Documents, Supply
from service.state.view import supply_of

RELEASED_MAX = 100
"""Assignments that are taken back at once: the next one who asks takes back more."""
_SECOND_US = 1_000_000


def take_next(context: Context, command: TakeNext) -> Decision:
    """Give who asks the next document to annotate or to review; the answer is the assignment, or 204.

    Raises:
        NotFoundError: There is no such project that the user may see.
        GoneError: It was deleted.
        InvalidError: The body does not fit the schema.
        ForbiddenError: They may not do such work.
    """
    user_id = require_user(context, command.actor)
    rule: AssignmentRule = require_project(context, user_id, command.id).assignment
    refuse_reused_key(context, command)
    draft: TakeNextDraft = require_valid(command.draft)
    require_action(context, user_id, command.id, WORK[draft.task])
    own = _own(context, user_id, command.id, draft.task)
    if own is not None:
        return _continued(context, own, _since(context, rule))
    overdue = _overdue(context, command.id, rule)
    chosen = _chosen(context, user_id, command.id, draft.task, rule, overdue)
    changes = released(context, overdue)
    if chosen is None:
        return Decision(changes, Outcome(status=NO_CONTENT))
    document_id = context.state.tables["document"].ids([chosen])[0]
    new = AssignmentDraft(document_id=document_id, user_id=user_id, task=draft.task, state="in_progress")
    change = created(context, ASSIGNMENT, command.new_id, given(context, command.new_id, new, command.id))
    changes += [*unburied(context, command.new_id), change]
    return Decision(changes, outcome_of(ASSIGNMENT, change, CREATED))


def _own(context: Context, user_id: str, project_id: str, task: Task) -> str | None:
    table = context.state.tables[ASSIGNMENT.name]
    for state in ("in_progress", "todo"):
        filters = {"project_id": (project_id,), "user_id": (user_id,), "task": (task,), "state": (state,)}
        for key in table.ids(islice(table.select(filters), 1)):
            return key
    return None


def _continued(context: Context, key: str, since: str | None) -> Decision:
    current = stored(context, ASSIGNMENT, key, Assignment)
    if current.state == "todo":
        after = moved(context, current, "in_progress")
    elif since is not None and (current.started_at or "") <= since:
        head = next_head(context, current).members()
        after = replace(current, **head, started_at=format_time(context.now))
    else:
        value = context.state.tables[ASSIGNMENT.name].value(key) or b""
        return Decision([], Outcome(status=OK, kind=ASSIGNMENT.name, id=key, version=current.version, body=value))
    change = updated(context, ASSIGNMENT, key, after)
    return Decision([change], outcome_of(ASSIGNMENT, change, OK, after.version))


def _since(context: Context, rule: AssignmentRule) -> str | None:
    """Return since when something is in progress that is just past its time, None if nothing ever is."""
    if rule.release_after is None:
        return None
    return format_time(max(0, context.now - rule.release_after * _SECOND_US))


def _overdue(context: Context, project_id: str, rule: AssignmentRule) -> list[str]:
    since = _since(context, rule)
    if since is None:
        return []
    return list(islice(supply_of(context.state).started_until(project_id, since), RELEASED_MAX))


def _chosen(
    context: Context, user_id: str, project_id: str, task: Task, rule: AssignmentRule, overdue: Iterable[str]
) -> int | None:
    """Return the row of the document that the rule gives a user, None if there is none."""
    supply = supply_of(context.state)
    documents = supply.of(project_id)
    taken = supply.had(user_id, task)
    if not rule.review_own:
        other = supply.had(user_id, "review" if task == "annotate" else "annotate")
        own = supply.authors.of(user_id) if task == "review" else NONE
        taken = BitMap.union(taken, other, own) if other or own else taken
    changed = _without(context, supply, documents, overdue)
    if task == "annotate":
        return _to_annotate(documents, changed, taken, rule)
    return _to_review(documents, changed, taken, rule.annotators_per_document)


def _without(context: Context, supply: Supply, documents: Documents, overdue: Iterable[str]) -> Mapping[int, Counts]:
    """Return what becomes of the documents that are not reviewed when some assignments are taken back."""
    assignments, table = context.state.tables[ASSIGNMENT.name], context.state.tables["document"]
    changed: dict[int, Counts] = {}
    for key in overdue:
        row = assignments.row(key)
        number = table.number(row.document_id)
        if number is not None and number not in documents.reviewed:
            changed[number] = changed.get(number, supply.counts(number)).less(row)
    return changed


def _to_annotate(
    documents: Documents, changed: Mapping[int, Counts], taken: BitMap, rule: AssignmentRule
) -> int | None:
    levels = range(rule.annotators_per_document)
    for level in levels if rule.order == "fewest" else reversed(levels):
        also = [number for number, counts in changed.items() if counts.annotators == level]
        free = _free(documents.waiting.get(level, NONE), also, changed, taken)
        if free:
            return free.min()
    return None


def _to_review(documents: Documents, changed: Mapping[int, Counts], taken: BitMap, annotators: int) -> int | None:
    also = [number for number, counts in changed.items() if counts.is_ready and counts.done >= annotators]
    found = [_free(NONE, also, changed, taken)]
    found += [_free(rows, (), changed, taken) for done, rows in documents.ready.items() if done >= annotators]
    return min((free.min() for free in found if free), default=None)


def _free(rows: BitMap, also: Iterable[int], changed: Mapping[int, Counts], taken: BitMap) -> BitMap:
    """Return documents without those that somebody had, where some are counted anew."""
    return ((rows - BitMap(changed)) | BitMap(also)) - taken if changed else rows - taken
