"""A sample of each campaign that needs nothing but this process, and that each of them notices what it looks for."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.campaigns import cut, errors, flip, power, sectors
from tests.campaigns.__main__ import carry_out, exit_code, lines, main
from tests.campaigns.campaign import Campaign, Result, Task
from tests.campaigns.directory import CRASHED, known
from tests.campaigns.harm import Harm, SameState, examine
from tests.campaigns.life import Life
from tests.campaigns.simulation import InlineWriter, StuckError, simulate
from tests.campaigns.sweep import Tally, spread
from wal.file_system import File
from wal.writer import Done

SAMPLES = [
    (cut.CAMPAIGN, 400),
    (flip.CAMPAIGN, 400),
    (sectors.CAMPAIGN, 400),
    (power.CAMPAIGN, 500),
    (errors.CAMPAIGN, 60),
]


@pytest.mark.parametrize(("campaign", "size"), SAMPLES, ids=[campaign.name for campaign, _ in SAMPLES])
def test_a_sample_finds_nothing(campaign: Campaign, size: int) -> None:
    """Of every campaign on simulated disks; the whole of them is `make drill`."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    result = campaign.run(Task(size, seed, lambda _: None))
    assert result.states > size // 4
    assert result.findings == []


@pytest.mark.parametrize("module", [cut, flip, sectors])
def test_the_full_size_is_the_whole_enumeration(module: object) -> None:
    """Nothing of it is left out."""
    assert module.CAMPAIGN.full >= module.total() > 0.98 * module.CAMPAIGN.full  # type: ignore[attr-defined]


def test_harm_that_is_not_noticed_is_a_finding() -> None:
    """A state that differs from the one that must be there, and a refusal where there must be none."""
    of = known(CRASHED)
    zeros = {of.tail: of.files[of.tail][:4096].ljust(len(of.files[of.tail]), b"\0")}
    rotten = {of.snapshot: bytes(len(of.files[of.snapshot]))}
    for changed, must in ((zeros, None), (zeros, SameState(None)), (rotten, SameState(None)), ({}, SameState(False))):
        tally = Tally()
        examine(Harm(of, changed, "harm"), must, tally)
        assert tally.findings


class HastyWriter(InlineWriter):
    """A writer that never syncs."""

    def write(self, file: File, offset: int, data: bytes, done: Done) -> None:
        """Write, and say that it is durable."""
        self.run(lambda: file.write_at(offset, data), done)


class StubbornWriter(InlineWriter):
    """A writer that tries a failed sync again."""

    def write(self, file: File, offset: int, data: bytes, done: Done) -> None:
        """Write, sync, and sync again."""

        def job() -> None:
            file.write_at(offset, data)
            try:
                file.sync()
            except OSError as error:
                self.failed = error
                file.sync()

        self.run(job, done)


def test_a_writer_that_never_syncs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it acknowledged is lost in a power cut."""
    monkeypatch.setattr(Life, "new_writer", HastyWriter)
    assert any("was acknowledged" in finding for finding in power.check_some(1, [0], 300).findings)


def test_a_writer_that_tries_a_failed_sync_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It acknowledges after the failure."""
    monkeypatch.setattr(Life, "new_writer", StubbornWriter)
    faults = errors.faults_of_life("1/0")
    syncs = [place for place, fault in enumerate(faults) if fault.operation == "sync" and not fault.is_lasting]
    found = errors.check(1, syncs[::5]).findings
    assert any("acknowledged after" in finding for finding in found)


def test_a_run_is_the_same_each_time() -> None:
    """So that a finding can be seen again by its seed and place."""
    first, second = (power.watch("1/0") for _ in range(2))
    assert first.life.disk.operations == second.life.disk.operations
    assert first.life.digests == second.life.digests
    contents = [{path: bytes(one.content) for path, one in of.life.disk._names.items()} for of in (first, second)]
    assert contents[0] == contents[1]


def test_a_simulation_notices_that_nothing_will_happen_any_more() -> None:
    """A wait that nothing ends is an error, not a hang."""
    with pytest.raises(StuckError):
        simulate(asyncio.Event().wait())


@pytest.mark.parametrize(("total", "size"), [(10, 3), (10, 10), (3, 10), (1, 1)])
def test_a_sample_is_spread_over_everything(total: int, size: int) -> None:
    """Without doubles, and never more than there is."""
    places = spread(total, size)
    assert len(places) == len(set(places)) == min(total, size)
    assert set(places) <= set(range(total))


def test_the_command_writes_a_report_and_goes_to_a_place(tmp_path: Path) -> None:
    """Markdown and JSON, with the states, the seed and the outcome."""
    arguments = ["--only", "sectors", "--place", "0", "--place", "700", "--seed", "5", "--report", str(tmp_path)]
    outcome = CliRunner().invoke(main, arguments)
    assert outcome.exit_code == 0, outcome.output
    assert "| sectors | 2 |" in (tmp_path / "campaigns.md").read_text()
    assert b'"seed": 5' in (tmp_path / "campaigns.json").read_bytes()


def test_a_campaign_that_fails_itself_is_told() -> None:
    """With where, and how to see it again; those after it run, and the exit code is that of a finding."""

    def fails(_: Task) -> Result:
        message = "nobody thought of this"
        raise RecursionError(message)

    fine = Campaign("fine", "{states} are fine", 3, lambda task: Result(task.size, []))
    found = [carry_out(campaign, 3, 7) for campaign in (Campaign("broken", "never", 3, fails), fine)]
    told = "\n".join(lines(found))
    assert exit_code(found) == 1
    assert "| broken | - | 0 | 7 | FAILED ITSELF |" in told
    assert "nobody thought of this" in told
    assert "(again: --only broken --seed 7)" in told
    assert "3 are fine" in told
    assert exit_code(found[1:]) == 0
