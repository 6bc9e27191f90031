"""In which order entities are created: by their time, and each after what it refers to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from service.errors import shown
from service.legacy.mapping import Item, Reference
from service.legacy.mapping import Mapping as EntityMapping
from service.legacy.report import KINDS, LeftOut
from service.legacy.snapshot import Snapshot, key_of
from service.passwords import UNUSABLE

_RANKS = {kind.name: rank for rank, kind in enumerate(KINDS)}
RESET = "annolog user reset-password"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An item and when it is created, in microseconds since 1970 UTC."""

    item: Item
    time: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done.

    Attributes:
        steps: In order.
        left_out: What cannot be taken over.
        notes: As those of a report.
    """

    steps: list[Step]
    left_out: list[LeftOut]
    notes: list[str]


class _Told(NamedTuple):
    """What the file's look-ups say: e-mail addresses by user, and owners by document."""

    emails: Mapping[str | None, str]
    owners: Mapping[str | None, str]


def make_plan(snapshot: Snapshot, mapping: EntityMapping) -> Plan:
    """Return what is to be done with a snapshot."""
    left_out = list(snapshot.left_out)
    items = []
    for entry in snapshot.entries:
        try:
            items.append(mapping.item(entry))
        except ValueError as error:
            left_out.append(LeftOut(kind=entry.kind, place=entry.place, reason=str(error)))
    emails = _emails(items)
    told = _Told(_first_by_key(_users_by_email(snapshot)), _first_by_key(_owned(snapshot)))
    items = [_completed(item, told, emails) for item in items]
    notes = [*snapshot.notes, *_contradictions(snapshot, items), *_on_users(items)]
    return Plan(steps=_ordered(items, mapping.now), left_out=left_out, notes=notes)


def _emails(items: list[Item]) -> dict[str, str]:
    """Return the ids of users by their e-mail addresses: some refer to them by these."""
    return {
        item.members["email"].casefold(): item.entry.key
        for item in items
        if item.entry.kind == "user" and item.entry.key is not None and isinstance(item.members.get("email"), str)
    }


def _first_by_key(pairs: Iterable[tuple[str, str]]) -> dict[str | None, str]:
    """Return what a look-up says of each id; what it says first counts."""
    found: dict[str | None, str] = {}
    for value, key in pairs:
        found.setdefault(key, value)
    return found


def _completed(item: Item, told: _Told, emails: Mapping[str, str]) -> Item:
    """Return the item with what only a look-up tells, and with ids of users that it names by e-mail."""
    key = item.entry.key
    if item.entry.kind == "user" and "email" not in item.members:
        email = told.emails.get(key)
        return item if email is None else msgspec.structs.replace(item, members={**item.members, "email": email})
    references = {member: _by_email(reference, emails) for member, reference in item.references.items()}
    if item.entry.kind == "document" and "owner_id" not in references and key in told.owners:
        references["owner_id"] = ("user", told.owners[key])
    return msgspec.structs.replace(item, references=references)


def _by_email(reference: Reference, emails: Mapping[str, str]) -> Reference:
    kind, key = reference
    return (kind, emails.get(key.casefold(), key)) if kind == "user" and "@" in key else reference


def _users_by_email(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    found: Any = snapshot.user_by_email
    for email, value in found.items() if isinstance(found, dict) else ():
        key = key_of(value.get("id") if isinstance(value, dict) else value)
        if key is not None:
            yield email, key


def _owned(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    found: Any = snapshot.documents_by_user
    for user, documents in found.items() if isinstance(found, dict) else ():
        for value in documents if isinstance(documents, list | dict) else ():
            key = key_of(value.get("id") if isinstance(value, dict) else value)
            if key is not None:
                yield user, key


def _contradictions(snapshot: Snapshot, items: list[Item]) -> Iterator[str]:
    """Tell where the file's look-ups and its entities differ. The entities count: look-ups are built anew."""
    emails = {item.entry.key: item.members.get("email") for item in items if item.entry.kind == "user"}
    for email, key in _users_by_email(snapshot):
        stored = emails.get(key)
        if not isinstance(stored, str) or stored.casefold() != email.casefold():
            yield f"The look-up by e-mail says {shown(email)} for user {shown(key)}, the user says {shown(stored)}."
    owners = {
        item.entry.key: item.references.get("owner_id", ("", ""))[1] for item in items if item.entry.kind == "document"
    }
    for user, key in _owned(snapshot):
        if owners.get(key) != user:
            yield (
                f"The look-up by user says that document {shown(key)} is of user {shown(user)}, "
                f"the document says {shown(owners.get(key))}."
            )
    if isinstance(snapshot.documents_by_user, dict):
        missing = owners.keys() - {key for _, key in _owned(snapshot)}
        if missing:
            yield f"{len(missing)} documents are missing in the look-up by user."
    if isinstance(snapshot.user_by_email, dict):
        missing = emails.keys() - {key for _, key in _users_by_email(snapshot)}
        if missing:
            yield f"{len(missing)} users are missing in the look-up by e-mail."


def _on_users(items: list[Item]) -> Iterator[str]:
    users = [item for item in items if item.entry.kind == "user"]
    names = sorted({name for user in users for name in user.leftover})
    if names:
        yield f"Of users these members have no home here: {', '.join(map(shown, names))}."
    for user in users:
        if user.password_hash == UNUSABLE:
            yield (
                f"{user.entry.place} has no password hash that can be verified (bcrypt, argon2), and is disabled. "
                f"Run: {RESET} {shown(user.members.get('email'))}"
            )


def _ordered(items: list[Item], now: int) -> list[Step]:
    told = [item.created for item in items if item.created is not None]
    earliest = min(told, default=now)
    times: dict[Reference, int] = {}
    steps = []
    # References go from later kinds to earlier ones only.
    for item in sorted(items, key=lambda item: _RANKS[item.entry.kind]):
        referred = [times.get(reference, earliest) for reference in item.references.values()]
        time = max(earliest if item.created is None else item.created, *referred, earliest)
        if item.reference is not None:
            times[item.reference] = time
        steps.append(Step(item=item, time=time))
    return sorted(steps, key=lambda step: (step.time, _RANKS[step.item.entry.kind]))
