"""The report: figures, the smallest history, and a page that needs nothing else."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from service.drill.cli import EXIT_INTERRUPTED, EXIT_VIOLATION, exit_code
from service.drill.report import HTML_NAME, JSON_NAME, outcome, table, told, write
from service.drill.tally import DrillReport, RoundReport
from service.drill.violation import Broken, violation
from tests.drill.story import ANNOTATION, Story, entity_of, judged


def reported(rounds: list[RoundReport]) -> DrillReport:
    """Return the report of a drill of these rounds."""
    return DrillReport(
        seed=7,
        clients=3,
        seconds=1.0,
        faults=["kill", "term"],
        command="annolog drill --seed 7",
        began="2026-11-25T00:00:00+00:00",
        version="0.1.0",
        machine="<machine>",
        rounds_planned=len(rounds),
        rounds_per_directory=2,
        seconds_in_all=6.0,
        rounds=rounds,
        throughput=[0, 4, 8, 0, 2],
    )


def finished(number: int, fault: str, recovery_seconds: float, story: Story | None = None) -> RoundReport:
    """Return a round, with what is broken about its history."""
    one = RoundReport(number=number, fault=fault, struck_at=float(number), ready_at=number + 0.5)
    one.recovery_seconds = recovery_seconds
    if story is not None:
        one.count(story.operations)
        one.judge(judged(story))
    return one


@pytest.fixture
def lost() -> Story:
    """Return a history in which one of two acknowledged annotations is gone."""
    story = Story()
    kept = story.create("ann_2")
    story.create()
    story.create("ann_3", answer=None)
    story.survey(entity_of(kept))
    return story


def test_the_figures_are_those_of_each_fault_and_of_all(lost: Story) -> None:
    """Counts are added up; of the recoveries median and maximum are told."""
    report = reported([finished(1, "kill", 0.2, lost), finished(2, "term", 0.4), finished(3, "kill", 0.6)])
    kill, term, both = report.totals()
    assert (kill.fault, kill.rounds, kill.acknowledged, kill.lost) == ("kill", 2, 2, 1)
    assert (term.fault, term.rounds, term.lost, both.rounds) == ("term", 1, 0, 3)
    assert (both.recovery_seconds_median, both.recovery_seconds_max) == (0.4, 0.6)
    header, *rows = table(report).splitlines()
    assert len({len(row) for row in (header, *rows)}) == 1
    assert rows[0].split()[:4] == ["kill", "2", "2", "2"]


def test_requests_are_counted_by_what_became_of_them(lost: Story) -> None:
    """Acknowledged, unanswered, kept."""
    one = finished(1, "kill", 0.2, lost)
    assert (one.acknowledged, one.unacknowledged, one.kept, one.read) == (2, 1, 0, 1)


def test_the_smallest_history_of_each_sort_is_told(lost: Story) -> None:
    """With what was sent, what was answered, and how many more there are."""
    found = judged(lost)
    larger = violation(Broken.LOST, "ann_9", "x", lost.operations)
    lines = list(told([larger, *found]))
    assert lines[0] == f"VIOLATION, lost: {ANNOTATION}: It was there, nobody deleted it, and it is gone."
    assert re.search(r"#2 2\.0000 s, c0: create annotations; stamp s2; key k2; -> 201 ann_1 version 1", lines[1])
    assert lines[-1] == "And 1 more of these sorts; --report writes all of them."


class Links(HTMLParser):
    """Collects elements and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        self.links += [value or "" for name, value in attributes if name in ("href", "src", "action", "data")]


def test_the_page_needs_no_script_and_no_other_file(lost: Story, tmp_path: Path) -> None:
    """A drawing, two tables, the history of what is broken; what comes from outside is escaped."""
    report = reported([finished(1, "kill", 0.2), finished(2, "kill", 0.3, lost)])
    _, html_path = write(report, tmp_path / "new" / "folder")
    text = html_path.read_text()
    page = Links()
    page.feed(text)
    assert page.links == []
    assert "script" not in page.tags
    assert "url(" not in text
    assert (page.tags.count("svg"), page.tags.count("table")) == (1, 2)
    assert "2 violations" in text
    assert "&lt;machine&gt;" in text
    assert "create annotations; stamp s2" in text


def test_the_drawing_marks_each_fault_and_each_recovery(tmp_path: Path) -> None:
    """With the moment and the seconds in their titles."""
    report = reported([finished(1, "kill", 0.2), finished(2, "term", 0.3)])
    text = write(report, tmp_path)[1].read_text()
    assert "<title>round 1: kill at 1.00 s</title>" in text
    assert "<title>round 2: ready after 0.30 s</title>" in text


def test_the_json_holds_everything(lost: Story, tmp_path: Path) -> None:
    """Rounds, totals, and violations with their operations."""
    write(reported([finished(1, "kill", 0.2, lost)]), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {JSON_NAME, HTML_NAME}
    members = json.loads((tmp_path / JSON_NAME).read_text())
    assert (members["seed"], members["totals"][0]["lost"]) == (7, 1)
    assert members["rounds"][0]["violations"][0]["broken"] == "lost"
    assert members["rounds"][0]["violations"][0]["operations"][0]["stamp"] == "s2"


def test_an_interrupted_drill_tells_how_far_it_came(tmp_path: Path) -> None:
    """And in which rounds not every key was sent again, because their directory's last round did not come."""
    report = reported([finished(number, "kill", 0.2) for number in (1, 2, 3)])
    report.rounds[1].complete = True
    report.rounds_planned, report.interrupted = 9, "SIGTERM"
    said = "Interrupted (SIGTERM): 3 of 9 rounds were decided. Of round 3 everything was looked at"
    lines = list(outcome(report, "annolog drill"))
    assert any(line.startswith(said) for line in lines)
    assert lines[-1].startswith("So far all is well")
    assert said in write(report, tmp_path)[1].read_text()
    report.rounds[1].complete = False
    assert "Of rounds 1 to 3 everything" in "".join(outcome(report, "annolog drill"))
    report.rounds[2].complete = True
    assert "a sample" not in "".join(outcome(report, "annolog drill"))


def test_an_interrupted_drill_that_found_something_says_so(lost: Story) -> None:
    """By its exit code too; the interruption comes second."""
    report = reported([finished(1, "kill", 0.2, lost)])
    report.rounds_planned, report.interrupted, report.directory = 9, "SIGTERM", "kept-folder"
    lines = "\n".join(outcome(report, "annolog drill --again"))
    assert "1 of 9 rounds were decided" in lines
    assert "VIOLATION, lost" in lines
    assert "kept in kept-folder" in lines
    assert "annolog drill --again" in lines
    assert "well" not in lines
    assert exit_code(report, EXIT_INTERRUPTED) == EXIT_VIOLATION
    assert exit_code(reported([]), EXIT_INTERRUPTED) == EXIT_INTERRUPTED


def test_a_drill_without_a_whole_round_claims_nothing(tmp_path: Path) -> None:
    """Neither on the terminal nor on the page."""
    report = reported([])
    report.rounds_planned, report.interrupted = 9, "SIGINT"
    assert "well" not in "".join(outcome(report, "annolog drill"))
    text = write(report, tmp_path)[1].read_text()
    assert "0 of 9 rounds were decided" in text
    assert 'class="verdict"' not in text
