"""The report: verdicts, the table, JSON, and a page that needs nothing else."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hdrh.histogram import HdrHistogram

from service.load.charts import Line, over_time, round_up
from service.load.latency import Histogram, Latency
from service.load.report import ALL, Generator, Interval, LoadReport, ServerFigures
from service.load.written import HTML_NAME, JSON_NAME, line_of, table, write

FIGURES = ServerFigures(records_a_second=20.0, batch_records=4.0, sync_ms=0.5, lag_ms_max=1.5)


def latency(*milliseconds: float) -> Latency:
    """Return the latencies of some requests."""
    counts = Histogram()
    for one in milliseconds:
        counts.record(one / 1000)
    return counts.told()


def interval(at: float, server: ServerFigures | None = FIGURES) -> Interval:
    """Return a second that ends then."""
    percentiles = {"p50": 1.0, "p90": 2.0, "p99": 3.0, "p100": 4.0}
    return Interval(at=at, seconds=1.0, answered=50, failed=0, percentiles_ms=percentiles, server=server)


@pytest.fixture
def report() -> LoadReport:
    """Return the report of a load in which all went well."""
    one = latency(*(float(number) for number in range(1, 101)))
    return LoadReport(
        began="2026-11-25T00:00:00+00:00",
        version="0.1.0",
        machine="<machine>",
        url="http://127.0.0.1:8080",
        weights={"get": 1},
        clients=4,
        rate=50.0,
        duration=2.0,
        seed=7,
        seconds=2.0,
        due=100,
        sent=100,
        answered=100,
        latency={"get": one, ALL: one},
        service=latency(1.0),
        intervals=[interval(1.0), interval(2.0)],
        generator=Generator(cpu_share=0.2, late_ms=0.1),
    )


def test_a_histogram_keeps_three_digits_and_every_value() -> None:
    """What is out of its range counts as its border; others can read it."""
    told = latency(0.0, 1.2345, 999.4, 1e9)
    assert told.count == 4
    assert told.percentiles_ms["p50"] == pytest.approx(1.2345, rel=0.001)
    assert told.percentiles_ms["p75"] == pytest.approx(999.4, rel=0.001)
    assert told.percentiles_ms["p100"] == pytest.approx(3.6e6, rel=0.001)
    assert HdrHistogram.decode(told.histogram).get_total_count() == 4
    empty = latency()
    assert (empty.count, empty.percentiles_ms, empty.curve) == (0, {}, [])


def test_a_load_without_faults_says_none(report: LoadReport) -> None:
    """Nor doubts."""
    assert report.is_reached
    assert report.faults() == report.doubts() == []
    assert report.answered_a_second == 50


@pytest.mark.parametrize(("sent", "is_reached"), [(100, True), (99, True), (98, False)])
def test_the_rate_counts_as_reached_from_99_percent_on(report: LoadReport, sent: int, is_reached: bool) -> None:
    """Below it the percentiles lack what waited longest, and the report says so."""
    report.sent = sent
    assert report.is_reached is is_reached
    assert [line for line in report.faults() if "lower bounds" in line] == ([] if is_reached else report.faults())
    report.rate = None
    assert report.is_reached


def test_faults_come_the_worst_first(report: LoadReport) -> None:
    """A server that was given up, requests that failed, a rate that was not reached."""
    report.gone, report.failed, report.sent = "for 10 s it could not be reached", {"507 no-room": 2, "lost": 1}, 50
    first, second, third = report.faults()
    assert "given up" in first
    assert second == "3 requests failed: 2 times 507 no-room, 1 times lost."
    assert "(50%)" in third


@pytest.mark.parametrize(
    ("cpu_share", "late_ms", "doubts"), [(0.9, 5.0, 0), (0.91, 5.0, 1), (0.9, 5.1, 1), (0.95, 9.0, 2)]
)
def test_a_load_tester_that_may_be_the_limit_says_so(
    report: LoadReport, cpu_share: float, late_ms: float, doubts: int
) -> None:
    """Its figures would tell of itself."""
    report.generator = Generator(cpu_share=cpu_share, late_ms=late_ms)
    assert len(report.doubts()) == doubts


def test_what_was_left_and_what_was_cut_short_is_told(report: LoadReport) -> None:
    """It is no fault of the server."""
    report.left, report.interrupted = ["doc_1: refused"], True
    assert len(report.doubts()) == 2
    assert not report.faults()


def test_the_table_has_a_line_for_each_kind(report: LoadReport) -> None:
    """And one for the times from sending, where waiting is counted; of one kind alone no sum."""
    header, get, sending = table(report).splitlines()
    assert header.split()[-1] == "max"
    assert get.split()[:3] == ["get", "100", "50"]
    assert sending.startswith("from sending")
    report.latency = {"get": report.latency["get"], "list": latency(), ALL: report.latency[ALL]}
    report.rate = None
    assert [line.split()[0] for line in table(report).splitlines()] == ["requests", "get", "list", "all"]


def test_a_line_while_it_runs_tells_rate_latency_and_server() -> None:
    """And what failed."""
    assert line_of(interval(1.0)) == "50/s, p50 1.0 ms, p99 3.0 ms, server: batch 4, sync 0.50 ms"
    failing = msgspec.structs.replace(interval(1.0, None), failed=3, percentiles_ms={}, answered=0)
    assert line_of(failing) == "0/s, 3 failed"


class Page(HTMLParser):
    """Collects what a page asks for, and checks that its elements are closed in order."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.asks: list[str] = []
        self.drawings = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        self.asks += [str(value) for name, value in attrs if name in ("src", "href", "data")]
        self.asks += [tag] if tag in ("script", "link", "img", "iframe") else []
        self.drawings += tag == "svg"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element that closes itself."""

    def handle_endtag(self, tag: str) -> None:
        """Close the last one."""
        assert self.open.pop() == tag


def paged(report: LoadReport, folder: Path) -> tuple[str, Page]:
    """Return the page of a report, read."""
    write(report, folder)
    text = (folder / HTML_NAME).read_text()
    page = Page()
    page.feed(text)
    assert not page.open
    assert not page.asks
    assert "url(" not in text
    assert "nan" not in text
    return text, page


def test_both_files_hold_the_figures(report: LoadReport, tmp_path: Path) -> None:
    """The page is whole, loads nothing, and draws each thing; the JSON has everything."""
    text, page = paged(report, tmp_path / "new")
    assert page.drawings == 6
    assert "&lt;machine&gt;" in text
    assert "100 requests answered in 2.0 s, 50 a second of 50 that were due." in text
    found = json.loads((tmp_path / "new" / JSON_NAME).read_text())
    assert found["reached"] is True
    assert found["latency"]["get"]["percentiles_ms"]["p99"] == pytest.approx(99, rel=0.001)
    assert found["intervals"][1]["server"] == msgspec.to_builtins(FIGURES)


def test_a_page_of_faults_and_no_figures_is_whole(report: LoadReport, tmp_path: Path) -> None:
    """Nothing was answered, and the server tells nothing."""
    report.failed, report.answered, report.server_says = {"<b>": 7}, 0, "It tells them to administrators only."
    report.latency = {"get": latency(), ALL: latency()}
    report.service = latency()
    report.intervals = [msgspec.structs.replace(interval(1.0, None), percentiles_ms={}, answered=0, failed=7)]
    text, page = paged(report, tmp_path)
    assert "7 times &lt;b&gt;" in text
    assert "administrators only" in text
    assert page.drawings == 3


def test_a_server_that_wrote_nothing_has_no_syncs_to_draw(report: LoadReport, tmp_path: Path) -> None:
    """That is said in place of an empty drawing."""
    quiet = ServerFigures(records_a_second=0.0, lag_ms_max=1.0)
    report.intervals = [interval(1.0, quiet)]
    text, page = paged(report, tmp_path)
    assert text.count("nothing was written") == 2
    assert page.drawings == 4


def test_a_gap_in_a_line_is_not_bridged() -> None:
    """And a point that stands alone is seen."""
    drawn = over_time("x", 4.0, [Line("a", "red", [(0.0, 1.0), (1.0, 2.0), (2.0, None), (3.0, 1.0)])])
    assert drawn.count("<polyline") == 1
    assert drawn.count("<circle") == 1
    points = re.search(r'points="([^"]*)"', drawn)
    assert points is not None
    assert len(points[1].split()) == 2


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, 1), (-1.0, 1), (1.0, 1), (1.1, 2), (0.03, 0.05), (5.1, 10), (200, 200), (201, 500)]
)
def test_scales_end_at_a_round_number(value: float, expected: float) -> None:
    """The next of 1, 2 and 5."""
    assert round_up(value) == pytest.approx(expected)
