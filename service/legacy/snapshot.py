"""Reads ``db_snapshot.json``: from a file that may be anything to objects that can be kept, each with its place."""

from __future__ import annotations

import json
import math
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from service.errors import clipped, shown
from service.legacy.names import Members, is_credential
from service.legacy.report import KINDS, OTHER, LeftOut, printable

_INTEGER_MAX = 2**63 - 1
_DEPTH_MAX = 100
_EXPECTED = "the proof of concept's object with users, documents, extractions and annotations"


class LegacyError(Exception):
    """The file is no snapshot of the proof of concept; nothing was changed."""

    def __init__(self, path: Path, found: str, expected: str = _EXPECTED) -> None:
        super().__init__(f"{path}: found {found}, expected {expected}. Nothing was changed.")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An object of the file.

    Attributes:
        kind: Of the entity.
        place: Where it stands.
        key: Its id in the file, None if it has none.
        members: All its members but the id.
    """

    kind: str
    place: str
    key: str | None
    members: Members


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What the file holds.

    Attributes:
        entries: That can be read, in the order of the file, kind by kind.
        left_out: Those that cannot.
        notes: On what is missing, or has no home here.
        user_by_email: The file's look-up, as it stands; None if there is none.
        documents_by_user: As above.
    """

    entries: list[Entry]
    left_out: list[LeftOut]
    notes: list[str]
    user_by_email: Any
    documents_by_user: Any


class _Ambiguous(dict[str, Any]):
    """An object that has a member twice, with all its pairs."""

    pairs: list[tuple[str, Any]]


def read_snapshot(path: Path) -> Snapshot:
    """Read the file.

    Raises:
        LegacyError: It cannot be read, is not JSON, or holds no users.
    """
    content = _parse(path)
    if isinstance(content, _Ambiguous) or not isinstance(content, dict):
        raise LegacyError(path, "a member twice" if isinstance(content, dict) else _what(content))
    members = Members("file", content)
    if members.look("users") is None:
        raise LegacyError(path, f"no 'users' among {shown(sorted(content))}")
    notes: list[str] = []
    snapshot = Snapshot(
        entries=[],
        left_out=[],
        notes=notes,
        user_by_email=_look_up(members, "user by e-mail", notes),
        documents_by_user=_look_up(members, "documents by user", notes),
    )
    for kind in KINDS:
        _read_kind(path, members, kind.name, snapshot)
    _read_rest(members, snapshot)
    return snapshot


def key_of(value: object) -> str | None:
    """Return an id as the file's maps have it, None if it is none: integers are the same as their digits."""
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    return None


def told(value: object) -> str:
    """Return what was found, as far as it is worth telling and safe to: an object may hold a password."""
    return _what(value) if isinstance(value, dict | list) else shown(value)


def without_credentials(value: Any) -> Any:
    """Return a value without what users log in with: some put a whole user where others put an id."""
    if isinstance(value, list):
        return [without_credentials(item) for item in value]
    if isinstance(value, dict):
        return {name: without_credentials(item) for name, item in value.items() if not is_credential(name)}
    return value


def _parse(path: Path) -> Any:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise LegacyError(path, "no regular file", "a file")
        content = path.read_bytes()
    except OSError as error:
        raise LegacyError(path, f"that it cannot be read ({error.strerror})", "a file that can be") from error
    if not content.strip():
        raise LegacyError(path, "an empty file")
    try:
        return json.loads(content, object_pairs_hook=_object)
    except RecursionError:
        raise LegacyError(path, "JSON that is nested too deeply") from None
    except ValueError as error:
        raise LegacyError(path, f"what is not JSON ({error})") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    ambiguous = _Ambiguous(pairs)
    ambiguous.pairs = pairs
    return ambiguous


def _look_up(members: Members, meaning: str, notes: list[str]) -> Any:
    found = members.take(meaning)
    within = members.look("look-ups")
    if found is None and isinstance(within, dict):
        found = Members("file", within).take(meaning)
    try:
        _require_keepable(found)
    except ValueError as error:
        notes.append(f"The look-up of {meaning} is not used: {error}.")
        return None
    return found


def _read_kind(path: Path, members: Members, kind: str, snapshot: Snapshot) -> None:
    collection = f"{kind}s"
    found = members.take(collection)
    if found is None:
        snapshot.notes.append(f"There are no {collection} in the file.")
        return
    if not isinstance(found, dict | list):
        raise LegacyError(path, f"{_what(found)} as {collection!r}", "a map of id to object, or a list of objects")
    seen: set[str] = set()
    cut = 0
    for place, key, value in _places(collection, found):
        try:
            entry, is_whole = _entry(kind, place, key, value)
            if entry.key is not None and entry.key in seen:
                raise ValueError(f"the id {shown(entry.key)} is there already, expected one object an id")
            if entry.key is not None:
                seen.add(entry.key)
        except ValueError as error:
            snapshot.left_out.append(LeftOut(kind=kind, place=place, reason=str(error)))
        else:
            snapshot.entries.append(entry)
            cut += not is_whole
    if cut:
        snapshot.notes.append(f"{cut} {collection} hold credentials within their members, which are not taken over.")


def _places(collection: str, found: dict[str, Any] | list[Any]) -> Iterator[tuple[str, str | None, Any]]:
    if isinstance(found, list):
        for place, value in enumerate(found):
            yield f"{collection}[{place}]", None, value
        return
    for key, value in found.pairs if isinstance(found, _Ambiguous) else found.items():
        yield f"{collection}/{printable(clipped(key))}", key, value


def _require_keepable(value: Any, depth: int = 0) -> None:
    """Make sure that a value can be given back as it is.

    Raises:
        ValueError: It cannot.
    """
    if isinstance(value, str) and not value.isascii() and _has_surrogate(value):
        raise ValueError("a lone surrogate found, expected Unicode")
    if isinstance(value, int) and abs(value) > _INTEGER_MAX:
        raise ValueError("an integer beyond 64 bits found, expected a smaller one")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} found, expected a finite number")
    if isinstance(value, _Ambiguous):
        (name, _), *_ = Counter(name for name, _ in value.pairs).most_common(1)
        raise ValueError(f"the member {shown(name)} found twice, expected once")  # noqa: TRY004 - as above
    if isinstance(value, dict | list):
        if depth >= _DEPTH_MAX:
            raise ValueError(f"more than {_DEPTH_MAX} levels found, expected fewer")
        for item in (*value, *value.values()) if isinstance(value, dict) else value:
            _require_keepable(item, depth + 1)


def _entry(kind: str, place: str, key: str | None, value: Any) -> tuple[Entry, bool]:
    """Return an entry, and if all of it is taken: the members of its members are served, and must hold no secret."""
    if not isinstance(value, dict):
        raise ValueError(f"{_what(value)} found, expected an object")  # noqa: TRY004 - wrong values are of any type
    _require_keepable([key, value])
    clean = {name: without_credentials(member) for name, member in value.items()}
    members = Members(kind, clean)
    own = members.take("id")
    if own is not None and key_of(own) is None:
        raise ValueError(f"{told(own)} found as its id, expected a string or an integer")
    if key is not None and own is not None and key_of(own) != key:
        raise ValueError(f"{shown(own)} found as its id, expected {shown(key)}, under which it stands")
    return Entry(kind=kind, place=place, key=key if own is None else key_of(own), members=members), clean == value


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _read_rest(members: Members, snapshot: Snapshot) -> None:
    # Rebuilt from the entities, whatever there is.
    members.take("look-ups")
    while members.look("not taken over") is not None:
        before = set(members.rest())
        members.take("not taken over")
        gone = sorted(before - set(members.rest()))
        snapshot.notes.extend(f"{name!r} of the file is not taken over." for name in gone)
    for name, value in members.rest().items():
        if isinstance(value, dict | list) and value:
            reason = f"{_what(value)} of {len(value)} found under a name that means nothing here"
            snapshot.left_out.append(LeftOut(kind=OTHER, place=printable(clipped(name)), reason=reason))
        else:
            snapshot.notes.append(f"{name!r} of the file has no home here.")


def _what(value: object) -> str:
    names: dict[type, str] = {dict: "an object", list: "a list", str: "a string", bool: "a truth value"}
    if value is None:
        return "null"
    return next((name for type_, name in names.items() if isinstance(value, type_)), "a number")
