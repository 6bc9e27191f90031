"""What an object of the file becomes: the members of a draft, what it refers to, and what has no home here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any

import msgspec

from service.clock import format_time
from service.errors import shown
from service.legacy.marks import annotation_members, extraction_members
from service.legacy.names import Members, meant
from service.legacy.snapshot import Entry, key_of, told
from service.legacy.times import moment
from service.passwords import UNUSABLE, is_verifiable

FORMAT = "legacy"
Reference = tuple[str, str]
"""Kind and id in the file."""
_FLAGS: dict[object, bool] = {True: True, False: False}


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An entity to be created.

    Attributes:
        entry: What it comes from.
        members: Of its draft, without references.
        references: Member → what it refers to in the file.
        leftover: Members of the file that have no home here.
        created: Microseconds since 1970 UTC, None if the file does not tell.
        password_hash: Of a user.
    """

    entry: Entry
    members: dict[str, Any]
    references: dict[str, Reference]
    leftover: dict[str, Any]
    created: int | None = None
    password_hash: str = ""

    @property
    def reference(self) -> Reference | None:
        """What others in the file call it, None if nobody can."""
        return None if self.entry.key is None else (self.entry.kind, self.entry.key)

    def draft(self, created: int) -> dict[str, Any]:
        """Return the members of the draft, with what has no home where it is kept.

        Args:
            created: When the entity is created here; a time in the file that differs is kept.
        """
        leftover = self.leftover
        if self.created is not None and self.created != created:
            leftover = {"created_at": format_time(self.created), **leftover}
        if self.entry.kind == "user":
            return self.members
        if self.entry.kind == "document":
            return {**self.members, "metadata": _metadata(self.members["metadata"], leftover)}
        origin = {"format": FORMAT, "id": self.entry.key, "extra": leftover or None}
        return {**self.members, "origin": {name: value for name, value in origin.items() if value is not None}}


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """How objects become items.

    Attributes:
        zone: Of times that name none.
        now: Microseconds since 1970 UTC; nothing was created later.
    """

    zone: tzinfo
    now: int

    def item(self, entry: Entry) -> Item:
        """Return what an object becomes.

        Raises:
            ValueError: It cannot be taken over.
        """
        members = entry.members
        created = self._created(members.take("created_at"))
        updated = members.take("updated_at")
        item = _ITEMS[entry.kind](entry, members)
        if updated is not None and self._moment(updated) != created:
            item.leftover["updated_at"] = updated
        return msgspec.structs.replace(item, created=created)

    def _created(self, value: object) -> int | None:
        if value is None:
            return None
        created = moment(value, self.zone)
        if created < 0:
            raise ValueError(f"{shown(value)} found as its time of creation, expected 1970 or later")
        if created > self.now:
            raise ValueError(
                f"{shown(value)} found as its time of creation, expected the past; "
                "for local times without a zone tell it with --zone"
            )
        return created

    def _moment(self, value: object) -> int | None:
        try:
            return moment(value, self.zone)
        except ValueError:
            return None


def _user(entry: Entry, members: Members) -> Item:
    is_admin = _flag(members.take("admin")) is True
    role = members.look("role")
    if meant("role", role) == "admin":
        is_admin = True
    if isinstance(role, str):
        members.take("role")
    disabled = _flag(members.take("disabled")) is True
    if _flag(members.take("active")) is False:
        disabled = True
    drafted = {"email": members.take("email"), "name": members.take("name")}
    # Never more of it than a hash that can be verified: it may be a password as it is.
    credential = members.take("credential")
    usable = isinstance(credential, str) and is_verifiable(credential)
    return Item(
        entry=entry,
        members={
            **{name: value for name, value in drafted.items() if value is not None},
            "role": "admin" if is_admin else "member",
            "disabled": disabled,
        },
        references={},
        leftover=members.rest(),
        password_hash=str(credential) if usable else UNUSABLE,
    )


def _document(entry: Entry, members: Members) -> Item:
    owner = members.take("owner_id")
    drafted = {name: members.take(name) for name in ("title", "text", "language")}
    metadata = members.take("metadata")
    return Item(
        entry=entry,
        members={
            **{name: value for name, value in drafted.items() if value is not None},
            **({} if entry.key is None else {"external_id": entry.key}),
            "metadata": metadata,
        },
        references={} if owner is None else {"owner_id": ("user", _key(owner, "owner"))},
        leftover=members.rest(),
    )


def _extraction(entry: Entry, members: Members) -> Item:
    references = {"document_id": ("document", _key(members.take("document_id"), "document"))}
    drafted = extraction_members(members)
    return Item(entry=entry, members=drafted, references=references, leftover=members.rest())


def _annotation(entry: Entry, members: Members) -> Item:
    references = {"document_id": ("document", _key(members.take("document_id"), "document"))}
    for member, kind in (("author_id", "user"), ("extraction_id", "extraction")):
        value = members.take(member)
        if value is not None:
            references[member] = (kind, _key(value, member))
    drafted = annotation_members(members, is_about_extraction="extraction_id" in references)
    return Item(entry=entry, members=drafted, references=references, leftover=members.rest())


_ITEMS: dict[str, Callable[[Entry, Members], Item]] = {
    "user": _user,
    "document": _document,
    "extraction": _extraction,
    "annotation": _annotation,
}


def _key(value: object, what: str) -> str:
    key = key_of(value)
    if key is None:
        raise ValueError(f"{told(value)} found as its {what}, expected an id")
    return key


def _flag(value: object) -> bool | None:
    if value is None:
        return None
    if not isinstance(value, bool | int) or value not in _FLAGS:
        raise ValueError(f"{told(value)} found, expected true or false")
    return _FLAGS[value]


def _metadata(own: object, leftover: dict[str, Any]) -> dict[str, Any]:
    metadata = own if isinstance(own, dict) else {}
    if own is not None and not isinstance(own, dict):
        leftover = {"metadata": own, **leftover}
    name = FORMAT
    while name in metadata:
        name = f"{name}_"
    return {**metadata, name: leftover} if leftover else metadata
