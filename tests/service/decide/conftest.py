"""What decisions are made over."""

from __future__ import annotations

import pytest

from service.commands import Actor
from tests.service.decide.team import Team
from tests.service.decide.world import World


@pytest.fixture
def world() -> World:
    """Return an empty state."""
    return World()


@pytest.fixture
def ada(world: World) -> Actor:
    """Return the first user, who is admin."""
    return world.user("ada@example.org")


@pytest.fixture
def bob(world: World, ada: Actor) -> Actor:
    """Return a member."""
    return world.user("bob@example.org")


@pytest.fixture
def team() -> Team:
    """Return one with a project and a document."""
    return Team()
