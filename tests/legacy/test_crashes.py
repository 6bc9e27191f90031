"""A crash at any point leaves either no log or the whole one, and the next import or start goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from service.legacy.transfer import UnverifiedError, import_snapshot
from service.settings import load
from tests.legacy.examples import SMALL, example, recovered, write
from tests.simulated_disk import SimulatedDisk, SimulatedFile
from wal.errors import DamagedError, WalError
from wal.file_system import RealFileSystem

DIRECTORY = Path("/simulated/data")
COUNTS = [2, 1, 1, 1]
SURVIVORS = 2


async def import_on(disk: SimulatedDisk, path: Path) -> bool:
    """Import on a disk whose power may go; tell if it said that it did."""
    try:
        report = await import_snapshot(path, DIRECTORY, load(flags=SMALL), file_system=disk)
    except (OSError, WalError, UnverifiedError):
        assert disk.off
        return False
    return report.imported


async def counts_on(disk: SimulatedDisk) -> list[int]:
    """Return how much a start finds."""
    state = await recovered(DIRECTORY, disk)
    return [state.counts[kind] for kind in ("user", "document", "extraction", "annotation")]


def has_log(disk: SimulatedDisk) -> bool:
    """Tell if there is anything in the place of the log."""
    return any(path.parent == DIRECTORY / "log" for path in disk._names)


async def test_no_power_cut_leaves_half_a_log(tmp_path: Path) -> None:
    """Before every file operation, with several of the disks that may be found after it."""
    path = write(tmp_path, example())
    undisturbed = SimulatedDisk()
    assert await import_on(undisturbed, path)
    operations = len(undisturbed.operations)
    assert undisturbed.operations.count("rename") > 1
    seen = set()
    for cut in range(operations):
        disk = SimulatedDisk()
        disk.cut_at = cut
        done = await import_on(disk, path)
        for seed in range(SURVIVORS):
            survivor = disk.survivor(cut * SURVIVORS + seed)
            seen.add(has_log(survivor))
            if not has_log(survivor):
                assert not done, "what was said to be imported is gone"
                assert await import_on(survivor, path)
            assert await counts_on(survivor) == COUNTS
            assert not [path for path in survivor._names if "import.tmp" in path.parts and not has_log(survivor)]
    assert seen == {True, False}


async def test_a_disk_that_refuses_leaves_no_log(tmp_path: Path) -> None:
    """A write, a sync, a rename that fails; once it works again, so does the import."""
    path = write(tmp_path, example())
    for operation in ("write", "sync", "rename", "create", "sync_directory"):
        disk = SimulatedDisk()
        disk.failing = {operation: 5}
        with pytest.raises((OSError, WalError)):
            await import_snapshot(path, DIRECTORY, load(flags=SMALL), file_system=disk)
        assert not has_log(disk)
        disk.failing = {}
        assert await import_on(disk, path)
        assert await counts_on(disk) == COUNTS


class RottenDisk(SimulatedDisk):
    """A disk that changes a bit of the log between its closing and its verification."""

    def __init__(self) -> None:
        super().__init__()
        self._openings = 0

    def lock(self, path: Path) -> SimulatedFile:
        """Hold; the second time that the staging directory is opened its log is another one."""
        self._openings += path.parent.name == "import.tmp"
        if self._openings == 2:
            (segment,) = (path for path in self._names if path.suffix == ".wal")
            self.content(segment)[4200] ^= 1
        return super().lock(path)


async def test_a_log_that_does_not_verify_is_not_put_in_place(tmp_path: Path) -> None:
    """It is read again before."""
    disk = RottenDisk()
    with pytest.raises(DamagedError):
        await import_snapshot(write(tmp_path, example()), DIRECTORY, load(flags=SMALL), file_system=disk)
    assert not has_log(disk)
    assert not [path for path in disk._names if "import.tmp" in path.parts]


def import_command(directory: Path) -> list[str]:
    """Return the command that imports the snapshot of a directory."""
    path = str(directory / "db_snapshot.json")
    return [sys.executable, "-m", "service.cli", "import", "legacy", path, "--data-dir", str(directory)]


POINTS: dict[str, Callable[[Path], bool]] = {
    "the staging directory is there": lambda directory: (directory / "import.tmp").exists(),
    "the log is being written": lambda directory: any((directory / "import.tmp" / "log").glob("*.wal")),
    "it is verified": lambda directory: _epoch(directory / "import.tmp") > 1,
    "the log is in its place": lambda directory: (directory / "log").exists(),
}


def _epoch(directory: Path) -> int:
    lock = directory / "LOCK"
    content = lock.read_bytes() if lock.exists() else b""
    return int(content.partition(b'"epoch":')[2].partition(b",")[0] or 0)


@pytest.mark.parametrize("point", POINTS)
async def test_no_kill_leaves_half_a_log(tmp_path: Path, point: str) -> None:
    """SIGKILL at several points of a real import; what is found is nothing or all."""
    content = example()
    for number in range(1500):
        content["documents"][f"x{number}"] = {"user_id": "u1", "text": "x" * 900}
    directory = tmp_path / "data"
    path = write(directory, content)
    small = {"ANNOLOG_LOG__SEGMENT_BYTES": "8388608", "ANNOLOG_LOG__RECORD_BYTES_MAX": "7340032"}
    environment = {**os.environ, **small}
    with subprocess.Popen(import_command(directory), env=environment, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not POINTS[point](directory) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
    has_come = (directory / "log").exists()
    if not has_come:
        again = subprocess.run(import_command(directory), env=environment, capture_output=True, text=True, check=False)
        assert again.returncode == 0, again.stderr
    assert (await recovered(directory)).counts["document"] == 1501
    assert (directory / "log").exists()
    assert path.exists()


class _SlowRename(RealFileSystem):
    """Takes its time to put the log in its place, and notes what is removed meanwhile."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.moving = False
        self.removed_meanwhile = False

    def rename(self, source: Path, target: Path) -> None:
        """Rename a directory slowly."""
        if target.name != "log":
            super().rename(source, target)
            return
        self.moving = True
        self.began.set()
        time.sleep(0.3)
        super().rename(source, target)
        self.moving = False

    def remove_directory(self, directory: Path) -> None:
        """Note if the log is moved out of it at the moment."""
        self.removed_meanwhile = self.removed_meanwhile or self.moving
        super().remove_directory(directory)


async def test_who_interrupts_while_the_log_is_put_in_place_gets_all_of_it_or_nothing(tmp_path: Path) -> None:
    """What is made is not removed under the hands of what moves it."""
    files, path = _SlowRename(), write(tmp_path, example())
    directory = tmp_path / "data"
    importing = asyncio.create_task(import_snapshot(path, directory, load(flags=SMALL), file_system=files))
    assert await asyncio.to_thread(files.began.wait, 30)
    importing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await importing
    assert not files.removed_meanwhile
    state = await recovered(directory)
    assert [state.counts[kind] for kind in ("user", "document", "extraction", "annotation")] == COUNTS
    assert not (directory / "import.tmp").exists()
