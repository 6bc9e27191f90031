"""What a driver said against what is there: what is missing, foreign or changed is found."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from tests.campaigns.driver import Plan, value_of
from tests.campaigns.errno_sweep import effects
from tests.campaigns.guest_kernel import init_script
from tests.campaigns.injection import spread
from tests.campaigns.judging import Said, broken_end, judge, recovered, said
from tests.campaigns.served import wrong_titles
from tests.campaigns.sessions import members, run

BASE = {"old": b"1"}
TOLD = Said([("put", "a"), ("put", "b"), ("delete", "old"), ("put", "c")], 2, [])


def state(*keys: str, **others: bytes) -> dict[str, bytes]:
    """Return a state with these keys."""
    return {key: value_of(key, 180) for key in keys} | others


@pytest.mark.parametrize(
    "found",
    [state("a", "b", old=b"1"), state("a", "b"), state("a", "b", "c")],
    ids=["what is durable", "one more", "all"],
)
def test_each_state_from_what_is_durable_on_is_right(found: dict[str, bytes]) -> None:
    """Whether what was not acknowledged is there, nobody knows."""
    assert judge(BASE, TOLD, found) is None


@pytest.mark.parametrize(
    "found",
    [
        state("a", old=b"1"),
        state("b", old=b"1"),
        state("a", "b", "c", old=b"1"),
        state("a", "b", "z", old=b"1"),
        state("a", old=b"1", b=b'"other"'),
        state("a", "b", old=b"2"),
        {},
    ],
    ids=["lost", "a hole", "out of order", "foreign", "another value", "a changed base", "nothing"],
)
def test_anything_else_is_found(found: dict[str, bytes]) -> None:
    """Lost, out of order, never appended, or not what it was."""
    assert judge(BASE, TOLD, found) is not None


def test_a_line_that_was_cut_was_not_said() -> None:
    """The process died within it."""
    told = said("open 0\nput a\nput b\ndurable 1\ndurable 2")
    assert told == Said([("put", "a"), ("put", "b")], 1, ["open 0"])


@pytest.mark.parametrize(
    ("code", "errors", "killed", "is_broken"),
    [
        (0, "", False, False),
        (1, "", False, False),
        (5, "", False, False),
        (-9, "", True, False),
        (-9, "", False, True),
        (4, "", False, True),
        (None, "", True, True),
        (1, "Traceback (most recent call last):", False, True),
        (0, "Task exception was never retrieved", False, True),
    ],
)
def test_only_the_documented_ends_are_right(code: int | None, errors: str, killed: bool, is_broken: bool) -> None:
    """A hang, damage after a mere fault, and a traceback are findings."""
    assert (broken_end(code, errors, killed=killed) is not None) == is_broken


def test_a_server_must_list_all_that_it_acknowledged_once() -> None:
    """And nothing that nobody asked for."""
    assert wrong_titles(["a", "b"], ["a", "b", "c"], ["a"]) is None
    for found in (["b"], ["a", "z"], ["a", "a"]):
        assert wrong_titles(found, ["a", "b"], ["a"]) is not None


def test_an_interrupted_call_is_not_interrupted_for_ever() -> None:
    """It is repeated by Python, so that this would be an endless loop; every other error comes once and for good."""
    assert ("error=EINTR", "+") not in effects()
    assert {("error=EINTR", ""), ("error=EINTR", ".."), ("error=EIO", ""), ("error=EIO", "+")} <= set(effects())
    assert len(effects()) == 14


def test_a_sample_is_spread_over_all_and_a_larger_size_repeats() -> None:
    """Each n-th, or each more than once."""
    assert spread(range(10), 5) == [0, 2, 4, 6, 8]
    assert sorted(spread(range(3), 6)) == [0, 0, 1, 1, 2, 2]


def test_a_guest_cannot_write_the_files_of_the_host() -> None:
    """Its own disk is mounted, the clock set as asked, and the driver's plan quoted."""
    script = init_script(Plan(steps=("load",)), [12, 7])
    assert "mount -t ext4 /dev/ubda /mnt" in script
    assert script.index("date -s @12") < script.index("date -s @7")
    assert """'{"steps":["load"]""" in script


def test_an_honest_driver_is_judged_right_and_a_liar_is_caught(tmp_path: Path) -> None:
    """The liar never waits, and dies before the log has written anything; nothing of either is left running."""
    for early, steps in ((False, ("append:25",)), (True, ("append:25", "die"))):
        place = tmp_path / str(early)
        place.mkdir()
        plan = Plan(steps=steps, early=early)
        if early:
            stopped = place / "launcher"
            # A writer that says that it is ready, and then never writes.
            program = "import socket, sys, time; s = socket.socket(fileno=int(sys.argv[4])); s.sendall(bytes(4)); "
            stopped.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{program}time.sleep(60)' \"$@\"\n")
            stopped.chmod(0o700)
            plan = msgspec.structs.replace(plan, traced="writer", launcher=str(stopped))
        arguments = [str(place / "data"), msgspec.json.encode(plan).decode()]
        command = [sys.executable, "-m", "tests.campaigns.driver", *arguments]
        ended = run(command, place, 30)
        told = said(ended.output)
        assert ended.code == (-9 if early else 0), ended
        assert told.durable == len(told.changes) > 0
        assert (judge({}, told, recovered(place / "data")) is not None) == early
        assert not members(ended.session)
