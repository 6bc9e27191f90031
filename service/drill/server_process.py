"""The server under drill, as a process of its own over a directory that outlives it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from service.drill.processes import Child, children_of
from wal import child_main, writer_main
from wal.file_system import ReadOnlyFileSystem
from wal.lock import LOCK_NAME, Holder, last_holder

COMMAND = (sys.executable, "-m", "service.cli", "serve")
READY_SECONDS = 60.0
END_SECONDS = 60.0
_POLL_SECONDS = 0.005
_SAID_MAX = 2000
_LISTENING = re.compile(r"http://127\.0\.0\.1:\d+")
_WRITER, _COMPACTION = Path(writer_main.__file__).name, child_main.__name__
SEGMENT_BYTES = 1024 * 1024
SETTINGS: Mapping[str, Mapping[str, object]] = {
    # Everything that happens once a day on a real server is to happen many times a round.
    "log": {"segment_bytes": SEGMENT_BYTES, "record_bytes_max": 128 * 1024, "retry_seconds": 0.2},
    "limits": {"text_bytes": 32 * 1024, "entity_bytes": 32 * 1024},
    "compaction": {
        "growth_bytes_min": 512 * 1024,
        "growth_share": 0.05,
        "age_seconds": 5.0,
        "retry_seconds": 0.5,
        "retry_seconds_max": 2.0,
    },
    "archive": {"keep_bytes": 2 * 1024 * 1024},
    "maintenance": {"interval_seconds": 1.0},
    "server": {"registration": "open"},
    # The users of a drill have nothing to hide, and a slow hash would only delay the start of the load.
    "passwords": {"memory_kib": 64, "passes": 1},
    "logging": {"format": "json"},
}


class StartError(Exception):
    """The server did not become ready."""


class ServerProcess:
    """A server that is started again and again.

    Args:
        folder: For the data directory, the settings and what the server logs.
        command: Starts a server; it takes the options of `annolog serve`, and must become that server, not start it.
        settings: Section → key → value, where they differ from the defaults.

    Attributes:
        url: Where it listens.
        start_seconds: That its last start took.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str] = COMMAND,
        settings: Mapping[str, Mapping[str, object]] = SETTINGS,
    ) -> None:
        self.directory = folder / "data"
        self.log = folder / "server.log"
        self.url = ""
        self.start_seconds = 0.0
        self._config = folder / "drill.toml"
        self._config.write_text(_toml(settings))
        self._command = [*command, "--port", "0", "--data-dir", str(self.directory), "--config", str(self._config)]
        self._log_begins = 0
        self._process: subprocess.Popen[bytes] | None = None

    def spawn(self) -> None:
        """Start it, and do not wait.

        Raises:
            StartError: There is no such command.
        """
        with self.log.open("ab") as log:
            self._log_begins = log.tell()
            # In a group of its own: who interrupts the drill does not stop the server under its hands.
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own program, or the one that was asked for
                    self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
                )
            except OSError as error:
                raise StartError(f"{self._command[0]} cannot be started: {error}") from error

    async def start(self) -> None:
        """Start it, and return once it is ready.

        Raises:
            StartError: It ended, or did not become ready in time.
        """
        begin = time.monotonic()
        self.spawn()
        while True:
            # In this order: what it said before its end is still read.
            code = self.process.poll()
            found = _LISTENING.search(self.said())
            if found is not None:
                break
            if code is not None:
                raise StartError(f"The server ended at its start with code {code}: {self.said()[-_SAID_MAX:]}")
            if time.monotonic() - begin > READY_SECONDS:
                raise StartError(f"The server was not ready after {READY_SECONDS} s: {self.said()[-_SAID_MAX:]}")
            await asyncio.sleep(_POLL_SECONDS)
        self.url, self.start_seconds = found[0], time.monotonic() - begin
        self._require_own_process()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        if self._process is None:
            raise AssertionError("the server has not been started")
        return self._process

    @property
    def is_running(self) -> bool:
        """It has not ended."""
        return self._process is not None and self._process.poll() is None

    def said(self) -> str:
        """Return what it has logged since its start."""
        with self.log.open("rb") as log:
            log.seek(self._log_begins)
            return log.read().decode(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> int:
        """End it with SIGKILL, in the middle of whatever it does; returns its exit code."""
        if self.is_running:
            # The group: if the command started another process in place of becoming the server, that one goes too.
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()

    async def ended(self, seconds: float = END_SECONDS) -> int | None:
        """Wait for its end, and return its exit code, None if it does not end in time."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                return None
            await asyncio.sleep(_POLL_SECONDS)
        return self.process.returncode

    def writer(self) -> Child | None:
        """Return the process that writes its log."""
        return self._child(_WRITER)

    def compaction(self) -> Child | None:
        """Return the process that makes its next snapshot, None if there is none now."""
        return self._child(_COMPACTION)

    def _child(self, named: str) -> Child | None:
        return next((child for child in children_of(self.process.pid) if named in child.command), None)

    def _require_own_process(self) -> None:
        holder = last_holder(ReadOnlyFileSystem(), self.directory) or Holder()
        if holder.pid != self.process.pid:
            # Whoever LOCK names, what the drill has not started is not its to end: it may be anybody here, if the
            # server is in a container.
            self.kill()
            raise StartError(
                f"The command started process {self.process.pid}, but {LOCK_NAME} in {self.directory} names "
                f"{holder.pid or 'none'} as the server: faults would hit the wrong one. Give a command that becomes "
                "the server (in a shell script: exec), and end that one, if it still runs."
            )


def _toml(settings: Mapping[str, Mapping[str, object]]) -> str:
    lines = ["# Written by annolog for a server that it starts for itself."]
    for section, values in settings.items():
        lines += ["", f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"
