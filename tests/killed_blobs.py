"""A process that kills itself with SIGKILL on its way from a blob to its record, or from a blob to its removal.

Run as ``python -m tests.killed_blobs DIRECTORY MOMENT``; `MOMENTS` says which there are.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from service.blobs import Blobs
from service.collecting import Collector, Register
from tests.service.test_collecting import NOTHING, Service, opened, pieces
from wal.file_system import RealFileSystem

MOMENTS = ("received", "before the name", "before the directory's sync", "kept", "forgotten", "removed")
KEPT, GONE, NEW = b"kept", b"gone", b"new"


def die() -> None:
    """End at once."""
    os.kill(os.getpid(), signal.SIGKILL)


class Killing(RealFileSystem):
    """Kills the process at a moment, when it concerns a blob."""

    moment = ""

    def rename(self, source: Path, target: Path) -> None:
        """Rename, if nobody dies before."""
        if self.moment == "before the name":
            die()
        super().rename(source, target)
        if self.moment == "before the directory's sync":
            die()

    def remove(self, path: Path) -> None:
        """Remove, and die before or after it."""
        if self.moment == "forgotten":
            die()
        super().remove(path)
        if self.moment == "removed":
            die()


async def run(directory: Path, moment: str) -> None:
    """Do all of it, up to that moment."""
    async with opened(directory, NOTHING) as service:
        files = Killing()
        service.blobs = Blobs(directory / "blobs", reserve_bytes=0, file_system=files)
        await service.document(KEPT)
        gone = await service.document(GONE)
        if moment in ("forgotten", "removed"):
            await _forget(service, gone, files, moment)
        files.moment = moment
        async with service.blobs.receive(pieces(NEW)) as incoming:
            if moment == "received":
                die()
            await incoming.keep()
            die()


async def _forget(service: Service, gone: str, files: Killing, moment: str) -> None:
    register = Register(service.state, service.engine, 10)
    # Nothing is retained, so that the second look forgets what the first one released.
    collector = Collector(service.engine, register, service.blobs, lambda: 2**62)
    await service.delete(gone)
    await collector.look()
    files.moment = moment
    await collector.look()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
