"""Looking at blobs: each is what its name tells, and what is known is there."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.blob_check import BlobReport, check_blobs, known_blobs
from service.blobs import blob_path
from service.log_cli import log_group
from tests.service.test_collecting import opened, pieces
from wal.errors import DamagedError

DATA = os.urandom(1_200_000)


def path_of(directory: Path, data: bytes) -> Path:
    """Return where a blob lies."""
    return blob_path(directory / "blobs", hashlib.sha256(data).hexdigest())


async def make(directory: Path) -> None:
    """Store blobs before and behind a snapshot; one is forgotten, one was never known."""
    async with opened(directory) as service:
        await service.document(DATA)
        gone = await service.document(b"gone")
        await service.delete(gone)
        await service.collector.look()
        for _ in range(2):
            await service.compact()
        await service.collector.look()
        await service.document(b"later")
        async with service.blobs.receive(pieces(b"orphan")) as incoming:
            await incoming.keep()


async def test_all_blobs_are_read_and_compared(tmp_path: Path) -> None:
    """Those that the snapshot knows and those of the log; a file that nothing is known of is counted alone."""
    await make(tmp_path)
    read: list[str] = []
    report = check_blobs(tmp_path, read.append)
    assert report == BlobReport(2, len(DATA) + len(b"later"), 1)
    assert {path_of(tmp_path, data) for data in (DATA, b"later", b"orphan")} == {
        blob_path(tmp_path / "blobs", name) for name in read
    }
    assert known_blobs(tmp_path).keys() == {hashlib.sha256(data).hexdigest() for data in (DATA, b"later")}
    told = CliRunner().invoke(log_group, ["verify", str(tmp_path)])
    assert (told.exit_code, "2 blobs with 1200005 bytes, and 1 that" in told.output) == (0, True), told.output


@pytest.mark.parametrize("data", [DATA, b"later"])
@pytest.mark.parametrize("harm", ["bit", "short", "missing"])
async def test_damage_is_told_with_its_file(tmp_path: Path, data: bytes, harm: str) -> None:
    """A bit, a byte less, a file less: exit code 4. Of what is not known nothing is expected."""
    await make(tmp_path)
    path_of(tmp_path, b"orphan").write_bytes(b"anything")
    check_blobs(tmp_path)
    path = path_of(tmp_path, data)
    if harm == "bit":
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    elif harm == "short":
        os.truncate(path, len(data) - 1)
    else:
        path.unlink()
    with pytest.raises(DamagedError, match=path.name):
        check_blobs(tmp_path)
    told = CliRunner().invoke(log_group, ["verify", str(tmp_path)])
    assert (told.exit_code, str(path) in told.output) == (4, True)
    path.write_bytes(data)
    assert check_blobs(tmp_path).blobs == 2


async def test_what_is_forgotten_while_it_looks_is_no_damage(tmp_path: Path) -> None:
    """The file goes after the record that forgets it: asked again, nothing is known of it."""
    loop = asyncio.get_running_loop()
    # The one that is read first stays.
    stays, goes = sorted((b"one", b"two"), key=lambda data: hashlib.sha256(data).digest())
    async with opened(tmp_path) as service:
        await service.document(stays)
        await service.delete(await service.document(goes))
        await service.collector.look()
        for _ in range(2):
            await service.compact()

        def collect(_: str) -> None:
            asyncio.run_coroutine_threadsafe(service.collector.look(), loop).result()

        assert service.has(goes)
        report = await asyncio.to_thread(check_blobs, tmp_path, collect)
        assert not service.has(goes)
        assert report == BlobReport(1, len(stays), 0)
