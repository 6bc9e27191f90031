"""`annolog serve` with a defect on purpose, which the drill must find.

Run as ``python -m tests.drill.broken_server DEFECT``; it takes the options with which a drill starts a server. There is
no seam for a service that breaks its promises, so its inner parts are replaced; this runs in a process of its own.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import msgspec

import service.decide.conditions
import service.decide.idempotency
import service.server
from service.cli import run
from service.commands import Command, Conditions, Entity, Get, List, Page
from service.decide.decision import Context
from service.engine import Engine
from service.kinds.private import IDEMPOTENCY, Answer
from service.state.state import State
from service.state.table import Table
from tests.drill import broken_team
from wal.file_system import File, FileSystem, ReadOnlyFileSystem, RealFileSystem
from wal.lock import last_holder

DELAY_SECONDS = 0.1
LATE_SECONDS = 0.5
EXIT_UNCLEAN = 9
STARTS_OF_A_ROUND = 2
_ZEROS = bytes(64)


class LateFile:
    """A file into which the log's records come a moment after they were said to be durable."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._late: list[tuple[int, bytes]] = []
        self._lock = threading.Lock()
        self.size = file.size
        self.drop_cache = file.drop_cache
        self.sync = file.sync

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Write zeros and headers at once, records later."""
        if not offset or bytes(data[: len(_ZEROS)]) == _ZEROS:
            self._file.write_at(offset, data)
            return
        with self._lock:
            self._late.append((offset, bytes(data)))
        threading.Timer(LATE_SECONDS, self._arrive).start()

    def read_at(self, offset: int, length: int) -> bytes:
        """Read what was written."""
        self._arrive()
        return self._file.read_at(offset, length)

    def close(self) -> None:
        """Write what is left."""
        self._arrive()
        self._file.close()

    def _arrive(self) -> None:
        with self._lock:
            for offset, data in self._late:
                self._file.write_at(offset, data)
            self._late.clear()


class SlowFile(LateFile):
    """A file that takes its time to write."""

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Write records after a while, and return only then."""
        if offset and bytes(data[: len(_ZEROS)]) != _ZEROS:
            time.sleep(DELAY_SECONDS)
        self._file.write_at(offset, data)


class OtherFileSystem(RealFileSystem):
    """The one of this machine, with other files for the log."""

    def __init__(self, wrap: Callable[[File], File]) -> None:
        self._wrap = wrap

    def open(self, path: Path, *, create: bool = False) -> File:
        """Open a file."""
        file = super().open(path, create=create)
        return self._wrap(file) if path.parent.name == "log" else file


class LeakyEngine(Engine):
    """Tells of what is not durable yet."""

    async def get(self, query: Get) -> Entity:
        """Return an entity at once."""
        return self._get(query)[0]

    async def page(self, query: List) -> Page:
        """Return a page at once."""
        return self._list(query)


def early() -> FileSystem:
    """Acknowledge before it is written: a kill loses the last of it."""
    return OtherFileSystem(LateFile)


def leaky() -> FileSystem:
    """Acknowledge when it is durable, but show it before."""
    _replace(service.server, "Engine", LeakyEngine)
    return OtherFileSystem(SlowFile)


def forgetful() -> None:
    """Forget at each start all idempotency keys from before it."""
    started = time.time_ns() // 1000

    def answer(context: Context, command: Command) -> Answer | None:
        if command.idempotency is None:
            return None
        value = context.state.tables[IDEMPOTENCY.name].value(command.idempotency.id)
        found = None if value is None else msgspec.json.decode(value, type=Answer)
        return found if found is not None and found.time >= started else None

    _replace(service.decide.idempotency, "_answer", answer)


class FadingEngine(Engine):
    """Lacks the annotation that is the oldest; the log has it."""

    def __init__(self, state: State, *parts: Any) -> None:
        super().__init__(state, *parts)
        table = state.tables["annotation"]
        table.remove(table.oldest(1)[0])


def fading() -> None:
    """Lose what is old, never what is new."""
    if _has_seen_a_round():
        _replace(service.server, "Engine", FadingEngine)


def absent() -> None:
    """Forget a single idempotency key, the oldest that belongs to an annotation."""
    forgotten: list[str] = []
    is_old = _has_seen_a_round()

    def answer(context: Context, command: Command) -> Answer | None:
        if command.idempotency is None:
            return None
        table = context.state.tables[IDEMPOTENCY.name]
        if not isinstance(table, Table):
            raise TypeError("requests of their own are answered from the state")
        if is_old and not forgotten:
            forgotten.append(next(one for one, value in table.items() if b'"kind":"annotation"' in value))
        value = table.value(command.idempotency.id)
        return None if value is None or command.idempotency.id in forgotten else msgspec.json.decode(value, type=Answer)

    _replace(service.decide.idempotency, "_answer", answer)


def _has_seen_a_round() -> bool:
    """Tell if a round has ended on the directory and another one has been begun: what is there first is old."""
    holder = last_holder(ReadOnlyFileSystem(), Path(sys.argv[sys.argv.index("--data-dir") + 1]))
    return holder is not None and holder.epoch >= STARTS_OF_A_ROUND


def loose() -> None:
    """Look at no `If-Match`."""

    def check(_conditions: Conditions, _key: str, _version: int | None) -> None:
        return

    _replace(service.decide.conditions, "_check", check)


def unclean() -> None:
    """End a shutdown with an exit code that says that something went wrong."""
    atexit.register(os._exit, EXIT_UNCLEAN)


def dead() -> None:
    """Do not start any more."""
    if _has_seen_a_round():
        sys.exit(EXIT_UNCLEAN)


def harmful() -> None:
    """Harm the first file of the log at the end of a shutdown; one that is killed harms nothing."""
    directory = Path(sys.argv[sys.argv.index("--data-dir") + 1])

    def harm() -> None:
        with min((directory / "log").glob("*.wal")).open("r+b") as file:
            byte = file.read(1)[0]
            file.seek(0)
            file.write(bytes([byte ^ 1]))

    atexit.register(harm)


def speechless() -> None:
    """Lose a verdict of an earlier round."""
    broken_team.speechless(_has_seen_a_round())


def generous() -> None:
    """Give everybody the first document, from the second start on."""
    broken_team.generous(_has_seen_a_round())


def _replace(module: ModuleType, name: str, part: object) -> None:
    setattr(module, name, part)


_OF_TEAMS = (
    broken_team.halved,
    broken_team.undecided,
    broken_team.overlooked,
    broken_team.partial,
    broken_team.resident,
    broken_team.revived,
    broken_team.boastful,
    speechless,
    generous,
)
DEFECTS: dict[str, Callable[[], FileSystem | None]] = {
    one.__name__: one for one in (early, leaky, forgetful, loose, unclean, fading, absent, dead, harmful, *_OF_TEAMS)
}


@click.command()
@click.argument("defect", type=click.Choice(list(DEFECTS)))
@click.option("--port", type=int)
@click.option("--data-dir")
@click.option("--config", type=click.Path(path_type=Path))
def main(defect: str, port: int, data_dir: str, config: Path) -> None:
    """Serve."""
    flags: dict[str, dict[str, Any]] = {"server": {"port": port}, "data": {"directory": data_dir}}
    run(config, flags, DEFECTS[defect]())


if __name__ == "__main__":
    main()
