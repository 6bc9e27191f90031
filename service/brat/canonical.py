"""When two ``.ann`` files say the same: a form in which neither ids nor the order of lines matter.

Each id is replaced by a digest of what it stands for: its own line and every line that names it, in which ids are
replaced in the same way, round by round until no round tells more ids apart (colour refinement, Weisfeiler and Leman
1968). So a note that moved from one of two equal spans to the other is seen if anything else tells the two apart.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from service.brat.entries import AnyEntry, Comment, Group, Note
from service.brat.standoff import parse

_DIGEST_BYTES = 6


def canonical(ann: str, path: str = "an .ann file") -> list[str]:
    """Return the lines of an ``.ann`` file with ids replaced by what they stand for, sorted.

    A note without a text counts as one with an empty text.

    Args:
        ann: The file, decoded.
        path: Its name, for errors.

    Raises:
        StandoffError: It is no stand-off.
    """
    entries = [_anonymous(entry) for entry in parse(ann, path)]
    names = _names(entries)
    return sorted(_lines([entry for _, entry in entries], names))


def _anonymous(entry: AnyEntry) -> tuple[str | None, AnyEntry]:
    match entry:
        case Note():
            return None, replace(entry, id="#", text=entry.text or "")
        case Comment() | Group():
            return None, entry
        case _:
            return entry.id, replace(entry, id=entry.id[0])


def _names(entries: Sequence[tuple[str | None, AnyEntry]]) -> Mapping[str, str]:
    known = {id_: entry for id_, entry in entries if id_ is not None}
    naming = defaultdict(list)
    for _, entry in entries:
        for target in entry.targets:
            naming[target].append(entry)
    names = {id_: id_[0] for id_ in known}
    told_apart = 0
    while told_apart < len(set(names.values())):
        told_apart = len(set(names.values()))
        names = {id_: _name(entry, naming[id_], names) for id_, entry in known.items()}
    return names


def _name(entry: AnyEntry, naming: Iterable[AnyEntry], names: Mapping[str, str]) -> str:
    own, *others = _lines([entry, *naming], names)
    content = "\n".join([own, *sorted(others)])
    return f"{own[0]}~{hashlib.blake2b(content.encode(), digest_size=_DIGEST_BYTES).hexdigest()}"


def _lines(entries: Iterable[AnyEntry], names: Mapping[str, str]) -> list[str]:
    return [str(entry.pointing(names)) for entry in entries]
