"""The folder of a drill's data: one's own is kept, a temporary one only if there is something to look at in it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from service.drill.tally import DrillReport


class FolderError(Exception):
    """A folder cannot be used."""


@contextlib.contextmanager
def kept_or_removed(data_dir: Path | None, report: DrillReport) -> Iterator[Path]:
    """Give a folder for a drill; afterwards the report says where it is, if it is still there.

    Args:
        data_dir: Empty or new; None for a temporary one, which is removed unless something was found.
        report: Of the drill.

    Raises:
        FolderError: It cannot be made, or is not empty.
    """
    folder = made(data_dir)
    try:
        yield folder
    finally:
        if data_dir is not None or report.violations:
            report.directory = str(folder)
        else:
            shutil.rmtree(folder)


def made(data_dir: Path | None) -> Path:
    """Return an empty folder.

    Raises:
        FolderError: It cannot be made, or is not empty.
    """
    try:
        if data_dir is None:
            return Path(tempfile.mkdtemp(prefix="annolog-drill-"))
        data_dir.mkdir(parents=True, exist_ok=True)
        found = next(data_dir.iterdir(), None)
    except OSError as error:
        raise FolderError(f"There is no folder for the data: {error}") from error
    if found is not None:
        raise FolderError(f"{data_dir} holds {found.name}, expected an empty folder or a new one.")
    return data_dir.absolute()
