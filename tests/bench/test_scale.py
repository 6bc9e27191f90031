"""The benchmark of sizes measures what it says."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from click.testing import CliRunner

from bench.scale import state
from bench.scale.__main__ import PARTS, main
from bench.scale.dataset import build
from bench.scale.host import HostWatch, within
from bench.scale.report import report


def test_a_small_size_gives_every_figure_of_the_state() -> None:
    """Nothing is zero that takes time."""
    found = state.measure(500)
    assert len(found["create_us"]) == 9
    assert min(found["create_us"]) > 0
    assert "annotations by author_id, label" in found["lists_ms"]
    assert "extractions by confidence, created_at_ge 0.87" in found["lists_ms"]


def test_a_built_state_is_what_it_says() -> None:
    """Fifty annotations a document, thirty labels, a hundred authors; and what is asked for finds something."""
    built = build(5000)
    assert (built.counts["annotation"], built.counts["document"]) == (5000, 100)
    annotations = built.tables["annotation"]
    values = [name for name, _ in annotations.look_ups()]
    assert (values.count("label"), values.count("author_id")) == (30, 100)
    for name in ("label", "author_id", "type", "status", "document_id"):
        assert annotations.select(state.filters(built, 5000)[name]["filters"]), name


def test_a_run_in_small_writes_its_figures_and_its_report(tmp_path: Path) -> None:
    """All parts but the one of requests, without Redis, which tests do not install."""
    options = [
        "--size",
        "300",
        "--no-redis",
        "--rest",
        "1.5",
        "--compactions",
        "1",
        "--starts",
        "1",
        "--results",
        str(tmp_path),
    ]
    parts = [option for name in PARTS if name not in ("http", "written") for option in ("--part", name)]
    done = CliRunner().invoke(main, [*options, *parts])
    assert done.exit_code == 0, done.output
    figures = json.loads((tmp_path / "scale.json").read_text())
    assert figures["recovery"]["parts"]["values"] > 300 * 250
    (watched,) = figures["compaction"]["callbacks"]
    longest = watched["compacting"][0]
    # The host may have held all of it.
    assert 0 <= longest["own_ms"] <= longest["cpu_ms"] <= longest["wall_ms"] + 1
    assert longest["cpu_ms"] > 0
    assert report(figures) in done.output


def test_what_the_host_took_of_a_span_is_what_lies_within_it() -> None:
    """A part before it and a part after it are not, nor is what lies beside it."""
    held = [(0.0, 1.5), (2.0, 2.25), (2.5, 9.0), (10.0, 11.0)]
    assert within(held, 1.0, 3.0) == 0.5 + 0.25 + 0.5
    assert within([], 1.0, 3.0) == 0


def test_a_watch_tells_when_it_was_held() -> None:
    """It is stopped for 50 ms here, as the host stops a processor; where it is not permitted it tells nothing."""
    watch = HostWatch()
    time.sleep(0.05)
    begin = time.monotonic()
    for process in watch.processes.values():
        process.send_signal(signal.SIGSTOP)
    time.sleep(0.05)
    end = time.monotonic()
    for process in watch.processes.values():
        process.send_signal(signal.SIGCONT)
    time.sleep(0.05)
    found = watch.stop()
    assert set(found) == os.sched_getaffinity(0)
    for spans in found.values():
        assert within(spans, begin, end) > (0.045 if watch.permitted else -1)
        assert watch.permitted or not spans
