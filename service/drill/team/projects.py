"""The judge of projects, their labels and members, and of documents with the end of their review."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from service.drill.team.history import Deed, Seen, seen_in, shown_labels
from service.drill.team.look import Look
from service.drill.team.marks import unmade
from service.drill.team.people import GUESTS, ROLES
from service.drill.team.record import Record
from service.drill.violation import Broken, Violation, violation


def check_project(record: Record, look: Look, user_ids: Mapping[str, str]) -> Iterator[Violation]:
    """Yield what is broken about a project itself: its labels, its members, its version."""
    survey = look.deeds["projects"]
    seen = look.things["projects"].get(record.id)
    deeds = [effect.operation for effect in record.changes]
    if seen is None:
        yield violation(Broken.LOST, record.id, "The project is gone.", [*deeds[:1], survey])
        return
    if seen.version != len(record.changes):
        says = f"It has version {seen.version}; {len(record.changes)} changes were carried out."
        yield violation(Broken.VERSIONS, record.id, says, [*deeds, survey])
    for label, first, second in record.renamed_twice:
        says = f"The label {label!r} was gone, and was renamed or merged once more."
        yield violation(Broken.DUPLICATED, record.id, says, [first, second])
    wanted = sorted({record.now(label) for label in record.labels})
    if sorted(shown_labels(seen)) != wanted:
        says = f"Its labels are {sorted(shown_labels(seen))}, expected {wanted}."
        changes = [one for one in deeds if one.collection in ("projects", "labels", "rename", "merge")]
        yield violation(Broken.HALF, record.id, says, [*changes, survey])
    yield from _members(record, seen, survey, user_ids)


def _members(record: Record, seen: Seen, survey: Deed, user_ids: Mapping[str, str]) -> Iterator[Violation]:
    members = seen.members["members"]
    for person in (*ROLES, *GUESTS):
        effects = record.members.get(person, [])
        last = effects[-1].operation if effects else None
        role = ROLES["owner"] if person == "owner" else None
        if isinstance(last, Deed) and last.action == "put":
            role = last.sent["role"]
        if members.get(user_ids[person]) != role:
            says = f"{person} is {members.get(user_ids[person])} in it, expected {role}."
            yield violation(Broken.ACCESS, record.id, says, [*(one.operation for one in effects[-2:]), survey])


def check_documents(
    record: Record, look: Look, user_ids: Mapping[str, str], stamps: Mapping[str, Deed]
) -> Iterator[Violation]:
    """Yield what is broken about documents: each is there once, and reviewed if it was adjudicated, once."""
    survey, found = look.deeds["documents"], look.things["documents"]
    for key, made in record.documents.items():
        seen = found.get(key)
        if seen is None:
            yield violation(Broken.LOST, key, "It was made, nobody deleted it, and it is gone.", [made, survey])
            continue
        adjudications = record.adjudications.get(key, [])
        yield from _reviewed(seen, adjudications, survey, user_ids)
        updates = record.updates.get(key, [])
        version = 1 + len(updates) + len(adjudications)
        if seen.version != version:
            says = f"It has version {seen.version}; {version - 1} changes were carried out."
            yield violation(Broken.VERSIONS, key, says, [made, *updates, *adjudications, survey])
        told = [(seen_in(one)[0].version, one.stamp) for one in updates if seen_in(one)]
        stamp = max(told, default=(0, made.stamp))[1]
        if seen.stamp != stamp:
            says = f"Its title is {seen.stamp!r}, expected {stamp!r}."
            yield violation(Broken.VALUE, key, says, [made, *updates, survey])
    for key in found.keys() - record.documents.keys():
        yield unmade(found[key], stamps, survey)


def _reviewed(seen: Seen, adjudications: list[Deed], survey: Deed, user_ids: Mapping[str, str]) -> Iterator[Violation]:
    if len(adjudications) > 1:
        yield violation(Broken.DUPLICATED, seen.id, "It was adjudicated twice.", adjudications)
    by = seen.members.get("reviewed_by")
    wanted = user_ids[adjudications[0].client] if adjudications else None
    if by != wanted or ("reviewed_at" in seen.members) != bool(adjudications):
        says = f"It was reviewed by {by}, expected {wanted}."
        yield violation(Broken.HALF, seen.id, says, [*adjudications, survey])
