"""Snapshots with anything in any place: what comes of them is a report or a typed error."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import msgspec

from service.legacy.report import table
from service.legacy.snapshot import LegacyError
from tests.legacy.examples import example, recovered, take_over

ROUNDS = 25
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    5.5,
    2**63,
    -(2**70),
    float("nan"),
    float("inf"),
    "",
    "x" * 3000,
    "\ud800",
    "\0\x1b[2J",
    "u1",
    "d1",
    "e1",
    "ada@example.org",
    "2024-01-01",
    "9999-12-31T23:59:59+00:00",
    "0001-01-01T00:00:00+14:00",
    [],
    [[]],
    {},
    {"id": "u1"},
    {"start_pos": 1},
    [1, 2],
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container in a value with each of its keys."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [pair for key, item in inner for pair in ((value, key), *places(item))]


def mutate(content: dict[str, Any], chance: random.Random) -> None:
    """Put something odd into one place, take something away, or call it otherwise."""
    container, key = chance.choice(places(content))
    action = chance.choice(("put", "put", "put", "remove", "rename", "add"))
    if action == "put" or isinstance(container, list):
        container[key] = chance.choice(ODD)
    elif action == "remove":
        del container[key]
    elif action == "rename":
        container[chance.choice(("metadata", "id", "span", "text", "\ud800", "start"))] = container.pop(key)
    else:
        names = ("role", "is_admin", "verdict", "status", "score", "span", "attributes", "source", "comment", "legacy")
        container[chance.choice(names)] = chance.choice(ODD)


async def test_anything_in_any_place_is_reported(tmp_path: Path) -> None:
    """What is imported is whole and can be opened; what is not leaves nothing."""
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"SEED={seed}")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)
    for number in range(int(os.environ.get("ROUNDS", ROUNDS))):
        directory = tmp_path / str(number)
        directory.mkdir()
        content = example()
        for _ in range(chance.randint(1, 4)):
            mutate(content, chance)
        path = directory / "db_snapshot.json"
        path.write_text(json.dumps(content))
        skip_invalid = chance.random() < 0.7
        try:
            report = await take_over(path, skip_invalid=skip_invalid)
        except LegacyError:
            assert [one.name for one in directory.iterdir()] == ["db_snapshot.json"]
            continue
        assert report.imported is (skip_invalid or not report.left_out)
        assert msgspec.json.encode(report)
        assert table(report)
        if report.imported:
            state = await recovered(directory)
            assert state.counts["annotation"] == report.kinds["annotations"].imported
        else:
            assert not (directory / "log").exists()
