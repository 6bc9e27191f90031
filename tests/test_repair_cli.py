"""`annolog log repair`, as a process: what it shows, asks, refuses and ends with."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wal.drive import SETTINGS
from tests.wal.model import DictState, put
from wal.archive import publish_archived, write_archived
from wal.file_system import RealFileSystem
from wal.lock import DirectoryLock
from wal.opening import open_log
from wal.segment import read_segment, scan_segment

RECORDS = 150


def repair(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run it without a terminal."""
    command = [sys.executable, "-m", "service.cli", "log", "repair", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


def answered(directory: Path, answer: bytes) -> subprocess.CompletedProcess[str]:
    """Run it on a terminal, and answer."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer)
        command = [sys.executable, "-m", "service.cli", "log", "repair", str(directory)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)


async def fill(directory: Path) -> None:
    """Write a log of several segments and shut it down."""
    state = DictState()
    log, _ = await open_log(directory, SETTINGS, state)
    for number in range(RECORDS):
        await log.room()
        changes = [put(f"k{number}", bytes(300))]
        sequence = log.append(changes, time=number, actor=None, operation="t")
        state.apply(sequence, number, changes)
        await log.wait(sequence)
    await log.close()


def everything(directory: Path) -> dict[str, bytes]:
    """Return all files below a directory."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory with a record damaged in its second segment."""
    directory = tmp_path / "data"
    asyncio.run(fill(directory))
    path = sorted((directory / "log").glob("*.wal"))[1]
    found = list(scan_segment(*read_segment(RealFileSystem(), path)))[3]
    data = bytearray(path.read_bytes())
    data[found.offset + 99] ^= 1
    path.write_bytes(data)
    return directory


def test_the_plan_says_what_is_lost_and_changes_nothing_unless_a_person_agrees(directory: Path) -> None:
    """Not with --dry-run, not where nobody can be asked, not when it is declined."""
    before = everything(directory.parent)
    dry = repair(directory, "--dry-run")
    assert dry.returncode == 0
    for part in (
        "1. write log/",
        "; loses what came from sequence ",
        "Left for a start: every record up to sequence ",
        "transactions still verify but hang in the air, and are given up: sequences ",
        "from 1970-01-01T00:00:00.",
        ": note k",
        " more.",
        "Nothing was changed.",
    ):
        assert part in dry.stdout, dry.stdout
    assert everything(directory.parent) == before
    unasked = repair(directory)
    assert unasked.returncode == 1
    assert "--yes was not given. Nothing was changed." in unasked.stderr
    declined = answered(directory, b"n\n")
    assert declined.returncode == 1
    assert "Declined. Nothing was changed." in declined.stderr
    assert everything(directory.parent) == before


def test_who_agrees_gets_a_copy_and_a_directory_that_verifies(directory: Path) -> None:
    """Exit code 0; the second time nothing is wrong."""
    before = everything(directory)
    done = answered(directory, b"y\n")
    assert done.returncode == 0, done.stderr
    assert "Repaired and verified, up to sequence " in done.stdout
    (copy,) = directory.parent.glob("data.before-repair-*")
    assert everything(copy) == before
    assert str(copy) in done.stdout
    after = everything(directory)
    again = repair(directory)
    assert again.returncode == 0
    assert f"Nothing is wrong with {directory}" in again.stdout
    assert everything(directory) == after
    modes = {path.stat().st_mode & 0o777 for path in (copy, directory / "removed-by-repair")}
    assert modes == {0o700}
    assert {path.stat().st_mode & 0o777 for path in copy.rglob("*") if path.is_file()} == {0o600}


def test_what_may_be_lost_is_not_called_nothing(tmp_path: Path) -> None:
    """A tail that is gone may have held records; a header that is known loses none."""
    directory = tmp_path / "data"
    asyncio.run(fill(directory))
    path = max((directory / "log").glob("*.wal"))
    content = path.read_bytes()
    path.unlink()
    said = repair(directory, "--dry-run").stdout
    assert f"Lost: whatever there was from sequence {int(path.stem)} on; nothing tells" in said
    path.write_bytes(content[:20] + b"x" + content[21:])
    said = repair(directory, "--dry-run").stdout
    assert "found a header that does not verify; loses nothing" in said
    assert "Nothing is lost." in said


def test_a_held_directory_ends_with_exit_code_3(directory: Path) -> None:
    """It names the holder."""
    lock = DirectoryLock.take(RealFileSystem(), directory)
    lock.write(7, bytes(16))
    held = repair(directory, "--yes")
    lock.release()
    assert held.returncode == 3
    assert f"in use by process {os.getpid()} on " in held.stderr


def test_what_cannot_be_repaired_ends_with_exit_code_4(directory: Path) -> None:
    """A log without its beginning; a directory without a log is refused."""
    min((directory / "log").glob("*.wal")).unlink()
    before = everything(directory.parent)
    beyond = repair(directory, "--yes")
    assert beyond.returncode == 4
    assert "cannot be repaired" in beyond.stderr
    assert everything(directory.parent) == before
    nothing = repair(directory / "log", "--yes")
    assert nothing.returncode == 1
    assert "holds no log" in nothing.stderr
    assert everything(directory.parent) == before


def test_a_failing_copy_ends_with_exit_code_1(directory: Path) -> None:
    """A file of it cannot be written; nothing was changed, and what there is of it is called partial."""
    before = everything(directory)
    program = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); "
    program += "from service.cli import main; main()"
    command = [sys.executable, "-c", program, "log", "repair", str(directory), "--yes"]
    limited = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert limited.returncode == 1
    assert "File too large" in limited.stderr
    assert everything(directory) == before
    assert not [path for path in directory.parent.glob("data.before-repair-*") if path.suffix != ".partial"]


def test_an_index_that_is_lost_costs_time_and_no_history(tmp_path: Path) -> None:
    """And one whose segment is gone costs nothing."""
    directory = tmp_path / "data"
    asyncio.run(fill(directory))
    archive, files = directory / "archive", RealFileSystem()
    archive.mkdir()
    publish_archived(files, archive, write_archived(files, directory / "log" / f"{1:020d}.wal", archive).first)
    (archive / f"{9999:020d}.wal.index").write_bytes(b"z")
    said = repair(directory, "--dry-run").stdout
    assert "that is not in the archive; loses nothing" in said
    assert "Nothing is lost." in said
    (archive / f"{1:020d}.wal.index").write_bytes(b"")
    said = repair(directory, "--dry-run").stdout
    assert "found 0 bytes; loses time" in said
    assert "Nothing is lost but time, as the steps say." in said


def test_a_pipe_by_a_files_name_is_refused_and_not_waited_for(directory: Path) -> None:
    """Whoever put it there."""
    (directory / "archive").mkdir()
    os.mkfifo(directory / "archive" / f"{2:020d}.wal.gz")
    command = [sys.executable, "-m", "service.cli", "log", "verify", str(directory)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "Illegal seek" in ended.stderr
