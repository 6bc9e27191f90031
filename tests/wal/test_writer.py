"""Both writers: what they are given is in the file, in order; what fails is told, and only then anything else."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.model import DictState, put
from wal import writer_main
from wal.errors import OutcomeUnknownError, PoisonedError
from wal.file_system import File, RealFile, RealFileSystem
from wal.log import Log
from wal.opening import open_log
from wal.settings import LogSettings
from wal.writer import Writer, WriterThread
from wal.writer_process import WriterProcess

SETTINGS = LogSettings(segment_bytes=256 * 1024, record_bytes_max=64 * 1024, fill_pause_ms=0)


@pytest.fixture(params=["thread", "process"])
async def writer(request: pytest.FixtureRequest) -> AsyncIterator[Writer]:
    """Return one of the two."""
    writer: Writer = WriterThread("test-writer") if request.param == "thread" else await WriterProcess.start()
    yield writer
    await writer.stop()


@pytest.fixture
async def process() -> AsyncIterator[WriterProcess]:
    """Return the one that is a process."""
    writer = await WriterProcess.start()
    yield writer
    await writer.stop()


async def asked(ask: Callable[[Callable[[BaseException | None], None]], None]) -> BaseException | None:
    """Ask a writer for something and return what it says."""
    said: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    ask(said.set_result)
    return await asyncio.wait_for(said, 20)


async def written(writer: Writer, file: File, offset: int, data: bytes) -> BaseException | None:
    """Have something written."""
    return await asked(lambda done: writer.write(file, offset, data, done))


async def test_what_is_written_is_in_the_file(writer: Writer, tmp_path: Path) -> None:
    """At its offset, whatever file comes after which."""
    files = RealFileSystem()
    first, second = (files.open(tmp_path / name, create=True) for name in ("first", "second"))
    for file, offset, data in ((first, 0, b"one"), (second, 2, b"two"), (first, 3, b"three"), (second, 0, b"ab")):
        assert await written(writer, file, offset, data) is None
    assert ((tmp_path / "first").read_bytes(), (tmp_path / "second").read_bytes()) == (b"onethree", b"abtwo")


async def test_a_file_that_reuses_a_number_is_not_taken_for_the_one_before(writer: Writer, tmp_path: Path) -> None:
    """The kernel gives the lowest free number to the next file that is opened."""
    files = RealFileSystem()
    numbers = set()
    for name in ("a", "b", "c"):
        file = files.open(tmp_path / name, create=True)
        assert isinstance(file, RealFile)
        numbers.add(file.descriptor)
        assert await written(writer, file, 0, name.encode()) is None
        file.close()
    assert len(numbers) == 1
    assert [(tmp_path / name).read_text() for name in ("a", "b", "c")] == ["a", "b", "c"]


async def test_a_batch_that_no_socket_takes_at_once_arrives_whole(writer: Writer, tmp_path: Path) -> None:
    """Nine megabytes, and one byte of the next batch behind them; the loop goes on meanwhile."""
    file = RealFileSystem().open(tmp_path / "large", create=True)
    data = os.urandom(9 * 1024 * 1024)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    assert await written(writer, file, 0, data) is None
    counting.cancel()
    assert await written(writer, file, len(data), b"x") is None
    assert (tmp_path / "large").read_bytes() == data + b"x"
    assert turns > 1


async def test_the_cause_of_a_failure_is_told(writer: Writer, tmp_path: Path) -> None:
    """As the system's error number."""
    path = tmp_path / "file"
    path.touch()
    file = RealFile(os.open(path, os.O_RDONLY))
    error = await written(writer, file, 0, b"x")
    assert isinstance(error, OSError)
    assert error.errno == errno.EBADF
    file.close()


async def test_a_job_runs_and_its_error_is_told(writer: Writer) -> None:
    """Off the loop."""
    ran: list[int] = []
    assert await asked(lambda done: writer.run(lambda: ran.append(1), done)) is None
    error = await asked(lambda done: writer.run(lambda: ran.remove(2), done))
    assert (ran, type(error)) == ([1], ValueError)


async def test_a_process_cannot_write_the_files_of_a_test(process: WriterProcess) -> None:
    """They are of another kind."""
    file = SimulatedDisk().open(Path("/simulated/file"), create=True)
    with pytest.raises(TypeError, match="not a file that another process can write"):
        process.write(file, 0, b"", lambda _: None)


async def test_signals_that_mean_the_server_do_not_end_its_writer(process: WriterProcess, tmp_path: Path) -> None:
    """A terminal and an init system signal every process; the server finishes what is under way first."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(process._process.pid, number)
    file = RealFileSystem().open(tmp_path / "file", create=True)
    assert await written(process, file, 0, b"still there") is None


async def test_a_writer_that_was_killed_fails_what_is_under_way_and_all_that_follows(
    process: WriterProcess, tmp_path: Path
) -> None:
    """Nothing hangs, and the message names the process."""
    file = RealFileSystem().open(tmp_path / "file", create=True)
    os.kill(process._process.pid, signal.SIGSTOP)
    under_way = asyncio.create_task(written(process, file, 0, b"x"))
    await asyncio.sleep(0)
    os.kill(process._process.pid, signal.SIGKILL)
    for error in (await under_way, await written(process, file, 0, b"x")):
        assert isinstance(error, OSError)
        assert f"process {process._process.pid}, which writes the log, has ended" in str(error)


async def test_a_writer_that_was_killed_within_a_large_batch_fails_it(process: WriterProcess, tmp_path: Path) -> None:
    """Also when the server is the one that is sending."""
    file = RealFileSystem().open(tmp_path / "file", create=True)
    os.kill(process._process.pid, signal.SIGSTOP)
    under_way = asyncio.create_task(written(process, file, 0, bytes(9 * 1024 * 1024)))
    await asyncio.sleep(0.05)
    os.kill(process._process.pid, signal.SIGKILL)
    assert isinstance(await under_way, OSError)


async def test_a_log_whose_writer_was_killed_is_poisoned_and_recovers(tmp_path: Path) -> None:
    """As after a failed sync: what was acknowledged is there, what was not is there whole or not at all."""
    state = DictState()
    log, _ = await open_log(tmp_path, SETTINGS, state)
    await log.wait(append(log, state, "first"))
    writer = writer_of(log)
    os.kill(writer._process.pid, signal.SIGKILL)
    sequence = append(log, state, "second")
    with pytest.raises(OutcomeUnknownError):
        await log.wait(sequence)
    with pytest.raises(PoisonedError):
        log.admit()
    await log.close()
    state = DictState()
    log, _ = await open_log(tmp_path, SETTINGS, state)
    assert [key for _, key in state.values] in (["first"], ["first", "second"])
    await log.close()


async def test_a_writer_that_outlives_its_server_changes_nothing(tmp_path: Path) -> None:
    """It holds no lock, and what it still writes goes into a file that the next opening has replaced."""
    state = DictState()
    log, _ = await open_log(tmp_path, SETTINGS, state)
    await log.wait(append(log, state, "first"))
    writer = writer_of(log)
    os.kill(writer._process.pid, signal.SIGSTOP)
    append(log, state, "orphan")
    await asyncio.sleep(0.05)
    await abandon(log)
    # The server is gone, its writer has a batch in its socket and has not written it yet.
    state = DictState()
    second, report = await open_log(tmp_path, SETTINGS, state)
    assert [key for _, key in state.values] == ["first"]
    os.kill(writer._process.pid, signal.SIGCONT)
    writer._process.wait(20)
    await second.wait(append(second, state, "third"))
    await second.close()
    state = DictState()
    third, again = await open_log(tmp_path, SETTINGS, state)
    assert [key for _, key in state.values] == ["first", "third"]
    assert (report.clean, again.clean) == (False, True)
    await third.close()


def append(log: Log, state: DictState, key: str) -> int:
    """Append and apply one record; returns its sequence."""
    changes = [put(key, b"1")]
    sequence = log.append(changes, time=1, actor=None, operation="t")
    state.apply(sequence, 1, changes)
    return sequence


def writer_of(log: Log) -> WriterProcess:
    """Return the writer of a log."""
    writer = log._store._writer
    assert isinstance(writer, WriterProcess)
    return writer


async def abandon(log: Log) -> None:
    """Let go of a log as a kill of its process does: nothing is sealed, the lock is free, the socket is closed."""
    await log._stop_preparing()
    writer = writer_of(log)
    loop = asyncio.get_running_loop()
    loop.remove_reader(writer._connection)
    writer._connection.close()
    await writer._thread.stop()
    log._release()


async def test_a_file_that_cannot_be_handed_over_is_not_taken_for_the_one_before(
    process: WriterProcess, tmp_path: Path
) -> None:
    """The process has no number left for it: the batch is refused, and the file before stays as it is."""
    files = RealFileSystem()
    first, second = (files.open(tmp_path / name, create=True) for name in ("first", "second"))
    assert await written(process, first, 0, b"first") is None
    resource.prlimit(process._process.pid, resource.RLIMIT_NOFILE, (0, 0))
    error = await written(process, second, 0, b"SECOND")
    assert isinstance(error, OSError)
    assert error.errno == errno.EMFILE
    assert ((tmp_path / "first").read_bytes(), (tmp_path / "second").read_bytes()) == (b"first", b"")


def test_the_process_answers_only_after_the_sync(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Write, sync, answer; and what the sync says is the answer."""
    calls: list[str] = []
    here, there = socket.socketpair()

    class Connection(socket.socket):
        """Notes when something is said."""

        def sendall(self, data: Any, flags: int = 0) -> None:
            """Note and send."""
            calls.append("answer")
            super().sendall(data, flags)

    def fdatasync(_descriptor: int) -> None:
        calls.append("sync")
        if calls.count("sync") == 2:
            raise OSError(errno.EIO, "by plan")

    pwrite = os.pwrite

    def noted_pwrite(*arguments: Any) -> int:
        calls.append("write")
        return pwrite(*arguments)

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(os, "pwrite", noted_pwrite)
    with (tmp_path / "file").open("wb") as file:
        socket.send_fds(here, [writer_main.REQUEST.pack(0, 1, True), b"x"], [file.fileno()])
        here.sendall(writer_main.REQUEST.pack(1, 1, False) + b"y")
        here.shutdown(socket.SHUT_WR)
        with Connection(fileno=there.detach()) as connection:
            writer_main.main(connection)
    assert calls == ["answer", "write", "sync", "answer", "write", "sync", "answer"]
    answers = [number for (number,) in writer_main.ANSWER.iter_unpack(here.recv(99))]
    assert answers == [0, 0, errno.EIO]
    here.close()


@pytest.mark.parametrize("who", ["process", "file"])
def test_a_short_write_is_gone_on_with(who: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kernel may write less than it was given."""
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: pwrite(fd, data[:7], offset))
    path, data = tmp_path / "file", os.urandom(100)
    path.touch()
    file = RealFileSystem().open(path)
    assert isinstance(file, RealFile)
    if who == "file":
        file.write_at(3, data)
    else:
        assert writer_main.write(file.descriptor, 3, memoryview(data)) == 0
    file.close()
    assert path.read_bytes() == bytes(3) + data


async def test_a_writer_that_ends_while_nothing_is_under_way_poisons_the_log_at_once(tmp_path: Path) -> None:
    """Not only when the next batch finds out."""
    log, _ = await open_log(tmp_path, SETTINGS, DictState())
    os.kill(writer_of(log)._process.pid, signal.SIGKILL)
    error = await asyncio.wait_for(asyncio.shield(log.poisoned), 20)
    assert "which writes the log, has ended" in str(error)
    with pytest.raises(PoisonedError):
        log.admit()
    await log.close()


async def test_descriptors_of_one_file_after_the_other_are_closed(process: WriterProcess, tmp_path: Path) -> None:
    """One for each segment would run out one day."""
    files = RealFileSystem()
    numbers = set()
    for number in range(20):
        file = files.open(tmp_path / str(number), create=True)
        assert await written(process, file, 0, b"x") is None
        file.close()
        numbers.add(len(list(Path(f"/proc/{process._process.pid}/fd").iterdir())))
    assert len(numbers) == 1


async def test_the_loop_rests_once_a_large_batch_is_sent(process: WriterProcess, tmp_path: Path) -> None:
    """It is not called again and again to send nothing."""
    file = RealFileSystem().open(tmp_path / "file", create=True)
    assert await written(process, file, 0, bytes(2 * 1024 * 1024)) is None
    assert not process._loop.remove_writer(process._connection)


async def test_stopping_does_not_wait_for_a_writer_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed after a while."""
    monkeypatch.setattr("wal.writer_process._STOP_SECONDS", 0.05)
    process = await WriterProcess.start()
    os.kill(process._process.pid, signal.SIGSTOP)
    await process.stop()
    assert process._process.wait(20) == -signal.SIGKILL


async def test_a_process_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With its exit code; the directory is free again."""
    program = tmp_path / "program.py"
    program.write_text("raise SystemExit(7)")
    monkeypatch.setattr("wal.writer_main.__file__", str(program))
    with pytest.raises(OSError, match="ended at its start, with code 7"):
        await open_log(tmp_path / "data", SETTINGS, DictState())
    monkeypatch.undo()
    log, _ = await open_log(tmp_path / "data", SETTINGS, DictState())
    await log.close()


async def test_the_process_ends_with_its_server() -> None:
    """It sees the connection's end."""
    process = await WriterProcess.start()
    process._loop.remove_reader(process._connection)
    process._connection.close()
    assert process._process.wait(20) == 0
    await process._thread.stop()


async def test_a_sync_that_fails_is_told(writer: Writer) -> None:
    """Of a device that can be written and not synced: who leaves the sync out does not notice."""
    file = RealFile(os.open(os.devnull, os.O_RDWR))
    error = await written(writer, file, 0, b"x")
    assert isinstance(error, OSError)
    assert error.errno == errno.EINVAL
    file.close()


class FailsOnce(RealFile):
    """A file whose first sync fails; the next one would say that all is well, as a kernel may."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self.syncs = 0

    def sync(self) -> None:
        """Fail, the first time."""
        self.syncs += 1
        if self.syncs == 1:
            raise OSError(errno.EIO, "by plan")
        super().sync()


async def test_a_failed_sync_is_not_tried_again(tmp_path: Path) -> None:
    """After it the page cache may show what the disk never got."""
    thread = WriterThread("test-writer")
    file = FailsOnce(os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT))
    error = await written(thread, file, 0, b"x")
    assert isinstance(error, OSError)
    assert (error.errno, file.syncs) == (errno.EIO, 1)
    file.close()
    await thread.stop()


class MuteSocket(socket.socket):
    """One that takes nothing."""

    def sendall(self, _data: Any, _flags: int = 0, /) -> None:
        """Fail as no closed connection does."""
        raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))


def test_a_writer_that_cannot_answer_ends_with_a_line_and_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    """The server learns of it by its end; found by failing each `sendto` of a real writer."""
    with MuteSocket() as connection:
        assert writer_main.run(connection) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("annolog: the log's writer cannot talk to its server: [Errno 105]")
