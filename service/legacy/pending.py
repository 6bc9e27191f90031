"""A snapshot of the proof of concept that waits in a data directory: nothing is started beside it unasked."""

from __future__ import annotations

import shlex
from pathlib import Path

from wal.file_system import ReadOnlyFileSystem
from wal.staging import occupants

SNAPSHOT_NAME = "db_snapshot.json"
EXIT_UNIMPORTED = 7


class UnimportedError(Exception):
    """The data directory holds the proof of concept's snapshot and no log."""


def refuse_unimported(directory: Path, config: Path | None = None) -> None:
    """Make sure that a data directory holds no snapshot that was not imported.

    Args:
        directory: The data directory.
        config: A file of settings that was given, for the command that is named.

    Raises:
        UnimportedError: It does; the message names the command to run.
    """
    path = directory.absolute() / SNAPSHOT_NAME
    if not path.exists() or occupants(ReadOnlyFileSystem(), path.parent):
        return
    command = ["annolog", "import", "legacy", str(path), "--data-dir", str(path.parent)]
    if config is not None:
        command += ["--config", str(config)]
    raise UnimportedError(
        f"{path} is a snapshot of the proof of concept, and there is no log beside it. Import it with\n"
        f"  {shlex.join(command)}\n"
        "or move it away to begin with an empty database. Nothing was changed."
    )
