"""Fixtures for everybody: the service in this process, its users, and the service as a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.harness import Client, Member, Process, open_app


@pytest.fixture
async def app_client(tmp_path: Path) -> AsyncIterator[Client]:
    """Give a client of the application in this process, over a new data directory."""
    async with open_app(tmp_path / "data") as client:
        yield client


@pytest.fixture
def anybody(app_client: Client) -> Member:
    """Give somebody who is not logged in."""
    return Member(app_client)


@pytest.fixture
async def admin(anybody: Member) -> Member:
    """Give the first user, who is an administrator."""
    return await anybody.join("admin@example.org")


@pytest.fixture
async def anna(admin: Member, anybody: Member) -> Member:
    """Give a member."""
    return await anybody.join("anna@example.org")


@pytest.fixture
async def bert(admin: Member, anybody: Member) -> Member:
    """Give another member."""
    return await anybody.join("bert@example.org")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    """Give the service as a process, not started yet, over a new data directory."""
    process = Process(tmp_path / "data")
    yield process
    process.close()
