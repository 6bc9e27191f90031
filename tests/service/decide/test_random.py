"""Random commands: whatever was done, a replay and a rebuild agree with the state that did it."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from service.commands import Actor
from service.errors import DomainError
from service.kinds import KINDS
from service.state.state import State
from tests.service.decide.world import World, assert_same, rebuild

COMMANDS = 600
KEYS_MAX = 30


class Player:
    """Does something random, over and over."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = World()
        self.users = [self.world.user(f"{name}@example.org") for name in ("ada", "bob")]
        self.done = 0
        self.refused = 0

    def play(self) -> None:
        """Do one thing; a refusal must leave the state alone."""
        before = self.world.state.digest
        try:
            self.chance.choice((self.create, self.create, self.mark, self.mark, self.mark, self.change, self.remove))()
            self.done += 1
        except DomainError:
            self.refused += 1
            assert self.world.state.digest == before

    def pick(self, kind: str) -> str:
        """Return the id of an entity that is there, or of none."""
        keys = [key for key, _ in self.world.state.tables[kind].items()]
        return self.chance.choice(keys[-KEYS_MAX:]) if keys else self.world.ids.new("doc")

    def actor(self) -> Actor:
        """Return somebody."""
        return self.chance.choice(self.users)

    def create(self) -> None:
        """Create a document, or put one under an id that was there."""
        if self.chance.random() < 0.3:
            self.world.put(self.actor(), "document", self.pick("tombstone"), {"title": "again"})
        else:
            self.world.document(self.actor(), self.chance.choice(("Marie Curie", None)))

    def mark(self) -> None:
        """Create a mark, which may point to others."""
        actor, document = self.actor(), self.pick("document")
        label = self.chance.choice("xyz")
        if self.chance.random() < 0.2:
            self.world.extraction(actor, document, label=label)
        elif self.chance.random() < 0.3:
            targets = [{"role": role, "target": self.pick("annotation")} for role in "ab"]
            self.world.annotation(actor, document, label=label, arguments=targets)
        else:
            self.world.annotation(actor, document, label=label, start=0, end=self.chance.randrange(1, 12))

    def change(self) -> None:
        """Patch something."""
        kind = self.chance.choice(("document", "annotation", "extraction"))
        patches: list[Any] = [{"title": "u"}, {"text": "new"}, {"label": "w"}, {"status": "accepted"}, {"end": 3}]
        self.world.update(self.actor(), kind, self.pick(kind), self.chance.choice(patches))

    def remove(self) -> None:
        """Delete something."""
        kind = self.chance.choice(("document", "annotation", "annotation", "extraction"))
        self.world.delete(self.actor(), kind, self.pick(kind), cascade=self.chance.random() < 0.5)


@pytest.mark.parametrize("seed", range(3))
def test_a_replay_of_the_changes_gives_the_same_state(seed: int) -> None:
    """The same digest, counts, lists and look-ups, and those of a state that never knew what was deleted."""
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    player = Player(seed)
    for _ in range(COMMANDS):
        player.play()
    assert player.done > COMMANDS // 4
    assert player.refused > COMMANDS // 20
    replayed = State(KINDS)
    for place, changes in enumerate(player.world.records):
        replayed.apply(place + 1, 0, changes)
    assert_same(player.world.state, replayed)
    rebuilt = rebuild(player.world.state)
    assert_same(player.world.state, rebuilt)


@pytest.mark.parametrize("seed", range(3))
def test_pages_stay_right_while_data_changes(seed: int) -> None:
    """What is there from the first page to the last is shown once, in either direction."""
    print(f"seed {seed}")  # noqa: T201 - as above
    player = Player(seed)
    for descending in (False, True):
        for _ in range(100):
            player.play()
        table = player.world.state.tables["annotation"]
        at_first = {key for key, _ in table.items()}
        seen: list[str] = []
        after: int | None = None
        while True:
            page = list(zip(range(3), table.walk(table.select({}), after, descending=descending), strict=False))
            if not page:
                break
            seen += [msgspec.json.decode(value)["id"] for _, (_, value) in page]
            after = page[-1][1][0]
            player.play()
        assert len(seen) == len(set(seen))
        assert at_first & {key for key, _ in table.items()} <= set(seen)
