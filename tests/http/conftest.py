"""Fixtures for the tests of HTTP: the application over an engine that does as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.harness import Member, serve
from tests.http.fake_engine import FakeEngine


@pytest.fixture
def engine() -> FakeEngine:
    """Give the engine."""
    return FakeEngine()


@pytest.fixture
async def caller(engine: FakeEngine) -> AsyncIterator[Member]:
    """Give somebody who is logged in to the application over that engine."""
    async with serve(engine) as client:
        yield Member(client, token="any")
