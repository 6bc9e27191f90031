"""The API's description names every path and every problem, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import service.http.failures
from service.errors import DomainError
from service.http.routes import routes
from service.kinds import KINDS

TEXT = (Path(__file__).parent.parent.parent / "docs" / "http.md").read_text()
INTERNAL = {"unprocessable"}


def descendants(cls: type[DomainError]) -> Iterator[type[DomainError]]:
    """Yield all classes below one."""
    for child in cls.__subclasses__():
        yield child
        yield from descendants(child)


def test_every_path_is_described() -> None:
    """With its methods in the same row."""
    table = [line for line in TEXT.splitlines() if line.startswith("| `/")]
    rows = {path: line for line in table for path in re.findall(r"`(/[^`]+)`", line.split("|")[1])}
    for route in routes():
        assert route.method in rows[route.path], (route.method, route.path)


def test_every_problem_is_described() -> None:
    """With its status; and none that there is not."""
    assert service.http.failures.HttpError is not None
    described = {
        (int(status), name) for status, name in re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \|", TEXT, re.MULTILINE)
    }
    known = {(cls.status, cls.name) for cls in descendants(DomainError) if cls.name not in INTERNAL}
    assert described == known


def test_every_filter_is_described() -> None:
    """Of each collection; those of numbers as lower bounds."""
    described = {
        collection: re.findall(r"`([a-z_]+)`", filters)
        for collection, filters in re.findall(r"^\| `([a-z]+)` \| (`.*`) \|$", TEXT, re.MULTILINE)
    }
    known = {
        kind.collection: [index.name for index in kind.indexes if index.is_filter]
        + [f"{index.name}_ge" for index in kind.indexes if index.is_range]
        for kind in KINDS
        if kind.collection
    }
    assert described == known
