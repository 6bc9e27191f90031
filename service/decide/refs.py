"""`@name` in place of an id: which names an operation uses, and the ids that they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from service.commands import Create, Delete, Invalid, Replace, Update
from service.errors import FieldError, InvalidError, shown
from service.exports import EndRestore, Restore
from service.operations import OPERABLE, Single, Step

MARK = "@"
Naming = Create | Replace | Update | Delete


def names_in(command: Naming) -> list[tuple[str, str]]:
    """Return the names that an operation uses, and the place of each within it."""
    found: list[tuple[str, str]] = []
    if not isinstance(command, Create) and command.id.startswith(MARK):
        found.append(("/id", command.id))
    sent = sent_by(command)
    if sent is None or isinstance(sent, Invalid):
        return found
    for path in OPERABLE[command.kind].references:
        found += _names_at(sent, path)
    return found


def sent_by(command: Naming) -> Any:
    """Return the draft or patch of an operation, None if it has none."""
    return command.patch if isinstance(command, Update) else getattr(command, "draft", None)


def with_ids(step: Step, command: Single, ids: Mapping[str, str]) -> Single:
    """Return the command of an operation with ids in the place of names.

    Args:
        step: The operation.
        command: Its command.
        ids: By name, without the mark.

    Raises:
        InvalidError: A name stands for nothing.
    """
    if not step.names or isinstance(command, (Restore, EndRestore)):
        # Most hold none, and an export tells ids alone.
        return command
    names = names_in(command)
    if not names:
        return command
    errors = [
        FieldError(pointer, f"{shown(name)} found, and nothing that it could stand for has that ref")
        for pointer, name in names
        if name[1:] not in ids
    ]
    if errors:
        raise InvalidError("A reference leads nowhere.", errors)
    changed: dict[str, Any] = {}
    if not isinstance(command, Create):
        changed["id"] = _id_for(command.id, ids)
    sent = sent_by(command)
    if sent is not None:
        member = "patch" if isinstance(command, Update) else "draft"
        changed[member] = _converted(sent, OPERABLE[command.kind].references, ids)
    return replace(command, **changed)


def in_order(steps: Sequence[Step]) -> Iterator[int]:
    """Yield the places of operations: as they were sent, but what others use before them.

    Raises:
        InvalidError: They use each other in a circle.
    """
    defined = {step.ref: place for place, step in enumerate(steps) if step.ref is not None}
    done: set[int] = set()
    for first in range(len(steps)):
        waiting, open_ = [first], set[int]()
        while waiting:
            place = waiting[-1]
            needed = () if place in done else _needed(steps[place], defined)
            missing = [other for other in needed if other not in done and other != place]
            if missing and place not in open_:
                open_.add(place)
                circle = [other for other in missing if other in open_]
                if circle:
                    raise _circle(place, steps[circle[0]])
                waiting += reversed(missing)
                continue
            waiting.pop()
            if place not in done:
                done.add(place)
                yield place


def _circle(place: int, other: Step) -> InvalidError:
    detail = f"it uses @{other.ref}, which uses it in turn: create one of them without, and update it afterwards"
    return InvalidError("Operations use each other in a circle.", [FieldError(f"/operations/{place}", detail)])


def _needed(step: Step, defined: Mapping[str, int]) -> list[int]:
    if step.command is None or isinstance(step.command, Restore | EndRestore) or not step.names:
        return []
    return [defined[name[1:]] for _, name in names_in(step.command) if name[1:] in defined]


def _names_at(sent: Any, path: str) -> Iterator[tuple[str, str]]:
    name, _, member = path.partition(".")
    value = _member(sent, name)
    if not member:
        if isinstance(value, str) and value.startswith(MARK):
            yield f"/value/{name}", value
    elif isinstance(value, list):
        for place, item in enumerate(value):
            inner = _member(item, member)
            if isinstance(inner, str) and inner.startswith(MARK):
                yield f"/value/{name}/{place}/{member}", inner


def _member(sent: Any, name: str) -> Any:
    return sent.get(name) if isinstance(sent, dict) else getattr(sent, name, None)


def _converted(sent: Any, paths: Sequence[str], ids: Mapping[str, str]) -> Any:
    changed: dict[str, Any] = {}
    for path in paths:
        name, _, member = path.partition(".")
        value = _member(sent, name)
        if not member and isinstance(value, str):
            changed[name] = _id_for(value, ids)
        elif member and isinstance(value, list):
            changed[name] = [_item(item, member, ids) for item in value]
    return _with(sent, changed)


def _item(item: Any, member: str, ids: Mapping[str, str]) -> Any:
    value = _member(item, member)
    return _with(item, {member: _id_for(value, ids)}) if isinstance(value, str) else item


def _with(sent: Any, changed: Mapping[str, Any]) -> Any:
    return {**sent, **changed} if isinstance(sent, dict) else replace(sent, **changed)


def _id_for(value: str, ids: Mapping[str, str]) -> str:
    return ids[value[1:]] if value.startswith(MARK) else value
