"""What a round finds besides the history: damage in the files, and complaints of a fault."""

from __future__ import annotations

import ast
import asyncio
import itertools
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.drill import strikes
from service.drill.load import Load
from service.drill.round import inspected
from service.drill.scene import Scene
from service.drill.server_process import ServerProcess
from service.drill.violation import Broken
from tests.harness import open_engine
from tests.test_tidy import ROOT, imported

PURE = ("history", "violation", "timeline", "ledger", "answers", "checker", "known", "reading", "tally", "figures")
PURE_OF_TEAMS = (
    *("history", "people", "place", "record", "look", "marks", "projects", "giving", "access", "indexes", "showings"),
    *("refusals", "judge"),
)


async def test_damage_in_the_log_is_a_violation(tmp_path: Path) -> None:
    """One bit of a sealed segment; before that nothing is found."""
    directory = tmp_path / "data"
    async with open_engine(directory):
        pass
    assert inspected(directory) == []
    (segment,) = (directory / "log").glob("*.wal")
    with segment.open("r+b") as file:
        byte = file.read(1)[0]
        file.seek(0)
        file.write(bytes([byte ^ 1]))
    (found,) = inspected(directory)
    assert found.broken is Broken.LOG
    assert str(segment) in found.says


def test_a_directory_without_a_log_is_a_violation(tmp_path: Path) -> None:
    """A server that runs has one."""
    assert [one.broken for one in inspected(tmp_path)] == [Broken.LOG]


_ASLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Return a scene without clients, and a process that is called the server and does nothing."""

    async def compact() -> None:
        """Do nothing."""

    load = Load([], lambda: 1.5, itertools.count(1))
    server = ServerProcess(tmp_path, _ASLEEP)
    server.spawn()
    yield Scene(server, load, random.Random(1), 0.01, compact, lambda: 2.5)
    server.kill()


async def test_writes_that_do_not_come_back_are_a_complaint(scene: Scene) -> None:
    """With what came before."""
    await scene.must_acknowledge(0.05, "a pause")
    assert scene.complaints == ["No write was acknowledged within 0.05 s after a pause."]


def test_a_process_that_is_gone_cannot_be_signalled(scene: Scene) -> None:
    """Nor one that never was."""
    assert not scene.signal_process(None, signal.SIGKILL)
    assert not scene.signal_process(2**22 + 1, signal.SIGKILL)


@pytest.mark.parametrize("module", [*PURE, *(f"team/{one}" for one in PURE_OF_TEAMS)])
def test_the_judge_does_no_io(module: str) -> None:
    """It reads no clock and no file, and knows no loop."""
    path = ROOT / "service" / "drill" / f"{module}.py"
    assert ast.parse(path.read_text())
    foreign = {"asyncio", "aiohttp", "os", "time", "pathlib", "subprocess", "service.client", "wal"}
    assert not {name for name in imported(path) if name in foreign or name.partition(".")[0] in foreign}


async def test_what_is_stopped_goes_on_when_the_drill_is_interrupted(scene: Scene) -> None:
    """A stopped writer would stay for ever: it cannot notice that its server has ended."""
    pid = scene.server.process.pid
    pausing = asyncio.create_task(strikes.pause(scene))
    while _state(pid) != "T":
        await asyncio.sleep(0.01)
    pausing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pausing
    await asyncio.sleep(0.05)
    assert _state(pid) != "T"


async def test_only_the_server_and_its_children_are_signalled(scene: Scene) -> None:
    """A number that another process has by now is left alone."""
    with subprocess.Popen(_ASLEEP) as other:
        assert not scene.signal_process(other.pid, signal.SIGKILL)
        assert other.poll() is None
        other.terminate()
    assert scene.signal_process(scene.server.process.pid, signal.SIGKILL)
    assert await scene.server.ended() == -signal.SIGKILL


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
