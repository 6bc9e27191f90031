"""What a service of documents and annotations must do, as plain dicts: no log, no indexes, no encoding."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.commands import Command, Conditions, Create, Delete, Outcome, Replace, Update
from service.errors import (
    DomainError,
    GoneError,
    InUseError,
    InvalidError,
    KeyReusedError,
    NotFoundError,
    PreconditionFailedError,
    TextInUseError,
)


@dataclass
class Told:
    """An answer. `body` is only known once it was seen."""

    status: int
    kind: str
    id: str
    version: int
    body: bytes | None = None

    def fits(self, outcome: Outcome) -> bool:
        """Tell if this is what was answered."""
        same = (self.status, self.kind, self.id, self.version)
        return same == (outcome.status, outcome.kind, outcome.id, outcome.version) and self.body in (
            None,
            outcome.body,
        )


@dataclass
class Held:
    """An entity: who owns it, its version, and the members that are compared."""

    kind: str
    owner: str
    version: int
    members: dict[str, Any]


@dataclass
class Expected:
    """The whole state.

    Attributes:
        entities: By id.
        deleted: Id → the last of what was deleted under it.
        answers: Idempotency key → fingerprint and answer.
    """

    entities: dict[str, Held] = field(default_factory=dict)
    deleted: dict[str, Held] = field(default_factory=dict)
    answers: dict[str, tuple[str, Told]] = field(default_factory=dict)

    def copy(self) -> Expected:
        """Return another one with the same content; answers are shared, so that a body is learnt by both."""
        return Expected(copy.deepcopy(self.entities), copy.deepcopy(self.deleted), dict(self.answers))

    def ids(self, kind: str) -> list[str]:
        """Return what is there of a kind, the oldest first."""
        return [key for key, held in self.entities.items() if held.kind == kind]

    def do(self, command: Command) -> tuple[Told, bool]:
        """Carry out a command; returns the answer, and if it was given before.

        Raises:
            DomainError: It must be refused, with this class.
        """
        key = command.idempotency
        known = self.answers.get(key.id) if key is not None else None
        if key is not None and known is not None and known[0] == key.fingerprint:
            return known[1], True
        told = self._decide(command, is_reused=known is not None)
        if key is not None:
            self.answers[key.id] = key.fingerprint, told
        return told, False

    def _decide(self, command: Command, *, is_reused: bool) -> Told:
        user = command.actor.user_id if command.actor is not None else None
        assert user is not None
        if isinstance(command, Create):
            _refuse(is_reused, KeyReusedError)
            return self._create(command.kind, command.new_id, user, _members(command.draft), user)
        assert isinstance(command, Replace | Update | Delete)
        held = self._found(command, user)
        _refuse(is_reused, KeyReusedError)
        _check(command.conditions, held)
        if isinstance(command, Delete):
            return self._delete(command)
        if isinstance(command, Update):
            assert held is not None
            return self._revise(command.id, held, held.members | command.patch)
        if held is not None:
            return self._revise(command.id, held, held.members | _members(command.draft))
        return self._create(command.kind, command.id, user, _members(command.draft), user)

    def _found(self, command: Replace | Update | Delete, user: str) -> Held | None:
        held, before = self.entities.get(command.id), self.deleted.get(command.id)
        if held is not None:
            _refuse(held.owner != user, NotFoundError)
            return held
        mine = before is not None and before.owner == user
        if isinstance(command, Replace):
            _refuse(before is not None and not mine, NotFoundError)
            return None
        raise (GoneError if mine else NotFoundError)("expected")

    def _create(self, kind: str, key: str, user: str, members: dict[str, Any], owner: str) -> Told:
        if kind == "annotation":
            document = self._document_of(members, user)
            # Sent again after a power cut, it may meet a document whose text was not durable.
            has_text = self.entities[document].members["text"] is not None
            _refuse(members["start"] is not None and not has_text, InvalidError)
            for target in members["targets"]:
                other = self.entities.get(target)
                is_mark = other is not None and other.kind == "annotation"
                _refuse(not is_mark or self.entities[target].members["document_id"] != document, InvalidError)
        version = 1 + (self.deleted.pop(key).version if key in self.deleted else 0)
        self.entities[key] = Held(kind, owner, version, members)
        return Told(201, kind, key, version)

    def _document_of(self, members: dict[str, Any], user: str) -> str:
        document = str(members["document_id"])
        held, before = self.entities.get(document), self.deleted.get(document)
        if held is None:
            raise (GoneError if before is not None and before.owner == user else NotFoundError)("expected")
        _refuse(held.owner != user, NotFoundError)
        return document

    def _revise(self, key: str, held: Held, members: dict[str, Any]) -> Told:
        is_in_use = any(
            one.members.get("document_id") == key and one.members["start"] is not None for one in self._marks
        )
        _refuse(members.get("text") != held.members.get("text") and is_in_use, TextInUseError)
        held.members, held.version = members, held.version + 1
        return Told(200, held.kind, key, held.version)

    @property
    def _marks(self) -> list[Held]:
        return [self.entities[key] for key in self.ids("annotation")]

    def _delete(self, command: Delete) -> Told:
        doomed = [command.id]
        if command.kind == "document":
            doomed += [key for key in self.ids("annotation") if self.entities[key].members["document_id"] == command.id]
        for key in doomed:
            if command.kind == "annotation":
                pointing = [one for one in self.ids("annotation") if key in self.entities[one].members["targets"]]
                _refuse(bool(pointing) and not command.cascade, InUseError)
                doomed += [one for one in pointing if one not in doomed]
        for key in doomed:
            self.deleted[key] = self.entities.pop(key)
        return Told(204, command.kind, command.id, 0)


def _members(draft: Any) -> dict[str, Any]:
    if hasattr(draft, "title"):
        return {"title": draft.title, "text": draft.text}
    targets = [argument.target for argument in draft.arguments or ()]
    return {"document_id": draft.document_id, "label": draft.label, "start": draft.start, "targets": targets}


def _refuse(condition: bool, error: type[DomainError]) -> None:
    if condition:
        raise error("expected")


def _check(conditions: Conditions, held: Held | None) -> None:
    _refuse(conditions.create_only and held is not None, PreconditionFailedError)
    if conditions.if_match is not None:
        is_any = held is not None and (not conditions.if_match or held.version in conditions.if_match)
        _refuse(not is_any, PreconditionFailedError)


def differences(expected: Expected, values: Mapping[str, Mapping[str, dict[str, Any]]]) -> list[str]:
    """Return what differs between what must be there and what is.

    Args:
        expected: What must be.
        values: Kind → id → members of an entity, as it is stored.
    """
    found = []
    for kind in ("document", "annotation"):
        wanted = {key: _shown(expected.entities[key]) for key in expected.ids(kind)}
        there = {key: _stored(kind, key, value, values) for key, value in values[kind].items()}
        found += [f"{key} is {there.get(key)}, not {one}" for key, one in wanted.items() if there.get(key) != one]
        found += [f"{key} is there" for key in there if key not in wanted]
    buried = {key: value["version"] for key, value in values["tombstone"].items()}
    if buried != {key: held.version for key, held in expected.deleted.items()}:
        found.append(f"deleted are {buried}")
    if values["idempotency"].keys() != expected.answers.keys():
        found.append(f"answers are kept for {sorted(values['idempotency'])}, not {sorted(expected.answers)}")
    return found


def _shown(held: Held) -> dict[str, Any]:
    return {"version": held.version, **held.members}


def _stored(kind: str, key: str, value: dict[str, Any], values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    if kind == "document":
        text = values["text"].get(key, {}).get("text")
        return {"version": value["version"], "title": value["title"], "text": text}
    targets = [argument["target"] for argument in value.get("arguments", ())]
    members = {name: value.get(name) for name in ("version", "document_id", "label", "start")}
    return {**members, "targets": targets}
