"""Redis as the other side: the same entities, one string and one set member each, loaded from an RDB file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from service.state.state import State

_READY_SECONDS = 120.0
_COMMANDS_TOGETHER = 1000
_KINDS = ("document", "text", "annotation")


class _Member(msgspec.Struct):
    document_id: str


_member = msgspec.json.Decoder(_Member)


class Redis:
    """A redis-server with a directory of its own, as the package configures it, but for saving on its own.

    Args:
        directory: For its socket and its RDB file.

    Raises:
        click.ClickException: It is not installed.
    """

    def __init__(self, directory: Path) -> None:
        if shutil.which("redis-server") is None:
            raise click.ClickException("redis-server is not installed: apt-get install redis-server, or --no-redis.")
        self._directory = directory
        self._log = directory / "redis.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def version(self) -> str:
        """Its version."""
        told = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
        found = re.search(r"v=(\S+)", told)
        return found[1] if found else told

    def fill(self, state: State) -> None:
        """Start it, give it all entities of a state, and have it saved."""
        self.start()
        pipe = subprocess.Popen(self._client("--pipe"), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        if pipe.stdin is None:
            raise AssertionError("a process that was started with a pipe has it")
        for batch in _batches(state):
            pipe.stdin.write(batch)
        pipe.stdin.close()
        if pipe.wait():
            raise click.ClickException("redis-cli could not load the entities.")
        self.ask("save")
        self.stop()

    def start(self, *, cold: bool = False) -> tuple[float, float]:
        """Start it; returns the seconds until it answers, and those that it says it took to load.

        Args:
            cold: Its file is dropped from the page cache before.
        """
        if cold:
            drop_cache(self._directory / "dump.rdb")
        options = ["--port", "0", "--unixsocket", str(self._socket), "--dir", str(self._directory), "--save", ""]
        begin = time.perf_counter()
        with self._log.open("w") as log:
            self._process = subprocess.Popen(["redis-server", *options], stdout=log)
        while "ready to accept connections" not in (told := self._log.read_text()):
            if time.perf_counter() - begin > _READY_SECONDS:
                raise click.ClickException(f"redis-server did not start: {told}")
            time.sleep(0.005)
        seconds = time.perf_counter() - begin
        loaded = re.search(r"DB loaded from disk: ([\d.]+) seconds", told)
        return seconds, float(loaded[1]) if loaded else 0.0

    @property
    def pid(self) -> int:
        """Its process."""
        if self._process is None:
            raise AssertionError("it was not started")
        return self._process.pid

    def ask(self, *words: str) -> str:
        """Return its answer to a command."""
        return subprocess.run(self._client(*words), capture_output=True, text=True, check=True).stdout

    def stop(self) -> None:
        """End it without saving."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    @property
    def _socket(self) -> Path:
        return self._directory / "redis.socket"

    def _client(self, *words: str) -> list[str]:
        return ["redis-cli", "-s", str(self._socket), *words]


def drop_cache(path: Path) -> None:
    """Have the next reads of a file come from the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def _batches(state: State) -> Iterator[bytes]:
    commands: list[bytes] = []
    for kind in _KINDS:
        for key, value in state.tables[kind].items():
            id_ = key.encode()
            # A set for each document, as an index of marks by document would be; one for the documents, one for texts.
            group = _member.decode(value).document_id if kind == "annotation" else kind
            commands.append(_command(b"SET", kind.encode() + b":" + id_ if kind == "text" else id_, value))
            commands.append(_command(b"SADD", b"in:" + group.encode(), id_))
            if len(commands) >= _COMMANDS_TOGETHER:
                yield b"".join(commands)
                commands.clear()
    yield b"".join(commands)


def _command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
