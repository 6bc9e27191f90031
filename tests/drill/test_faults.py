"""The table of faults: names, needs, and what is said when a machine lacks something."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.drill import faults, strace
from service.drill.faults import FAULTS, Fault, Need, UnavailableFaultError, UnknownFaultError
from service.drill.scene import Scene

DOCS = Path(__file__).parent.parent.parent / "docs" / "drill.md"


async def unstruck(scene: Scene) -> None:
    """Do nothing."""


async def missing() -> str:
    """Tell what a machine lacks."""
    return "a second moon is not installed: install moon"


async def test_a_fault_that_is_not_known_is_refused_by_name() -> None:
    """And those that are known are named; a disk that lies is none of them."""
    with pytest.raises(UnknownFaultError, match=r"'lying-disk' found, expected one or more of kill, .*, or all"):
        await faults.chosen("kill,lying-disk")
    with pytest.raises(UnknownFaultError, match="nothing found"):
        await faults.chosen(" , ")


async def test_faults_are_taken_in_the_order_in_which_they_are_named() -> None:
    """Each once: the seed draws from that list."""
    assert [fault.name for fault in await faults.chosen("term, kill,term")] == ["term", "kill"]


async def test_a_fault_that_cannot_be_injected_is_refused_with_the_reason() -> None:
    """It is never left out in silence."""
    fault = Fault("eclipse", "no light", unstruck, frozenset({0}), needs=(Need("a moon", missing),))
    assert await faults.unavailable([fault, FAULTS["kill"]]) == {
        "eclipse": "a second moon is not installed: install moon"
    }


async def test_without_strace_its_faults_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each by its name, with what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableFaultError, match="sync-error: strace is not installed: install the package strace"):
        await faults.chosen("kill,sync-error")
    assert "install" in await strace.why_not()


async def test_the_faults_of_a_plain_drill_need_no_more_than_linux() -> None:
    """Who asks for none in particular gets a drill on every Linux."""
    assert {fault.name for fault in await faults.chosen(faults.DEFAULT)} == {
        name for name, fault in FAULTS.items() if set(fault.needs) <= {faults.LINUX}
    }


def test_every_fault_is_explained() -> None:
    """The documentation has a row for each."""
    text = DOCS.read_text()
    assert [name for name in FAULTS if f"| `{name}` |" not in text] == []
