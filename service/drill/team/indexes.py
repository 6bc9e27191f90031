"""The judge of indexes: lists, counts and progress must be what the entities say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from service.drill.team.history import Deed, Seen, seen_in
from service.drill.team.look import Look
from service.drill.team.people import ANNOTATORS_PER_DOCUMENT
from service.drill.violation import Broken, Violation, violation

STATES, TASKS = ("todo", "in_progress", "done", "skipped"), ("annotate", "review")


def check_list(deed: Deed) -> Iterator[Violation]:
    """Yield what a list shows that it was not asked for, twice, or otherwise than it counts."""
    answer = deed.answer
    if answer is None or not answer.is_success:
        return
    ids = [seen.id for seen in seen_in(deed)]
    if len(set(ids)) != len(ids):
        yield violation(Broken.INDEX, _named(deed), "The list shows something twice.", [deed])
    if answer.complete and answer.total is not None and answer.total != len(ids):
        yield violation(Broken.INDEX, _named(deed), f"It shows {len(ids)} and counts {answer.total}.", [deed])
    field, value = deed.filter or ("", "")
    for seen in seen_in(deed):
        if field and seen.members.get(field) != value:
            says = f"{_named(deed)} shows it, and it has {seen.members.get(field)!r}."
            yield violation(Broken.INDEX, seen.id, says, [deed])


def check_part(look: Look, deed: Deed) -> Iterator[Violation]:
    """Yield how a whole list with a filter, of a server that is quiet, differs from the look at everything."""
    if deed.answer is None or not deed.answer.is_success or deed.filter is None:
        return
    field, value = deed.filter
    wanted = {key for key, seen in look.things[deed.collection].items() if seen.members.get(field) == value}
    found = {seen.id for seen in seen_in(deed) if _is_here(look, seen)}
    if wanted != found:
        says = f"{_named(deed)} lacks {sorted(wanted - found)} and has {sorted(found - wanted)} more."
        yield violation(Broken.INDEX, look.id, says, [look.deeds[deed.collection], deed])


def check_progress(look: Look) -> Iterator[Violation]:
    """Yield how the progress that is told differs from the assignments and documents that are there."""
    told = look.progress
    if told is None:
        return
    wanted = _progress(look)
    found = {name: told.members.get(name) for name in wanted}
    found["documents"] = {name: told.members["documents"].get(name) for name in wanted["documents"]}
    found["members"] = {one["user_id"]: {task: one[task] for task in TASKS} for one in told.members.get("members", [])}
    for name, value in wanted.items():
        if found[name] != value:
            says = f"Progress tells {name} {found[name]}, and there is {value}."
            yield violation(Broken.INDEX, look.id, says, [look.deeds["progress"], look.deeds["assignments"]])


def _progress(look: Look) -> dict[str, Any]:
    assignments = look.things["assignments"].values()
    documents = look.things["documents"]
    having = Counter(
        seen.document_id
        for seen in assignments
        if seen.members["task"] == "annotate" and seen.members["state"] != "skipped"
    )
    reviewed = {key for key, seen in documents.items() if "reviewed_at" in seen.members}
    waiting = [key for key in documents if key not in reviewed and having[key] < ANNOTATORS_PER_DOCUMENT]
    users = {seen.members["user_id"] for seen in assignments}
    return {
        "documents": {"total": len(documents), "reviewed": len(reviewed), "waiting": len(waiting)},
        **_states(list(assignments)),
        "members": {user: _states([one for one in assignments if one.members["user_id"] == user]) for user in users},
    }


def _states(assignments: list[Seen]) -> dict[str, dict[str, int]]:
    counts = Counter((one.members["task"], one.members["state"]) for one in assignments)
    return {task: {state: counts[task, state] for state in STATES} for task in TASKS}


def _is_here(look: Look, seen: Seen) -> bool:
    """Tell if something is in the project: whoever is in several is shown marks of all of them."""
    return not seen.document_id or seen.document_id in look.things["documents"]


def _named(deed: Deed) -> str:
    return f"{deed.collection}?{'='.join(deed.filter or ())}"
