"""Directories that were used, made once."""

from __future__ import annotations

import asyncio

import pytest

from tests.wal.damaged import World, made


@pytest.fixture(scope="session")
def compacted() -> World:
    """Return a directory with archive and snapshots, which was shut down."""
    return asyncio.run(made(compactions=4))


@pytest.fixture(scope="session")
def plain() -> World:
    """Return a directory with segments only, which was shut down."""
    return asyncio.run(made(compactions=0))


@pytest.fixture(scope="session")
def crashed() -> World:
    """Return a directory with archive and snapshots, whose tail was never sealed."""
    return asyncio.run(made(compactions=3, close=False))
