"""A sample of each campaign that needs nothing but this project, and the frame that runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.campaigns import __main__ as command
from tests.campaigns import compaction_kills
from tests.campaigns.campaign import ROOT, Campaign, Result, Task


def test_kills_of_compactions_find_nothing() -> None:
    """A few of them; the full size is `make drill`'s."""
    result = compaction_kills.CAMPAIGN.run(Task(3, 5, lambda _: None))
    assert (result.states, result.findings) == (3, [])


@pytest.mark.parametrize(
    ("findings", "needs", "code", "told"),
    [
        ([], (), 0, "nothing lost in 7 states"),
        (["seed 3: key7 is gone"], (), 1, "1 FOUND"),
        ([], ("no-such-program",), 2, "not run: needs no-such-program"),
    ],
)
def test_what_came_of_campaigns_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    findings: list[str],
    needs: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    """As a table, as JSON, and by the exit code; nothing is left out silently."""
    asked: list[Task] = []

    def run(task: Task) -> Result:
        asked.append(task)
        return Result(task.size, findings, {"changes": 12345, "by call": {"write": 3}, "worst": 0.25})

    campaign = Campaign("one", "nothing lost in {states} states", 70, run, needs)
    monkeypatch.setattr(command, "CAMPAIGNS", (campaign,))
    done = CliRunner().invoke(command.main, ["--share", "0.1", "--seed", "5", "--report", str(tmp_path)])
    assert (done.exit_code, told in done.output) == (code, True), done.output
    assert [(task.size, task.seed) for task in asked] == ([] if needs else [(7, 5)])
    (found,) = json.loads((tmp_path / "campaigns.json").read_text())
    assert found["missing"] == list(needs)
    assert all(finding in done.output for finding in findings)
    assert needs or "{'write': 3} by call, 12,345 changes, 0.25 worst" in done.output


def test_a_campaign_knows_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs, and the administrator's rights."""
    campaign = Campaign("one", "", 1, lambda task: Result(task.size, []), (ROOT, "sh", "no-such-program"))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert campaign.missing() == [ROOT, "no-such-program"]
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert campaign.missing() == ["no-such-program"]
