"""Fixtures for the tests of the client: a server in this process, one that does as it is told, and clients of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from service.client import Client, RetryPolicy
from tests.harness import PASSWORD, open_app

EMAIL = "anna@example.org"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Pauses:
    """Stands in for waiting, and notes for how long in seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Wait not at all."""
        self.seconds.append(seconds)


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """Give the address of the application in this process, over a new data directory."""
    async with open_app(tmp_path / "data") as app:
        yield str(app.make_url("/"))


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    """Give a client who is logged in."""
    async with Client(url) as client:
        await client.register(EMAIL, PASSWORD, name="Anna")
        await client.login(EMAIL, PASSWORD)
        yield client


@pytest.fixture
def pauses() -> Pauses:
    """Give what stands in for waiting."""
    return Pauses()


@pytest.fixture
async def scripted(pauses: Pauses) -> AsyncIterator[Callable[[Handler], Awaitable[Client]]]:
    """Give a function that serves a handler at every path and returns a client of it, which has three tries."""
    async with AsyncExitStack() as stack:

        async def start(handler: Handler) -> Client:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            server = await stack.enter_async_context(TestServer(app))
            policy = RetryPolicy(tries=3, chance=lambda: 1.0)
            return await stack.enter_async_context(Client(str(server.make_url("")), policy=policy, sleep=pauses))

        yield start
