"""Assignments that end although nobody changed them: who had them leaves, or the review of the document is done."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice

from msgspec.structs import replace

from service.clock import format_time
from service.decide.assignments import WORK, moved
from service.decide.decision import Context, stored, updated
from service.decide.roles import ALLOWED
from service.errors import CascadeTooLargeError
from service.kinds.assignment import ASSIGNMENT, OPEN, TASKS, Assignment
from service.kinds.project import ProjectRole
from wal.change import Change


def released(context: Context, keys: Iterable[str]) -> list[Change]:
    """Return the changes that take assignments back: they are skipped, and say since when."""
    changes = []
    for key in keys:
        current = stored(context, ASSIGNMENT, key, Assignment)
        after = replace(moved(context, current, "skipped"), released_at=format_time(context.now))
        changes.append(updated(context, ASSIGNMENT, key, after))
    return changes


def released_from(context: Context, user_id: str, project_id: str, role: ProjectRole | None, room: int) -> list[Change]:
    """Return the changes that take back what a user still had to do in a project, and cannot do in a new role.

    What is done stays done, and what was skipped stays skipped.

    Args:
        context: Of the decision.
        user_id: Of the user.
        project_id: Of the project.
        role: What they will be there; None: nothing.
        room: How many may be taken back.

    Raises:
        CascadeTooLargeError: They are more.
    """
    table = context.state.tables[ASSIGNMENT.name]
    lost = tuple(task for task in TASKS if role not in ALLOWED[WORK[task]])
    found = table.select({"user_id": (user_id,), "project_id": (project_id,), "state": OPEN, "task": lost})
    if len(found) > room:
        raise CascadeTooLargeError(
            f"{user_id} has {len(found)} documents of {project_id} still to do, and {room} can be taken back at once. "
            "Delete assignments of theirs first."
        )
    return released(context, table.ids(found))


def released_everywhere(
    context: Context, user_id: str, room: int, roles: Mapping[str, ProjectRole], gone: Collection[str] = ()
) -> list[Change]:
    """Return the changes that take back what a user still had to do, and cannot do in the roles that they will have.

    Args:
        context: Of the decision.
        user_id: Of the user.
        room: How many may be taken back.
        roles: By project; in all others they are nothing.
        gone: Projects that are deleted with them.

    Raises:
        CascadeTooLargeError: They are more.
    """
    table = context.state.tables[ASSIGNMENT.name]
    found = table.ids(table.select({"user_id": (user_id,), "state": OPEN}))
    project_ids = {table.row(key).project_id for key in found} - set(gone)
    changes: list[Change] = []
    for project_id in sorted(project_ids):
        changes += released_from(context, user_id, project_id, roles.get(project_id), room - len(changes))
    return changes


def released_when_disabled(context: Context, user_id: str, room: int) -> list[Change]:
    """Return the changes that take back what a user still had to do, the oldest of it if it is more than there is room.

    Nothing is refused here: an account must be disabled at once, whatever it has.
    """
    table = context.state.tables[ASSIGNMENT.name]
    found = table.select({"user_id": (user_id,), "state": OPEN})
    return released(context, table.ids(islice(found, room)))


def reviewed(context: Context, user_id: str, document_id: str) -> list[Change]:
    """Return the changes of who had a document to review, when a user has done it.

    What the user had is done, also if they had skipped it or it was taken back; what others still had to do of it is
    taken back.
    """
    table = context.state.tables[ASSIGNMENT.name]
    changes = []
    for key in table.ids(table.select({"document_id": (document_id,), "task": ("review",)})):
        row = table.row(key)
        if row.user_id != user_id:
            changes += released(context, [key] if row.state in OPEN else ())
        elif row.state != "done":
            current = stored(context, ASSIGNMENT, key, Assignment)
            changes.append(updated(context, ASSIGNMENT, key, moved(context, current, "done")))
    return changes
