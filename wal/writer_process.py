"""The writer as a process of its own, for files of this machine.

Not a thread: one that waits for the interpreter's lock is woken, in vain, each time the event loop lets go of it to
send an answer, and a batch of sixty answers costs sixty switches. `docs/decisions/0005-the-writer-is-a-process.md`
has the figures, and why a process that outlives its server can do no harm.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

from wal import writer_main
from wal.file_system import File, RealFile
from wal.writer import Done, Job, WriterThread
from wal.writer_main import ANSWER, REQUEST

_START_SECONDS = 30.0
_STOP_SECONDS = 5.0


class WriterProcess:
    """A writer in another process. `start` makes one.

    Args:
        process: It runs `wal.writer_main`.
        connection: To it.

    Attributes:
        on_end: Called, besides the `done` of what is under way, with the error that the process has ended.
    """

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        connection.setblocking(False)
        self._process = process
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection, self._answered)
        # Rotations are rare and open files: they stay in this process.
        self._thread = WriterThread("log-rotation")
        self._file: File | None = None
        self._done: Done | None = None
        self._rest = memoryview(b"")
        self._ended: OSError | None = None
        self.on_end: Done = lambda _: None

    @classmethod
    async def start(cls) -> WriterProcess:
        """Start the process.

        Raises:
            OSError: It does not start.
        """
        return cls(*await asyncio.to_thread(_start))

    def write(self, file: File, offset: int, data: bytes, done: Done) -> None:
        """Have the process write and sync.

        Raises:
            TypeError: It is not a file of this machine.
        """
        if not isinstance(file, RealFile):
            raise TypeError(f"{type(file).__name__} is not a file that another process can write.")
        if self._ended is not None:
            self._loop.call_soon(done, self._ended)
            return
        self._done = done
        try:
            sent = self._send(file, offset, data)
        except OSError as error:
            self._loop.call_soon(self._finish, error)
            return
        if sent < len(data):
            self._rest = memoryview(data)[sent:]
            self._loop.add_writer(self._connection, self._send_rest)

    def run(self, job: Job, done: Done) -> None:
        """Run `job` on a thread of this process."""
        self._thread.run(job, done)

    async def stop(self) -> None:
        """End the process. One that hangs in the kernel is killed, and not waited for."""
        self._loop.remove_reader(self._connection)
        self._loop.remove_writer(self._connection)
        self._connection.close()
        await self._thread.stop()
        await asyncio.to_thread(self._reap)

    def _reap(self) -> None:
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _send(self, file: RealFile, offset: int, data: bytes) -> int:
        """Send a request as far as the socket takes it at once; returns how much of the data is sent."""
        is_other = file is not self._file
        header = REQUEST.pack(offset, len(data), is_other)
        if is_other:
            sent = socket.send_fds(self._connection, (header, data), (file.descriptor,))
            self._file = file
        else:
            sent = self._connection.sendmsg((header, data))
        if sent < len(header):
            raise OSError("the socket to the log's writer takes not even a header")
        return sent - len(header)

    def _send_rest(self) -> None:
        try:
            self._rest = self._rest[self._connection.send(self._rest) :]
        except OSError as error:
            self._loop.remove_writer(self._connection)
            self._finish(error)
            return
        if not self._rest:
            self._loop.remove_writer(self._connection)

    def _answered(self) -> None:
        try:
            answer = self._connection.recv(ANSWER.size)
        except OSError:
            answer = b""
        if len(answer) < ANSWER.size:
            self._loop.remove_reader(self._connection)
            self._ended = OSError(f"process {self._process.pid}, which writes the log, has ended")
            self._finish(self._ended)
            self.on_end(self._ended)
            return
        (number,) = ANSWER.unpack(answer)
        self._finish(OSError(number, os.strerror(number)) if number else None)

    def _finish(self, error: OSError | None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(error)


def _start() -> tuple[subprocess.Popen[bytes], socket.socket]:
    here, there = socket.socketpair()
    with there:
        # Without the site's packages: it needs none, and starts in a third of the time. In a group of its own, so that
        # a terminal does not interrupt it, not even while it starts.
        command = [sys.executable, "-I", "-S", writer_main.__file__, str(there.fileno())]
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program
                command, stdin=subprocess.DEVNULL, pass_fds=[there.fileno()], process_group=0
            )
        except BaseException:
            here.close()
            raise
    here.settimeout(_START_SECONDS)
    try:
        if len(here.recv(ANSWER.size)) < ANSWER.size:
            raise OSError(f"the process that writes the log ended at its start, with code {process.wait()}")
    except OSError:
        here.close()
        process.kill()
        process.wait()
        raise
    return process, here
