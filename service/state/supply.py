"""What there is to give out: which documents of a project wait for how many more people, and who had which.

It is an index like those of a table: it follows from what is stored, is made anew at each start and kept by `apply`.
A document is a row of its table, a set of documents a bitmap, so that the next document for somebody is the least row
of a difference of bitmaps, however many documents there are or have been given out.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from pyroaring import BitMap

from service.kinds.assignment import ASSIGNMENT, STATES, TASKS, AssignmentRow, AssignmentState, Task
from service.kinds.document import DOCUMENT
from service.kinds.marks import ANNOTATION
from service.kinds.project import PROJECT
from service.state.authors import Authors
from service.state.table import PREFIX_ROWS_MIN, Table

NONE = BitMap()
_BITS = 20
_MASK = (1 << _BITS) - 1
CELLS: tuple[tuple[Task, AssignmentState], ...] = tuple((task, state) for task in TASKS for state in STATES)
_PLACES = {cell: place for place, cell in enumerate(CELLS)}
_OPEN, _DONE, _REVIEWING = 1, 1 << _BITS, 1 << 2 * _BITS
_OBSERVED = frozenset({ANNOTATION.name, ASSIGNMENT.name, DOCUMENT.name, PROJECT.name})


class Counts(NamedTuple):
    """How many people a document has; who skipped it does not count.

    Attributes:
        open: Who are to annotate it and are not done.
        done: Who have annotated it.
        reviewing: Who review it or have done so.
    """

    open: int = 0
    done: int = 0
    reviewing: int = 0

    @property
    def annotators(self) -> int:
        """Who annotate it or have done so."""
        return self.open + self.done

    @property
    def is_ready(self) -> bool:
        """Somebody has annotated it, nobody is at it, and nobody has it to review."""
        return self.done > 0 and not self.open and not self.reviewing

    def less(self, row: AssignmentRow) -> Counts:
        """Return the counts without an assignment."""
        return _unpacked(self._packed - _UNITS[row.task, row.state])

    def more(self, row: AssignmentRow) -> Counts:
        """Return the counts with an assignment more."""
        return _unpacked(self._packed + _UNITS[row.task, row.state])

    @property
    def _packed(self) -> int:
        return self.open * _OPEN + self.done * _DONE + self.reviewing * _REVIEWING


def _unit(task: Task, state: AssignmentState) -> int:
    if state == "skipped":
        return 0
    if task == "review":
        return _REVIEWING
    return _DONE if state == "done" else _OPEN


_UNITS = {cell: _unit(*cell) for cell in CELLS}
"""What an assignment adds to the packed counts of its document."""


def _unpacked(packed: int) -> Counts:
    return Counts(packed & _MASK, packed >> _BITS & _MASK, packed >> 2 * _BITS)


class Documents:
    """Documents of a project by their counts, as bitmaps of rows that are not to be changed.

    Attributes:
        waiting: Those that are not reviewed, by how many annotate them or have done so.
        ready: Those that can be reviewed, by how many have annotated them.
        done: All of them by how many have annotated them, if any has.
        reviewed: Those whose review is done.
        started: What is in progress: assignments' ids and since when, the oldest first.
    """

    def __init__(self) -> None:
        self.waiting: dict[int, BitMap] = {}
        self.ready: dict[int, BitMap] = {}
        self.done: dict[int, BitMap] = {}
        self.reviewed = BitMap()
        self.started: OrderedDict[str, str] = OrderedDict()

    def add(self, numbers: Sequence[int], counts: Counts, *, is_reviewed: bool) -> None:
        """Put documents that have the same counts in their places."""
        for found, key in self._places(counts, is_reviewed=is_reviewed):
            found.setdefault(key, BitMap()).update(numbers)
        if is_reviewed:
            self.reviewed.update(numbers)

    def discard(self, number: int, counts: Counts, *, is_reviewed: bool) -> None:
        """Take a document out of its places."""
        for found, key in self._places(counts, is_reviewed=is_reviewed):
            found[key].discard(number)
            if not found[key]:
                del found[key]
        self.reviewed.discard(number)

    def _places(self, counts: Counts, *, is_reviewed: bool) -> Iterator[tuple[dict[int, BitMap], int]]:
        if counts.done:
            yield self.done, counts.done
        if not is_reviewed:
            yield self.waiting, counts.annotators
            if counts.is_ready:
                yield self.ready, counts.done


_EMPTY = Documents()


class Supply:
    """The documents of all projects, and who had which.

    `State.apply` tells it of every entity of the kinds that it observes, before and after each change.

    Attributes:
        authors: Who has annotated which document, with an assignment or without.

    Args:
        tables: By kind.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.authors = Authors(tables)
        self._tables = tables
        self._projects: dict[str, Documents] = {}
        self._had: dict[tuple[str, Task], BitMap] = {}
        self._progress: dict[str, dict[str, list[int]]] = {}
        # Packed counts of documents by their rows, of which the first is `_base`.
        self._base = 0
        self._counts = array("Q")

    @property
    def observed(self) -> frozenset[str]:
        """The kinds that it must be told of: none, where nothing can be given out."""
        return _OBSERVED if ASSIGNMENT.name in self._tables else frozenset()

    @property
    def _documents(self) -> Table:
        return self._tables[DOCUMENT.name]

    @property
    def _assignments(self) -> Table:
        return self._tables[ASSIGNMENT.name]

    def of(self, project_id: str) -> Documents:
        """Return the documents of a project; not to be changed."""
        return self._projects.get(project_id, _EMPTY)

    def had(self, user_id: str, task: Task) -> BitMap:
        """Return the documents that a user has or had to annotate or to review; not to be changed."""
        return self._had.get((user_id, task), NONE)

    def counts(self, number: int) -> Counts:
        """Return how many people the document in a row has."""
        place = number - self._base
        return _unpacked(self._counts[place]) if place < len(self._counts) else Counts()

    def counts_of(self, document_id: str) -> Counts:
        """Return how many people a document has that is there."""
        return self.counts(self._number(document_id))

    def progress(self, project_id: str) -> Mapping[str, Sequence[int]]:
        """Return how many assignments users have in a project, in the order of `CELLS`; not to be changed."""
        return self._progress.get(project_id, {})

    def started_until(self, project_id: str, time: str) -> Iterator[str]:
        """Yield the assignments of a project that are in progress since a time or longer, the oldest first."""
        for key, _ in takewhile(lambda item: item[1] <= time, self.of(project_id).started.items()):
            yield key

    def leave(self, kind: str, key: str) -> Any:
        """Learn that an entity changes or goes, while it is there as it was, if it is; returns what `enter` must know.

        It is the row of an assignment or an annotation as it was, None if there was none.
        """
        if kind in (ASSIGNMENT.name, ANNOTATION.name):
            before = self._tables[kind].row(key)
            if before is not None and kind == ASSIGNMENT.name:
                self._count(before, -1)
            return before
        if kind == DOCUMENT.name:
            row = self._documents.row(key)
            if row is not None and row.project_id is not None:
                number = self._number(key)
                is_reviewed = row.reviewed_at is not None
                self._of(row.project_id).discard(number, self.counts(number), is_reviewed=is_reviewed)
        return None

    def enter(self, kind: str, key: str, before: Any) -> None:
        """Learn that an entity has come or was changed, and is there as it is now; or that it is gone.

        Args:
            kind: Of the entity.
            key: Its id.
            before: What `leave` returned.
        """
        if kind == ASSIGNMENT.name:
            row = self._assignments.row(key)
            if row is not None:
                self._count(row, 1)
            self._time(key, before, row)
        elif kind == ANNOTATION.name:
            self.authors.change(key, before)
        elif kind == DOCUMENT.name:
            row = self._documents.row(key)
            if row is not None and row.project_id is not None:
                number = self._number(key)
                self._make_room(number)
                is_reviewed = row.reviewed_at is not None
                self._of(row.project_id).add((number,), self.counts(number), is_reviewed=is_reviewed)
        elif kind == PROJECT.name and self._tables[kind].number(key) is None:
            self._projects.pop(key, None)

    def load(self) -> None:
        """Learn that the tables are loaded; there was nothing before."""
        if not self.observed:
            return
        self.authors.load()
        self._make_room(self._documents.end)
        self._load_assignments()
        alike: dict[tuple[str, int, bool], list[int]] = {}
        for number, row in self._documents.rows():
            if row.project_id is not None:
                packed = self._counts[number - self._base]
                alike.setdefault((row.project_id, packed, row.reviewed_at is not None), []).append(number)
        for (project_id, packed, is_reviewed), numbers in alike.items():
            self._of(project_id).add(numbers, _unpacked(packed), is_reviewed=is_reviewed)

    def _load_assignments(self) -> None:
        started = []
        had: dict[tuple[str, Task], list[int]] = {}
        users: dict[tuple[str, str], list[int]] = {}
        counts, base, find, table = self._counts, self._base, self._number, self._assignments
        for number, row in table.rows():
            cell = row.task, row.state
            document = find(row.document_id)
            counts[document - base] += _UNITS[cell]
            had.setdefault((row.user_id, row.task), []).append(document)
            users.setdefault((row.project_id, row.user_id), [0] * len(CELLS))[_PLACES[cell]] += 1
            if row.state == "in_progress":
                started.append((row.started_at or "", number, row.project_id))
        for time, number, project_id in sorted(started):
            self._of(project_id).started[table.ids([number])[0]] = time
        self._had = {key: BitMap(documents) for key, documents in had.items()}
        for (project_id, user_id), numbers in users.items():
            self._progress.setdefault(project_id, {})[user_id] = numbers

    def _count(self, row: AssignmentRow, by: int) -> None:
        self._tally(row, by)
        unit = _UNITS[row.task, row.state]
        if unit:
            documents = self._of(row.project_id)
            number = self._number(row.document_id)
            is_reviewed = number in documents.reviewed
            documents.discard(number, self.counts(number), is_reviewed=is_reviewed)
            self._counts[number - self._base] += by * unit
            documents.add((number,), self.counts(number), is_reviewed=is_reviewed)

    def _time(self, key: str, before: AssignmentRow | None, after: AssignmentRow | None) -> None:
        """Keep what is in progress in the order of time: what begins comes last, what goes on stays where it is."""
        was, is_now = (None if row is None or row.state != "in_progress" else row for row in (before, after))
        if was is not None and is_now is not None and was.started_at == is_now.started_at:
            return
        if was is not None:
            del self._of(was.project_id).started[key]
        if is_now is not None:
            started, time = self._of(is_now.project_id).started, is_now.started_at or ""
            # Times of records never go back; those that are restored come in the order of creation, not of beginning.
            later = [*takewhile(lambda other: started[other] > time, reversed(started))]
            started[key] = time
            for other in reversed(later):
                started.move_to_end(other)

    def _tally(self, row: AssignmentRow, by: int) -> None:
        had = self._had.setdefault((row.user_id, row.task), BitMap())
        number = self._number(row.document_id)
        (had.add if by > 0 else had.discard)(number)
        users = self._progress.setdefault(row.project_id, {})
        numbers = users.setdefault(row.user_id, [0] * len(CELLS))
        numbers[_PLACES[row.task, row.state]] += by
        if by < 0 and not any(numbers):
            del users[row.user_id]
            if not users:
                del self._progress[row.project_id]
        if not had:
            del self._had[row.user_id, row.task]

    def _of(self, project_id: str) -> Documents:
        return self._projects.setdefault(project_id, Documents())

    def _number(self, document_id: str) -> int:
        number = self._documents.number(document_id)
        if number is None:
            raise AssertionError(f"{document_id} is assigned and is not there")
        return number

    def _make_room(self, number: int) -> None:
        """Let there be counts up to a row, and none of many rows that the table has forgotten."""
        forgotten = self._documents.base - self._base
        if forgotten >= PREFIX_ROWS_MIN:
            del self._counts[:forgotten]
            self._base += forgotten
        missing = number + 1 - self._base - len(self._counts)
        self._counts.extend([0] * missing)
