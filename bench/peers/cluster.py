"""A cluster of PostgreSQL that lives as long as the side that needs it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import ClassVar

from bench.peers.side import Side, program_path

ACCOUNT = "bench"
_DEBIAN_USER = "postgres"


class Cluster(Side):
    """A side that keeps what it has in PostgreSQL."""

    durability: ClassVar[str] = "PostgreSQL: fsync=on, synchronous_commit=on (the defaults)"
    programs: ClassVar[tuple[tuple[str, str], ...]] = (("initdb", "postgresql"), ("postgres", "postgresql"))

    async def start(self) -> None:
        """Make a cluster, and start it and what asks it; as root under the user that Debian made for it."""
        user = _DEBIAN_USER if os.geteuid() == 0 else None
        data = self.folder / "cluster"
        data.mkdir()
        if user is not None:
            self.folder.chmod(0o711)
            shutil.chown(data, user)
        options = ["-D", str(data), "-U", ACCOUNT, "--auth=trust", "--no-sync"]
        self.finish([program_path("initdb") or "", *options], user=user, cwd=data)
        command = [program_path("postgres") or "", "-D", str(data), "-k", str(data), "-h", ""]
        self.run(command, user=user, cwd=data)
        await self.succeeds(lambda: _is_ready(data))
        await self.start_app(data)

    async def start_app(self, data: Path) -> None:
        """Start what asks it, over the socket in a folder."""
        raise NotImplementedError


async def _is_ready(data: Path) -> bool:
    # Its socket is there before it lets anybody in; the last line of this file tells that it does.
    return (data / "postmaster.pid").read_text().rstrip().endswith("ready")
