"""The service as a process: what it does with requests when it is stopped or killed."""

from __future__ import annotations

import asyncio
import signal

import aiohttp
import pytest

from tests.harness import PASSWORD, Process

USER = {"email": "anna@example.org", "name": "Anna", "password": PASSWORD}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_refuses_a_body_that_has_not_arrived_and_exits_0(server: Process, number: signal.Signals) -> None:
    """Nobody waits for a slow client, and an idle one is let go."""
    await server.start()
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    idle_reader, idle_writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.2)
    begin = asyncio.get_running_loop().time()
    assert await server.stop(number) == 0
    assert asyncio.get_running_loop().time() - begin < 5
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"/problems/shutting-down" in answer
    assert await idle_reader.read() == b""
    for each in (writer, idle_writer):
        each.close()
        await each.wait_closed()


async def test_what_was_answered_is_there_after_a_kill(server: Process) -> None:
    """And the token goes on."""
    await server.start()
    async with aiohttp.ClientSession() as client:
        assert (await client.post(f"{server.url}/v1/users", json=USER)).status == 201
        login = await client.post(f"{server.url}/v1/sessions", json={"email": USER["email"], "password": PASSWORD})
        headers = {"Authorization": f"Bearer {(await login.json())['token']}"}
        await server.restart()
        async with client.get(f"{server.url}/v1/me", headers=headers) as response:
            assert (await response.json())["name"] == "Anna"
    assert await server.stop() == 0
    assert PASSWORD not in server.stderr
