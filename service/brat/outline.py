"""Which lines of an ``.ann`` file are about which, checked: every id that is named exists, and exists once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from service.brat.entries import (
    AnyEntry,
    Attribute,
    Comment,
    Event,
    Group,
    Note,
    Reference,
    Relation,
    Span,
    StandoffError,
)

_NAME_MAX = 500
MarkEntry = Span | Relation | Group | Event
HungEntry = Attribute | Reference | Note


class Outline:
    """The lines of one file by what they are about.

    Attributes:
        path: The file, for errors.
        marks: The lines that become marks by ref: their id, or ``*`` and a number for groups, which have none.
        hung: The lines about a mark, an attribute or a reference, by its ref.

    Raises:
        StandoffError: A line names an id that is not there or is of the wrong sort, or an id is given twice.
    """

    def __init__(self, entries: Sequence[AnyEntry], path: str) -> None:
        self.path = path
        self.marks: dict[str, MarkEntry] = {}
        self.hung: defaultdict[str, list[HungEntry]] = defaultdict(list)
        self._noted: dict[str, Attribute | Reference] = {}
        for entry in entries:
            self._file(entry)
        for entry in entries:
            self._check(entry)

    def cycle_error(self, cycle: Sequence[str]) -> StandoffError:
        """Return the error for lines that contain each other."""
        entry = self.marks[cycle[0]]
        return self._error(entry, "lines that contain each other (" + ", ".join(cycle) + ")", "lines that do not")

    def _file(self, entry: AnyEntry) -> None:
        match entry:
            case Span() | Relation() | Event():
                self._claim(entry.id, entry)
                self.marks[entry.id] = entry
            case Group():
                self.marks[f"*{entry.line or len(self.marks)}"] = entry
            case Attribute() | Reference():
                self._claim(entry.id, entry)
                self._noted[entry.id] = entry
                self.hung[entry.target].append(entry)
            case Note():
                self.hung[entry.target].append(entry)
            case Comment():
                pass

    def _claim(self, id_: str, entry: AnyEntry) -> None:
        other = self.marks.get(id_) or self._noted.get(id_)
        if other is not None:
            raise self._error(entry, f"{id_} for a second time", f"it once; line {other.line} has it")

    def _check(self, entry: AnyEntry) -> None:
        for target in entry.targets:
            if target not in self.marks and not (isinstance(entry, Note) and target in self._noted):
                sorts = "T, R, E, A, M or N" if isinstance(entry, Note) else "T, R or E"
                raise self._error(entry, f"{target} in {str(entry)!r}", f"the id of a line {sorts} of this file")
        for name in _names(entry):
            if len(name) > _NAME_MAX:
                raise self._error(entry, f"a name of {len(name)} characters", f"at most {_NAME_MAX}")
        if not isinstance(entry, Event):
            return
        if not isinstance(self.marks[entry.trigger], Span):
            raise self._error(entry, f"the trigger {entry.trigger}", "the id of a line T")
        if any(role == "trigger" for role, _ in entry.arguments):
            raise self._error(entry, "an argument of role `trigger`", "another role: this one is the trigger's own")

    def _error(self, entry: AnyEntry, found: str, expected: str) -> StandoffError:
        return StandoffError(self.path, entry.line, found=found, expected=expected)


def _names(entry: AnyEntry) -> Sequence[str]:
    """Return what becomes a name here: labels, roles, resources and what they call a thing."""
    match entry:
        case Relation() | Event():
            return (entry.label, *(role for role, _ in entry.arguments))
        case Reference():
            return (entry.label, entry.resource, entry.key)
        case Comment():
            return ()
        case _:
            return (entry.label,)
