"""A side: processes of its own, requests to them, and the processor time that all of them take."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NamedTuple

from service.load.connection import Address, Connection, LostError
from service.load.requests import Encoder

CREATE, GET, LIST = "create", "get", "list"
MARK = {"start": 0, "end": 11, "text": "Marie Curie", "label": "person", "attributes": {"certain": True}}
PAGE = 50
_STOP_SECONDS = 10.0
_SAID = "said.log"
_TICKS = os.sysconf("SC_CLK_TCK")


class Ask(NamedTuple):
    """A kind of request to a side.

    Attributes:
        request: Gives the bytes of the next one.
        status: That its answer must have.
    """

    request: Callable[[], bytes]
    status: int


class Side:
    """One side. `start` makes it ready, `stop` ends what it has started.

    Args:
        folder: Of its own, for whatever it stores.

    Attributes:
        asks: Kinds of requests, once it is ready.
    """

    name: ClassVar[str]
    durability: ClassVar[str]
    programs: ClassVar[tuple[tuple[str, str], ...]] = ()
    modules: ClassVar[tuple[tuple[str, str], ...]] = ()
    ready_seconds: ClassVar[float] = 60.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asks: dict[str, Ask] = {}
        self.address = Address("127.0.0.1", free_port())
        self._processes: list[subprocess.Popen[bytes]] = []

    @classmethod
    def needs(cls) -> str:
        """Return what is missing for it here, empty if nothing is."""
        missing = [package for program, package in cls.programs if program_path(program) is None]
        missing += [package for module, package in cls.modules if find_spec(module) is None]
        return ", ".join(dict.fromkeys(missing))

    async def start(self) -> None:
        """Start it, and return once it takes requests."""
        raise NotImplementedError

    @property
    def encoder(self) -> Encoder:
        """Makes its requests."""
        return Encoder(self.address)

    def run(
        self,
        command: Sequence[str],
        *,
        user: str | None = None,
        cwd: Path | None = None,
        stdin: int = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start a process of it; what it says goes to a file in the folder. `env` is the whole of its environment."""
        with self._log() as log:
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=log,
                stderr=log,
                process_group=0,
                user=user,
                cwd=cwd,
                env=env,
            )
        self._processes.append(process)

    def finish(
        self,
        command: Sequence[str],
        *,
        user: str | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Run a command to its end, as `run` does.

        Raises:
            RuntimeError: It failed.
            subprocess.TimeoutExpired: It did not end in time.
        """
        with self._log() as log:
            done = subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=user,
                cwd=cwd,
                env=env,
                timeout=self.ready_seconds,
            )
        if done.returncode:
            raise RuntimeError(f"{self.name}: {command[0]} ended with {done.returncode}: {self.said()}")

    async def listens(self, address: Address) -> None:
        """Return once a process of it takes connections there; raises as `ready`."""
        await self.succeeds(lambda: self._connects(address))

    async def ready(self, request: bytes, *, status: int | None = None) -> None:
        """Return once it answers a request, with this status or, if there is none, whatever it says.

        Raises:
            RuntimeError: It ended, or does not answer in time.
        """
        await self.succeeds(lambda: self.answers(request, status))

    async def answers(self, request: bytes, status: int | None) -> bool:
        """Ask once, on a connection of its own; tells if the answer has this status, or there need be none."""
        connection = await Connection.open(self.address)
        try:
            answer = await connection.ask(request)
        finally:
            connection.abort("it was answered, or nobody waits any more")
        return status in (None, answer.status)

    async def succeeds(self, attempt: Callable[[], Awaitable[bool]]) -> None:
        """Return once an attempt has; one that cannot connect or gets no answer is made again. Raises as `ready`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.ready_seconds):
                while all(one.poll() is None for one in self._processes):
                    with contextlib.suppress(OSError, LostError):
                        if await attempt():
                            return
                    await asyncio.sleep(0.02)
        raise RuntimeError(f"{self.name} did not start: {self.said()}")

    async def ask(self, request: bytes, status: int) -> Any:
        """Send one request; returns the JSON of its answer."""
        connection = await Connection.open(self.address)
        answer = await connection.ask(request)
        connection.abort("it was answered")
        if answer.status != status:
            raise RuntimeError(f"{self.name}: expected {status}, found {answer.status}: {answer.body[:500]!r}")
        return json.loads(answer.body)

    def said(self) -> str:
        """Return the end of what its processes said."""
        return (self.folder / _SAID).read_text(errors="replace")[-2000:]

    async def _connects(self, address: Address) -> bool:
        (await Connection.open(address)).abort("it listens")
        return True

    def _log(self) -> BinaryIO:
        return (self.folder / _SAID).open("ab")

    @property
    def pid(self) -> int:
        """The process that it started first."""
        return self._processes[0].pid

    def cpu_seconds(self) -> float:
        """Return the processor time of its processes, of those that they started, and of those that ended."""
        return sum(_tree_seconds(process.pid) for process in self._processes)

    def stop(self) -> None:
        """End its processes, the last one first."""
        for process in reversed(self._processes):
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def with_field(request: bytes, field: str) -> bytes:
    """Return a request with one more field in its head."""
    return request.replace(b"\r\n", b"\r\n%b\r\n" % field.encode(), 1)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def program_path(name: str) -> str | None:
    """Return where a program is: on the path, or where Debian keeps those of PostgreSQL; None if it is not."""
    found = shutil.which(name)
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    # A package for Python puts its program beside the interpreter, which need not be on the path.
    beside = Path(sys.executable).parent / name
    return str(kept[-1]) if kept else found or (str(beside) if beside.exists() else None)


def _tree_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = [
            child for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()
        ]
    except OSError:
        # It ended meanwhile; its parent's count has it.
        return 0.0
    # utime, stime, and both of children that ended and were waited for.
    return sum(int(field) for field in fields[11:15]) / _TICKS + sum(_tree_seconds(int(child)) for child in children)
