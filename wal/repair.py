"""The repair of a data directory that a start refuses: asked for by a person, copied first, and told before it is done.

Each step is durable before the next one, and nothing goes before it lies both in the copy and in `removed-by-repair`.
The order makes a crash harmless: the segments that stay are written first, what is in their way goes afterwards, and
LOCK comes last. So until the last step that matters a start refuses, or holds just what the plan said; and a repair
that is run again goes on from what it finds, to the same end.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from wal.directory_copy import CopyError, Progress, bytes_of, copy_directory, copy_file
from wal.errors import WalError
from wal.file_store import PREPARED_NAME, write_segment
from wal.file_system import FileSystem, RealFileSystem
from wal.inspection import Inspection, inspect
from wal.layout import ARCHIVE_DIRECTORY, LOG_DIRECTORY, REMOVED_DIRECTORY, SNAPSHOT_DIRECTORY
from wal.lock import LOCK_NAME, DirectoryLock
from wal.looking import NoLogError
from wal.repair_evidence import read_content
from wal.repair_plan import make_plan
from wal.repair_steps import BeyondRepairError, NameLog, Plan, SetAside, Step, WriteSegment
from wal.segment import SEGMENT_HEADER_BYTES

COPY_INFIX = ".before-repair-"


class Repair:
    """A repair of a directory that is held until `close`.

    Args:
        directory: The data directory, absolute.
        time: When, as it goes into the names of what is made, for example ``20261125T070800Z``.
        file_system: Where; this machine's by default.

    Attributes:
        plan: What would be done.
        copy: Where the copy goes.
        removed: Where goes what is cut or moved aside.

    Raises:
        DirectoryLockedError: Another process holds it.
        NoLogError: There is no log.
        BeyondRepairError: There is no state to go on from.
        UnsupportedFormatError: A newer release wrote it.
        OSError: Something cannot be read.
    """

    def __init__(self, directory: Path, time: str, *, file_system: FileSystem | None = None) -> None:
        self._files = file_system or RealFileSystem()
        self._directory = directory
        self.copy = directory.with_name(f"{directory.name}{COPY_INFIX}{time}")
        self.removed = directory / REMOVED_DIRECTORY / time
        places = [directory / name for name in (LOG_DIRECTORY, SNAPSHOT_DIRECTORY, ARCHIVE_DIRECTORY)]
        if LOCK_NAME not in self._files.list(directory) and not any(map(self._files.list, places)):
            # Before LOCK is made by holding it.
            raise NoLogError(f"{directory} holds no log. Nothing was changed. Give the data directory itself.")
        self._lock = DirectoryLock.take(self._files, directory)
        try:
            self.plan: Plan = make_plan(self._files, directory)
            if not self.plan.steps:
                self._verify("No step is known that would help")
        except BaseException:
            self.close()
            raise

    def needed_bytes(self) -> int:
        """Return how much room the copy takes, and what is written and moved aside."""
        whole = sum(bytes_of(self._files, path) for path in self._files.files(self._directory))
        moved = 0
        for step in self.plan.steps:
            with contextlib.suppress(FileNotFoundError):
                moved += bytes_of(self._files, step.path)
            moved += step.header.size if isinstance(step, WriteSegment) else 0
        return whole + moved

    def run(self, on_file: Progress = lambda _: None) -> Inspection:
        """Copy the directory, carry out the plan, and verify what is left.

        Args:
            on_file: Called with each file that was copied.

        Raises:
            CopyError: There is no room for the copy, or it is not equal; nothing was changed.
            BeyondRepairError: What is left does not verify.
            OSError: The disk refused; run it again.
        """
        needed, free = self.needed_bytes(), self._files.free_bytes(self.copy)
        if needed > free:
            raise CopyError(
                f"A repair of {self._directory} takes {needed} bytes for a copy, {free} are free in "
                f"{self.copy.parent}. Nothing was changed. Make room there."
            )
        copy_directory(self._files, self._directory, self.copy, on_file)
        if PREPARED_NAME in self._files.list(self._directory / LOG_DIRECTORY):
            # Never a segment yet; its name is needed, and a start would remove it too.
            self._files.remove(self._directory / LOG_DIRECTORY / PREPARED_NAME)
        for step in self.plan.steps:
            self._take(step)
        return self._verify(f"The repair was carried out; the directory as it was is in {self.copy}")

    def close(self) -> None:
        """Let the directory go."""
        self._lock.release()

    def _take(self, step: Step) -> None:
        if isinstance(step, WriteSegment):
            self._write(step)
        elif isinstance(step, SetAside):
            self._keep(step.path)
            self._files.remove(step.path)
            self._files.sync_directory(step.path.parent)
        else:
            self._name_log(step)

    def _write(self, step: WriteSegment) -> None:
        records = b""
        if step.source is not None:
            records = read_content(self._files, step.source)[SEGMENT_HEADER_BYTES : step.end]
        if step.path.name in self._files.list(step.path.parent):
            self._keep(step.path)
        self._files.make_directory(step.path.parent)
        write_segment(self._files, step.path.parent, step.header, records).file.close()

    def _name_log(self, step: NameLog) -> None:
        self._keep(step.path)
        self._lock.write(step.epoch, bytes.fromhex(self.plan.log_id))

    def _keep(self, path: Path) -> None:
        """Put a copy of a file where nothing is destroyed."""
        target = self.removed / path.relative_to(self._directory)
        self._files.make_directory(target.parent)
        copy_file(self._files, path, target)

    def _verify(self, what: str) -> Inspection:
        try:
            return inspect(self._directory, file_system=self._files)
        except WalError as error:
            raise BeyondRepairError(f"{what}, and this does not verify: {error}") from error
