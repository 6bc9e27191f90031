"""The figures of a run as Markdown, each with its spread, and each target with what came of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from typing import Any

CREATE_RATIO, LOAD_RATIO, MEMORY_RATIO = 1.10, 1.0, 1.4
CALLBACK_MS, P99_RATIO, WRITTEN_RATIO, LIST_RATIO = 20.0, 2.0, 5.0, 3.0


def report(figures: dict[str, Any]) -> str:
    """Return everything that was measured."""
    parts: dict[str, Callable[[Any], Iterable[str]]] = {
        "state": _state,
        "recovery": _recovery,
        "http": _http,
        "compaction": _compaction,
        "written": _written,
    }
    lines = [f"{figures['size']:,} annotations; {figures['machine']}"]
    for name, part in parts.items():
        if name in figures:
            lines += ["", *part(figures[name])]
    return "\n".join(lines)


def _state(found: list[dict[str, Any]]) -> Iterable[str]:
    yield from _head(["the state alone", *(f"{one['entities']:,}" for one in found)])
    creates = (_spread(one["create_us"], 1) for one in found)
    yield f"| create, CPU µs | {' | '.join(creates)} |"
    applied = (f"{one['entities'] / one['apply_seconds']:,.0f}" for one in found)
    yield f"| applying, entities/s | {' | '.join(applied)} |"
    slowest = max(found[-1]["lists_ms"], key=lambda name: found[-1]["lists_ms"][name])
    pages = (f"{one['lists_ms'][slowest]:.2f}" for one in found)
    yield f"| the slowest first page with count ({slowest}), CPU ms | {' | '.join(pages)} |"


def _recovery(found: dict[str, Any]) -> Iterable[str]:
    yield from _head(["start, from the disk", "ready, s", "loading, s", "resident, MB"])
    for name, starts in found["sides"].items():
        if starts:
            columns = (_spread([start[key] for start in starts], 2) for key in ("ready_seconds", "load_seconds"))
            size = _spread([start["resident_bytes"] / 1e6 for start in starts], 0)
            yield f"| {name} | {' | '.join(columns)} | {size} |"
    replay = found["replay"]
    yield f"| annolog, from the log alone | {replay['ready_seconds']:.2f} | {replay['load_seconds']:.2f} | "
    if "redis" in found:
        load, size = found["load_seconds_ratio"], found["resident_bytes_ratio"]
        yield ""
        yield f"Against Redis {found['redis']}: {_target('loading', load, LOAD_RATIO)};"
        yield f"until ready {found['ready_seconds_ratio']:.2f}; {_target('memory', size, MEMORY_RATIO)}."
    yield ""
    yield from _head(["part of the memory", "MB"])
    for name, size in found["parts"].items():
        yield f"| {name} | {size / 1e6:.1f} |"


def _http(found: dict[str, Any]) -> Iterable[str]:
    yield from _head(["over HTTP, server's CPU µs a request", "few", "many"])
    creates = found["creates"]
    yield f"| durable create | {_spread(creates['cpu_us']['small'], 1)} | {_spread(creates['cpu_us']['large'], 1)} |"
    for name, (few, many) in found["lists"]["cpu_us"].items():
        yield f"| list by {name} | {few:.0f} | {many:.0f} |"
    yield ""
    yield f"{_target('create', creates['ratio'], CREATE_RATIO)};"
    yield f"{_target('the list that differs most', found['lists']['ratio'], LIST_RATIO)}."


def _compaction(found: dict[str, Any]) -> Iterable[str]:
    yield f"Open loop of {found['rate']:,.0f} creates/s; a compaction took {_spread(found['seconds'], 1)} s."
    yield ""
    yield from _head(["latency, ms, median of the rounds", "p50", "p90", "p99", "p99.9", "max"])
    for name, rounds in found["latencies_ms"].items():
        columns = (_spread([one[key] for one in rounds], 2) for key in ("p50", "p90", "p99", "p99.9", "max"))
        yield f"| {name} | {' | '.join(columns)} |"
    yield ""
    for watched in found["callbacks"]:
        for name in ("quiet", "compacting"):
            yield from _longest(name, watched[name])
        if not watched["host_known"]:
            yield "What the host took of them is not known: this user may not have the real-time class."
    longest = max(one["own_ms"] for watched in found["callbacks"] for one in watched["compacting"])
    yield f"{_target('callback without what the host took, ms', longest, CALLBACK_MS)};"
    yield f"{_target('p99 with compaction to without', found['p99_ratio'], P99_RATIO)}."


def _longest(when: str, callbacks: list[dict[str, Any]]) -> Iterable[str]:
    """Tell the longest callback by the clock of its thread and, if it is another one, by what was its own of that."""
    for one in sorted({max(callbacks, key=lambda each: each[key])["begin"] for key in ("cpu_ms", "own_ms")}):
        (callback,) = (each for each in callbacks if each["begin"] == one)
        yield (
            f"Longest callback, {when}: {callback['cpu_ms']:.1f} ms of CPU, {callback['own_ms']:.1f} without what the "
            f"host took, in {callback['wall_ms']:.1f} ms, {callback['faults']} page faults, {callback['switches']} "
            f"switches ({callback['what']})."
        )


def _written(found: dict[str, Any]) -> Iterable[str]:
    yield f"{found['record_bytes'] / 1e6:,.0f} MB of records, {found['created']:,} creates, share {found['share']}:"
    yield f"{found['written_bytes'] / 1e6:,.0f} MB written by programs, {found['device_bytes'] / 1e6:,.0f} MB by the"
    yield f"whole machine to the disk; {_target('written a byte of records', found['ratio'], WRITTEN_RATIO)}."


def _head(columns: list[str]) -> Iterable[str]:
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"


def _spread(values: list[float], digits: int) -> str:
    middle = statistics.median(values)
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def _target(name: str, value: float, most: float) -> str:
    return f"{name}: {value:.2f}, at most {most:g} wanted: {'reached' if value <= most else 'MISSED'}"
