"""Whole drills of real processes with team work: a sound server passes, and each defect of a broken one is found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.drill.test_drill import drill, left

TEAM = ("--mix", "team", "--faults", "kill", "--clients", "8", "--seconds", "1.2")


def test_a_sound_server_passes_with_every_kind_of_work(tmp_path: Path) -> None:
    """Three rounds over one directory, so that projects are worked on after a restart."""
    report = tmp_path / "report"
    ended = drill(tmp_path, *TEAM, "--rounds", "3", "--report", str(report))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert left(tmp_path) == []
    rounds = json.loads((report / "drill.json").read_text())["rounds"]
    for one in rounds:
        assert one["acknowledged"] > 20
        assert one["retried"] > 20


@pytest.mark.parametrize(
    ("defect", "sort"),
    [
        ("halved", "half done"),
        ("undecided", "(half done|lost)"),
        ("overlooked", "half done"),
        ("partial", "half done"),
        ("resident", "access"),
        ("revived", "access"),
        ("generous", "given too often"),
        ("speechless", "lost"),
        ("boastful", "index"),
        ("forgetful", "answer changed"),
    ],
)
def test_a_broken_server_is_found(tmp_path: Path, defect: str, sort: str) -> None:
    """By the sort of promise that it breaks, whatever else comes of it."""
    ended = drill(tmp_path, *TEAM, "--rounds", "5", defect=defect)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert re.search(f"VIOLATION, {sort}: ", ended.stdout), ended.stdout
