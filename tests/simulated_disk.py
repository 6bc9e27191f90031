"""A disk for tests: it keeps what was written apart from what was synced, and cuts the power at any operation.

`SimulatedDisk` is the second implementation of `wal.file_system.FileSystem`. After a power cut, `survivor` gives
one of the disks that could be found: of each file what was synced, plus any subset of the sectors written since;
of each directory what was synced, plus the first few of its entries changed since. It is deterministic from a seed.
`moment` keeps all that one of them is made from, so that a single run gives the disks of a cut at each operation.
"""

from __future__ import annotations

import errno
import random
import threading
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

SECTOR_BYTES = 512


class PowerCutError(OSError):
    """The machine is off; nothing can be done with its disk any more."""


class Inode:
    """A file's content: as synced, as written, and the sectors written since the sync."""

    def __init__(self) -> None:
        self.synced = b""
        self.content = bytearray()
        self.dirty: set[int] = set()

    def write(self, offset: int, data: bytes) -> None:
        """Change the content, and remember which sectors."""
        end = offset + len(data)
        if end > len(self.content):
            self.content.extend(bytes(end - len(self.content)))
        self.content[offset:end] = data
        self.dirty.update(range(offset // SECTOR_BYTES, -(-end // SECTOR_BYTES)))

    def sync(self) -> None:
        """Take over what was written."""
        self.synced = bytes(self.content)
        self.dirty.clear()

    def frozen(self) -> Inode:
        """Return a copy that later writes leave alone."""
        inode = Inode()
        inode.synced = self.synced
        # What is all on the disk is not copied: a disk has many files, and one that is written.
        is_same = not self.dirty and len(self.content) == len(self.synced)
        inode.content = bytearray() if is_same else bytearray(self.content)
        inode.dirty = set(self.dirty)
        return inode

    def survivor(self, chance: random.Random) -> bytes:
        """Return what a power cut could leave of the content."""
        if not self.dirty and len(self.content) in (0, len(self.synced)):
            return self.synced
        longest = chance.choice((len(self.synced), len(self.content)))
        return self.with_sectors([sector for sector in sorted(self.dirty) if chance.random() < 0.5], longest)

    def with_sectors(self, sectors: Sequence[int], length: int) -> bytes:
        """Return what was synced, with some of the sectors written since, as long as the disk says."""
        content = bytearray(self.synced.ljust(length, b"\0"))
        for sector in sectors:
            start = sector * SECTOR_BYTES
            piece = self.content[start : start + SECTOR_BYTES][: max(0, length - start)]
            content[start : start + len(piece)] = piece
        return bytes(content)


class SimulatedFile:
    """An open file of a `SimulatedDisk`."""

    def __init__(self, disk: SimulatedDisk, inode: Inode, *, locked: Path | None = None) -> None:
        self._disk = disk
        self._inode = inode
        self._locked = locked

    def read_at(self, offset: int, length: int) -> bytes:
        """Read."""
        self._disk.step("read")
        return bytes(self._inode.content[offset : offset + length])

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Write, not yet synced."""
        self._disk.step("write")
        self._disk.take_space(max(0, offset + len(data) - len(self._inode.content)))
        self._inode.write(offset, bytes(data))

    def sync(self) -> None:
        """Make the content durable."""
        self._disk.step("sync")
        if not self._disk.is_lying:
            self._inode.sync()

    def size(self) -> int:
        """Return the length."""
        self._disk.step("size")
        return len(self._inode.content)

    def drop_cache(self) -> None:
        """Do nothing: reads of this disk come from what was written, and recovery syncs first."""
        self._disk.step("drop_cache")

    def close(self) -> None:
        """Let go of the lock, if this file holds it."""
        if self._locked is not None:
            self._disk.held.discard(self._locked)


Names = dict[Path, Inode]
Change = Callable[[Names], object]


class Pending(NamedTuple):
    """A change of a directory that is not durable yet, and the file that it speaks of."""

    directory: Path
    change: Change
    inode: Inode | None


class Moment(NamedTuple):
    """A disk as it was: all that a power cut could leave.

    Attributes:
        names: The entries that were durable.
        pending: Changes of entries that were not, in order.
        inodes: Identity → the file as it was.
    """

    names: Names
    pending: Sequence[Pending]
    inodes: Mapping[int, Inode]

    def survivor(
        self, entries: Callable[[Sequence[Pending]], Sequence[Pending]], content: Callable[[Inode], bytes]
    ) -> SimulatedDisk:
        """Return a disk that a power cut left.

        Args:
            entries: Chooses from a directory's changes those that reached the disk.
            content: Gives what is left of a file.
        """
        names = dict(self.names)
        for directory in {pending.directory: None for pending in self.pending}:
            for pending in entries([pending for pending in self.pending if pending.directory == directory]):
                pending.change(names)
        left = {id(inode): content(self.inodes[id(inode)]) for inode in names.values()}
        return SimulatedDisk.holding({path: left[id(inode)] for path, inode in names.items()})


class SimulatedDisk:
    """A disk with a fault plan.

    Attributes:
        operations: The names of the operations so far.
        cut_at: The operation, counted from 0, before which the power goes; None for never.
        failing: Operation → error that each such call raises from now on.
        space: Bytes that files may still grow by; None for no limit.
        lying: Operations, counted from 0, that are syncs and only say that they were done.
        on_step: Called with each operation's name before it is done; what it raises is the operation's error.
    """

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.cut_at: int | None = None
        self.failing: dict[str, int] = {}
        self.space: int | None = None
        self.lying: Container[int] = ()
        self.on_step: Callable[[str], None] = lambda _: None
        self.held: set[Path] = set()
        self.off = False
        self._mutex = threading.Lock()
        self._names: Names = {}
        self._synced_names: Names = {}
        self._pending: list[Pending] = []

    @classmethod
    def holding(cls, files: Mapping[Path, bytes]) -> SimulatedDisk:
        """Return a disk with these files, all of them durable."""
        disk = cls()
        for path, content in files.items():
            inode = disk._names[path] = Inode()
            inode.content = bytearray(content)
            inode.synced = content
        disk._synced_names = dict(disk._names)
        return disk

    @property
    def is_lying(self) -> bool:
        """The operation under way is a sync that only says that it was done; on a disk that one thread uses."""
        return len(self.operations) - 1 in self.lying

    def step(self, operation: str) -> None:
        """Count an operation and let the plan have its way.

        Raises:
            PowerCutError: The power is off.
            OSError: The plan says that this operation fails.
        """
        with self._mutex:
            self.off = self.off or len(self.operations) == self.cut_at
            if self.off:
                raise PowerCutError(errno.EIO, "power cut")
            self.operations.append(operation)
        self.on_step(operation)
        if operation in self.failing:
            raise OSError(self.failing[operation], f"{operation} fails by plan")

    def take_space(self, growth: int) -> None:
        """Let a file grow.

        Raises:
            OSError: ENOSPC.
        """
        if self.space is not None:
            if growth > self.space:
                raise OSError(errno.ENOSPC, "no space left on the simulated disk")
            self.space -= growth

    def moment(self) -> Moment:
        """Return the disk as it is now."""
        known = [*self._names.values(), *self._synced_names.values(), *(one.inode for one in self._pending)]
        inodes = {id(inode): inode.frozen() for inode in known if inode is not None}
        return Moment(dict(self._synced_names), list(self._pending), inodes)

    def survivor(self, seed: int) -> SimulatedDisk:
        """Return one of the disks that could be found after a power cut now."""
        chance = random.Random(seed)
        return self.moment().survivor(
            lambda pending: pending[: chance.randint(0, len(pending))], lambda inode: inode.survivor(chance)
        )

    def restart(self) -> None:
        """Let the process be gone, but not the machine: what was written is there, synced or not."""
        self.off, self.cut_at = False, None
        self.held.clear()

    def settle(self) -> None:
        """Make everything durable, what was damaged too."""
        for inode in self._names.values():
            inode.sync()
        self._synced_names = dict(self._names)
        self._pending = []

    def content(self, path: Path) -> bytearray:
        """Return a file's content, to be looked at or damaged; damage outlasts a power cut once it has settled."""
        return self._names[path].content

    def open(self, path: Path, *, create: bool = False) -> SimulatedFile:
        """Open, or create."""
        self.step("create" if create else "open")
        if create and path in self._names:
            raise FileExistsError(errno.EEXIST, "exists", str(path))
        if create:
            inode = Inode()
            self._change(path.parent, lambda names: names.__setitem__(path, inode), inode)
        if path not in self._names:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return SimulatedFile(self, self._names[path])

    def lock(self, path: Path) -> SimulatedFile:
        """Open and hold."""
        if path in self.held:
            raise BlockingIOError(errno.EWOULDBLOCK, "held")
        file = self.open(path, create=path not in self._names)
        self.held.add(path)
        return SimulatedFile(self, file._inode, locked=path)

    def rename(self, source: Path, target: Path) -> None:
        """Rename."""
        self.step("rename")
        if source not in self._names:
            self._rename_directory(source, target)
            return
        inode = self._names[source]
        if source.parent == target.parent:

            def both(names: Names) -> None:
                names.pop(source, None)
                names[target] = inode

            self._change(source.parent, both, inode)
        else:
            # Two directories: nothing says which of the two changes reaches the disk first.
            self._change(target.parent, lambda names: names.__setitem__(target, inode), inode)
            self._change(source.parent, lambda names: names.pop(source, None))

    def _rename_directory(self, source: Path, target: Path) -> None:
        # One entry moves, from one directory to another; what the directory itself holds does not change.
        within = [one for one in self._pending if one.directory.is_relative_to(source)]
        taken = [path for path in self._names if path.is_relative_to(target)]
        assert not within, "entries of a directory that is renamed must be durable here"
        if taken:
            raise OSError(errno.ENOTEMPTY, "there is another one", str(target))

        def move(names: Names) -> None:
            for path in [path for path in names if path.is_relative_to(source)]:
                names[target / path.relative_to(source)] = names.pop(path)

        self._change(target.parent, move)

    def remove_directory(self, directory: Path) -> None:
        """Remove every file below a directory, each an entry of its own, and then the directory's own entry."""
        for path in [path for path in self._names if path.is_relative_to(directory)]:
            self.remove(path)
        self.step("remove_directory")

        def forget(names: Names) -> None:
            for path in [path for path in names if path.is_relative_to(directory)]:
                del names[path]

        self._change(directory.parent, forget)

    def files(self, directory: Path) -> Sequence[Path]:
        """List everything below a directory."""
        self.step("list")
        # As strings: a campaign asks a hundred thousand times.
        below = f"{str(directory).rstrip('/')}/"
        return sorted(path for path in self._names if str(path).startswith(below))

    def free_bytes(self, directory: Path) -> int:
        """Return what is left."""
        assert directory.is_absolute()
        return 1 << 40 if self.space is None else self.space

    def remove(self, path: Path) -> None:
        """Remove."""
        self.step("remove")
        if path not in self._names:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        self.give_space(len(self._names[path].content))
        self._change(path.parent, lambda names: names.pop(path, None))

    def give_space(self, size: int) -> None:
        """Give bytes back to a limited disk."""
        if self.space is not None:
            self.space += size

    def list(self, directory: Path) -> list[str]:
        """List."""
        self.step("list")
        below = f"{str(directory).rstrip('/')}/"
        names = (str(path).removeprefix(below) for path in self._names if str(path).startswith(below))
        return sorted(name for name in names if "/" not in name)

    def make_directory(self, directory: Path) -> None:
        """Directories of this disk are where files are."""
        self.step("make_directory")
        assert directory.is_absolute()

    def sync_directory(self, directory: Path) -> None:
        """Make the entries of one directory durable, and of no other."""
        assert directory.is_absolute()
        self.step("sync_directory")
        if self.is_lying:
            return
        for pending in self._pending:
            if pending.directory == directory:
                pending.change(self._synced_names)
        self._pending = [pending for pending in self._pending if pending.directory != directory]

    def _change(self, directory: Path, change: Change, inode: Inode | None = None) -> None:
        change(self._names)
        self._pending.append(Pending(directory, change, inode))
