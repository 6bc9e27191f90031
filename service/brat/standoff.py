"""The brat stand-off format: the lines of an ``.ann`` file to entries and back, without their text or their files.

::

    T1  Label 0 5;10 15     covered text       a span, of one fragment or several
    R1  Label Arg1:T1 Arg2:E2                  a relation
    *   Label T1 T2 T3                         a group of things that are the same
    E1  Label:T1 Theme:E2 Theme2:T3            an event: its trigger, then its arguments
    A1  Label T1 value                         an attribute, the value may be absent; M1 in older corpora
    N1  Label T1 Resource:Id   text            a reference into another resource
    #1  Label T1            text               a note

Columns are separated by tabs, what is inside them by spaces. Offsets are code points of the ``.txt`` beside it.
What parses is written again as it was; only line ends, blank lines and repeated spaces are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

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

_SPAN = re.compile(r"(?P<label>\S+) (?P<fragments>\d+ \d+(;\d+ \d+)*)", re.ASCII)
_ATTRIBUTE = re.compile(r"(?P<label>\S+) (?P<target>\S+)( +(?P<value>\S.*?))?(?P<tail>[ \t]*)", re.ASCII)
_REFERENCE = re.compile(r"(?P<label>\S+) (?P<target>\S+) (?P<resource>[^\s:]+):(?P<key>\S+)", re.ASCII)
_NOTE = re.compile(r"(?P<id>#\S*)\t(?P<label>\S+) (?P<target>\S+)(\t(?P<text>.*))?", re.ASCII | re.DOTALL)
_ID = re.compile(r"\*|[TREAMN]\S+", re.ASCII)
_WORD = re.compile(r"\S+", re.ASCII)
_SPACE = " \t"  # no other white space separates: a label may hold a no-break space
_MEMBERS_MIN = 2
_TAB = "\t"
_BYTE_ORDER_MARK = "\ufeff"


def parse(content: str, path: str) -> list[AnyEntry]:
    """Read an ``.ann`` file.

    Args:
        content: The file, decoded.
        path: Its name, for errors.

    Raises:
        StandoffError: A line is of no known form. That its targets exist is not looked at.
    """
    lines = content.removeprefix(_BYTE_ORDER_MARK).split("\n")
    return [
        _Line(path, number, line.removesuffix("\r")).entry() for number, line in enumerate(lines, 1) if line.strip()
    ]


def render(entries: Iterable[AnyEntry]) -> str:
    """Write an ``.ann`` file: each entry a line, each line ended by a line feed."""
    return "".join(f"{entry}\n" for entry in entries)


class _Line:
    """One line on its way to an entry."""

    def __init__(self, path: str, number: int, content: str) -> None:
        self._path = path
        self._number = number
        self._content = content
        self._id, _, self._rest = content.partition(_TAB)

    def entry(self) -> AnyEntry:
        readers: dict[str, Callable[[], AnyEntry]] = {
            "T": self._span,
            "R": self._relation,
            "*": self._group,
            "E": self._event,
            "A": self._attribute,
            "M": self._attribute,
            "N": self._reference,
            "#": self._note,
        }
        reader = readers.get(self._content[0])
        if reader is None:
            raise self._error("a line that begins with T, R, *, E, A, M, N or #")
        if self._content[0] != "T" and "\r" in self._content:
            raise self._error("no carriage return inside a line")
        if self._content[0] != "#" and not _ID.fullmatch(self._id):
            raise self._error("an id such as T1 or a lone *, then a tab")
        return reader()

    def _span(self) -> Span:
        columns, separator, text = self._rest.partition(_TAB)
        match = _SPAN.fullmatch(columns)
        if match is None or not separator:
            raise self._error("`T1`, tab, `Label start end` or `Label start end;start end`, tab, the covered text")
        fragments = tuple(self._fragment(piece) for piece in match["fragments"].split(";"))
        return Span(line=self._number, id=self._id, label=match["label"], fragments=fragments, text=text)

    def _fragment(self, piece: str) -> tuple[int, int]:
        start, end = (int(number) for number in piece.split())
        if start > end:
            raise self._error("offsets in which no start is behind its end")
        return start, end

    def _relation(self) -> Relation:
        label, *pairs = self._words("`R1`, tab, `Label Role:T1 Role:T2`", words_min=1 + _MEMBERS_MIN)
        arguments = tuple(self._pair(pair) for pair in pairs)
        return Relation(line=self._number, id=self._id, label=label, arguments=arguments, tail=self._tail())

    def _group(self) -> Group:
        label, *members = self._words("`*`, tab, `Label T1 T2`", words_min=1 + _MEMBERS_MIN)
        return Group(line=self._number, label=label, members=tuple(members), tail=self._tail())

    def _event(self) -> Event:
        head, *pairs = (self._pair(pair) for pair in self._words("`E1`, tab, `Label:T1 Role:T2`", words_min=1))
        return Event(
            line=self._number, id=self._id, label=head[0], trigger=head[1], arguments=tuple(pairs), tail=self._tail()
        )

    def _attribute(self) -> Attribute:
        match = _ATTRIBUTE.fullmatch(self._rest)
        if match is None:
            raise self._error("`A1`, tab, `Label T1` or `Label T1 value`")
        return Attribute(line=self._number, id=self._id, **match.groupdict())

    def _reference(self) -> Reference:
        columns, separator, text = self._rest.partition(_TAB)
        match = _REFERENCE.fullmatch(columns)
        if match is None:
            raise self._error("`N1`, tab, `Label T1 Resource:Id`, tab, a text")
        return Reference(line=self._number, id=self._id, text=text if separator else None, **match.groupdict())

    def _note(self) -> Note | Comment:
        match = _NOTE.fullmatch(self._content)
        if match is None:
            return Comment(line=self._number, content=self._content)
        return Note(line=self._number, **match.groupdict())

    def _words(self, expected: str, *, words_min: int) -> list[str]:
        words = _WORD.findall(self._rest)
        if len(words) < words_min:
            raise self._error(expected)
        return words

    def _pair(self, word: str) -> tuple[str, str]:
        role, _, target = word.rpartition(":")
        if not role or not target:
            raise self._error("each argument as `Role:Id`")
        return role, target

    def _tail(self) -> str:
        return self._rest[len(self._rest.rstrip(_SPACE)) :]

    def _error(self, expected: str) -> StandoffError:
        return StandoffError(self._path, self._number, found=repr(self._content), expected=expected)
