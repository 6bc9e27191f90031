"""Small and failing disks of this machine, mounted for as long as a campaign needs them. Only root may."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.campaigns.sessions import undisturbed

MEGABYTE = 1024 * 1024
_TRIES = 100


def command(*arguments: str | Path) -> str:
    """Run a program and return its output.

    Raises:
        RuntimeError: It failed; the message holds what it said.
    """
    done = subprocess.run([str(one) for one in arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, arguments))} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


@contextlib.contextmanager
def mounted(place: Path, *arguments: str | Path) -> Iterator[Path]:
    """Mount something and let it go again, by force if need be."""
    place.mkdir(exist_ok=True)
    try:
        with undisturbed():
            command("mount", *arguments, place)
        yield place
    finally:
        with undisturbed():
            if place.is_mount():
                _unmount(place)


def _unmount(place: Path) -> None:
    for _ in range(_TRIES):
        with contextlib.suppress(RuntimeError):
            command("umount", place)
            return
        time.sleep(0.05)
    command("umount", "-l", place)


def tmpfs(place: Path, size: int) -> contextlib.AbstractContextManager[Path]:
    """Mount a file system in memory of so many bytes."""
    return mounted(place, "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs")


def format_image(image: Path, size: int) -> None:
    """Make a sparse file with an ext4 file system."""
    with image.open("wb") as file:
        file.truncate(size)
    command("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,nodiscard", image)


def ext4(image: Path, place: Path) -> contextlib.AbstractContextManager[Path]:
    """Mount an image by a loop device, which goes with the mount."""
    return mounted(place, "-t", "ext4", "-o", "loop", image)


def ballast(place: Path, left: int) -> Path:
    """Fill a disk up to so many bytes that are left, with a file that can be removed again."""
    path = place / "ballast"
    with path.open("wb") as file:
        while (more := shutil.disk_usage(place).free - left) > 0:
            try:
                file.write(bytes(min(more, MEGABYTE)))
                file.flush()
            except OSError:
                break
        os.fsync(file.fileno())
    return path
