"""The judge of assignments: no document is given to more people than the project wants, or twice to one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from service.drill.team.history import Deed, Seen, seen_in
from service.drill.team.look import Look
from service.drill.team.people import ANNOTATORS_PER_DOCUMENT
from service.drill.team.record import Record
from service.drill.violation import Broken, Violation, violation

OPEN = ("todo", "in_progress")


def check_assignments(record: Record, look: Look, user_ids: Mapping[str, str]) -> Iterator[Violation]:
    """Yield what is broken about who has which document."""
    survey, found = look.deeds["assignments"], look.things["assignments"]
    for key, given in record.assignments.items():
        if len(given) > 1:
            yield violation(Broken.DUPLICATED, key, "Two requests were told that they had been given it anew.", given)
        seen = found.get(key)
        if seen is None:
            yield violation(Broken.LOST, key, "It was given, and is gone.", [*given, survey])
        else:
            yield from _assignment(record, seen, given, survey, user_ids)
    for key in found.keys() - record.assignments.keys():
        yield violation(Broken.GIVEN, key, "It is there, and no answer gave it to anybody.", [survey])
    yield from _places(record, found, survey, user_ids)


def check_given(deed: Deed, user_ids: Mapping[str, str]) -> Iterator[Violation]:
    """Yield what is wrong about what somebody was told to have next."""
    for seen in seen_in(deed):
        told = (seen.members["user_id"], seen.members["project_id"], seen.members["task"], seen.members["state"])
        wanted = (user_ids[deed.client], deed.project, deed.sent["task"], "in_progress")
        if told != wanted:
            yield violation(Broken.GIVEN, seen.id, f"Given was {told}, expected {wanted}.", [deed])


def _assignment(
    record: Record, seen: Seen, given: list[Deed], survey: Deed, user_ids: Mapping[str, str]
) -> Iterator[Violation]:
    updates = record.updates.get(seen.id, [])
    reviews = record.adjudications.get(seen.document_id, []) if seen.members["task"] == "review" else []
    least = 1 + len(updates)
    if not least <= seen.version <= least + len(reviews):
        says = f"It has version {seen.version}; {least - 1} changes were carried out, and {len(reviews)} reviews."
        yield violation(Broken.VERSIONS, seen.id, says, [*given, *updates, *reviews, survey])
    if seen.members["user_id"] != user_ids[given[0].client]:
        yield violation(Broken.VALUE, seen.id, "Somebody else has it.", [*given, survey])
    told = [(one.version, one.members["state"]) for deed in updates for one in seen_in(deed)]
    state = max(told, default=(1, "in_progress"))[1]
    if seen.version == least and seen.members["state"] != state:
        says = f"It is {seen.members['state']}, expected {state}."
        yield violation(Broken.VALUE, seen.id, says, [*given, *updates, survey])
    if reviews and seen.members["state"] in OPEN:
        says = "Its document was adjudicated, and somebody still has it to review."
        yield violation(Broken.HALF, seen.id, says, [*given, *reviews, survey])


def _places(
    record: Record, found: Mapping[str, Seen], survey: Deed, user_ids: Mapping[str, str]
) -> Iterator[Violation]:
    having: dict[tuple[str, str], list[str]] = defaultdict(list)
    had: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for key, seen in found.items():
        document, task = seen.document_id, seen.members["task"]
        had[document, seen.members["user_id"], task].append(key)
        if seen.members["state"] != "skipped" and not _is_taken_up_again(record, seen, user_ids):
            having[document, task].append(key)
    for (document, user, task), keys in had.items():
        if len(keys) > 1:
            says = f"{user} was given it {len(keys)} times to {task}."
            yield violation(Broken.GIVEN, document, says, [*_given(record, keys), survey])
    for (document, task), keys in having.items():
        most = ANNOTATORS_PER_DOCUMENT if task == "annotate" else 1
        if len(keys) > most:
            says = f"{len(keys)} people have it to {task}, expected {most} at the most."
            yield violation(Broken.GIVEN, document, says, [*_given(record, keys), survey])


def _is_taken_up_again(record: Record, seen: Seen, user_ids: Mapping[str, str]) -> bool:
    """Tell if who had skipped a review has adjudicated its document all the same.

    They have done it then, beside whoever was given it meanwhile.
    """
    told = [one.members["state"] for deed in record.updates.get(seen.id, []) for one in seen_in(deed)]
    reviews = record.adjudications.get(seen.document_id, []) if seen.members["task"] == "review" else []
    return "skipped" in told and any(user_ids[deed.client] == seen.members["user_id"] for deed in reviews)


def _given(record: Record, keys: list[str]) -> list[Deed]:
    return [deed for key in keys for deed in record.assignments.get(key, [])]
