"""Contents and SIGKILL: what was acknowledged is there, byte for byte, and nothing is left of the rest."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from service.blobs import blob_path
from tests.harness import PASSWORD, Process
from tests.killed_blobs import GONE, KEPT, MOMENTS, NEW
from tests.service.test_collecting import NOTHING, Service

ROOT = Path(__file__).parent.parent
CREDENTIALS = {"email": "ada@example.org", "password": PASSWORD}


def uploads(directory: Path) -> list[Path]:
    """Return what is left of uploads."""
    return list((directory / "blobs").glob("upload-*.tmp"))


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_kill_leaves_a_blob_that_is_named_or_one_that_goes(tmp_path: Path, moment: str) -> None:
    """At each step between an upload and its record, and between a record and its file's removal."""
    command = [sys.executable, "-m", "tests.killed_blobs", str(tmp_path / "data"), moment]
    ended = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    directory = tmp_path / "data"
    is_known = moment not in ("forgotten", "removed")
    names = [hashlib.sha256(data).hexdigest() for data in (KEPT, GONE, NEW)]
    left = [blob_path(directory / "blobs", name).exists() for name in names]
    assert left == [True, moment != "removed", moment in ("before the directory's sync", "kept")]
    assert len(uploads(directory)) == (moment in ("received", "before the name"))
    service = Service(directory, NOTHING)
    await service.open()
    assert uploads(directory) == []
    assert service.known() == (2 if is_known else 1)
    await service.collector.look()
    assert [service.has(data) for data in (KEPT, GONE, NEW)] == [True, is_known, False]
    assert service.collector.status.damaged == 0
    await service.close()


async def test_a_server_that_is_killed_keeps_what_it_acknowledged(server: Process, tmp_path: Path) -> None:
    """And removes at its start what was arriving, and says so."""
    await server.start()
    data = os.urandom(1_500_000)
    async with aiohttp.ClientSession() as session:
        await session.post(f"{server.url}/v1/users", json=CREDENTIALS)
        async with session.post(f"{server.url}/v1/sessions", json=CREDENTIALS) as answer:
            headers = {"Authorization": f"Bearer {(await answer.json())['token']}", "Content-Type": "a/b"}
        documents = []
        for _ in range(2):
            own = {"Authorization": headers["Authorization"]}
            async with session.post(f"{server.url}/v1/documents", json={"title": "t"}, headers=own) as answer:
                documents.append((await answer.json())["id"])
        path = f"/v1/documents/{documents[0]}/content"
        async with session.put(server.url + path, data=io.BytesIO(data), headers=headers) as answer:
            assert answer.status == 201

        async def arriving() -> AsyncIterator[bytes]:
            yield b"x" * 300_000
            while not uploads(server.directory):
                await asyncio.sleep(0.01)
            server.kill()
            yield b"y"

        with pytest.raises(aiohttp.ClientConnectionError):
            await session.put(f"{server.url}/v1/documents/{documents[1]}/content", data=arriving(), headers=headers)
        assert len(uploads(server.directory)) == 1
        await server.start()
        assert uploads(server.directory) == []
        assert "removed uploads that were not finished" in server.stderr
        async with session.get(server.url + path, headers=headers) as answer:
            assert (answer.status, await answer.read()) == (200, data)
        async with session.get(f"{server.url}/v1/documents/{documents[1]}/content", headers=headers) as answer:
            assert answer.status == 404
        async with session.get(f"{server.url}/v1/status", headers=headers) as answer:
            told = (await answer.json())["content"]
        assert (told["damaged"], told["removed"]) == (0, 0)
    assert await server.stop() == 0
