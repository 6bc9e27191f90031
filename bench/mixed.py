"""Mixed load at 80 % of what the server can do, in an open loop: how far the 99th percentile is from the median.

Beside it a control: an aiohttp application that can do as much, but only computes, of each kind of request for about
as long as Annolog takes. It has no log, no writer's process and no entities, and touches little memory. What it is not
spared either is the machine's, the event loop's and the load generator's, which shares the processors.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

from bench.peers.annolog import Annolog
from bench.peers.peers import Computing
from bench.peers.side import CREATE, GET, LIST, Side
from service.load.latency import Latency
from service.load.measure import Login, measure
from service.load.mix import weights_of
from service.load.report import ALL
from service.load.run import Load, Plan
from service.load.server_figures import ServerWatch

CLIENTS, SHARE, SECONDS_MIN = 64, 0.8, 1.0
_CAPACITY_ROUNDS = 3
# What Annolog's own part of a request takes beside the others', in µs of `docs/performance.md`.
_PARTS = {GET: 10.0, LIST: 30.0, CREATE: 54.0}
# Turns of an average request with which the control is measured, to know how many it must make.
_PROBES = (1_000.0, 4_000.0)


class _Loaded(NamedTuple):
    """What a round gave."""

    rate: float
    latency: Latency
    faults: list[str]


Loader = Callable[[float | None], Awaitable[_Loaded]]


class _Canned:
    """What a side is asked, without anything that its answers would tell."""

    def __init__(self, side: Side) -> None:
        self._asks = side.asks

    def request(self, kind: str) -> bytes:
        """Return the next request of a kind."""
        return self._asks[kind].request()

    def learn(self, kind: str, body: bytes) -> None:
        """Learn nothing."""


async def mixed(rounds: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Return of Annolog and of the control what they can do, the rate of their open loop, and its percentiles.

    Raises:
        RuntimeError: Nothing is answered.
        KeyboardInterrupt: A signal ended a round of Annolog's.
        asyncio.CancelledError: A signal ended one of the control's.
    """
    own = folder / "mixed"
    sides = side, control = Annolog(own / "annolog"), Computing(own / "control")
    # What was due in much less is mostly what was on its way when it ended.
    duration = max(seconds, SECONDS_MIN)

    async def load(rate: float | None) -> _Loaded:
        return await _load(side, _plan(rate, duration))

    async def load_control(rate: float | None) -> _Loaded:
        return await _load_canned(control, _plan(rate, duration))

    try:
        for one in sides:
            one.folder.mkdir(parents=True)
            await one.start()
        capacity = await _capacity(load, rounds)
        us = await _calibrate(control, load_control, capacity, rounds)
        own_capacity = await _capacity(load_control, rounds)
        found: list[_Loaded] = []
        beside: list[_Loaded] = []
        loaders = ((load, capacity, found), (load_control, own_capacity, beside))
        for number in range(rounds):
            for loader, reached, kept in loaders[:: -1 if number % 2 else 1]:
                kept.append(await loader(SHARE * reached))
    finally:
        for one in sides:
            one.stop()
    return {
        "weights": weights_of("mixed"),
        **_told(capacity, found),
        "control": {"name": control.name, "us": us, **_told(own_capacity, beside)},
    }


def _plan(rate: float | None, duration: float) -> Plan:
    return Plan(weights=weights_of("mixed"), clients=CLIENTS, rate=rate, duration=duration, seed=1)


async def _capacity(load: Loader, rounds: int) -> float:
    """Return the requests a second of a closed loop, once it is warm."""
    warm = await load(None)
    if not warm.rate:
        raise RuntimeError(f"nothing was answered: {' '.join(warm.faults)}")
    return statistics.median([(await load(None)).rate for _ in range(min(rounds, _CAPACITY_ROUNDS))])


async def _calibrate(control: Computing, load: Loader, capacity: float, rounds: int) -> float:
    """Let the control compute for so long that it can do as much; returns how long that is, µs of an average request.

    Two points make a line, both so high that the server is what limits, and not the load generator.
    """
    took = []
    for turns in _PROBES:
        control.compute(_by_kind(turns))
        took.append(1 / await _capacity(load, rounds))
    turn = (took[1] - took[0]) / (_PROBES[1] - _PROBES[0])
    turns = max(0.0, _PROBES[0] + (1 / capacity - took[0]) / turn)
    control.compute(_by_kind(turns))
    return turns * turn * 1e6


def _by_kind(turns: float) -> dict[str, float]:
    """Return the turns of each kind of request, if an average one of the mix has so many."""
    weights = weights_of("mixed")
    average = sum(weights[kind] * part for kind, part in _PARTS.items()) / sum(weights.values())
    return {kind: turns * part / average for kind, part in _PARTS.items()}


async def _load(side: Annolog, plan: Plan) -> _Loaded:
    url = f"http://{side.address.authority}"
    report = await measure(plan, url, Login(token=side.token), lambda _: None, keep=False)
    if report.interrupted:
        raise KeyboardInterrupt
    return _Loaded(report.answered_a_second, report.latency[ALL], report.faults())


async def _load_canned(side: Side, plan: Plan) -> _Loaded:
    async def status() -> dict[str, Any]:
        return {}

    watch = ServerWatch(status, asyncio.get_running_loop().time)
    load = Load(plan, side.address, _Canned(side), watch, lambda _: None)
    await load.run()
    tally = load.tally
    faults = [f"{side.name}: {count} times {what}." for what, count in tally.failed.items()]
    return _Loaded(tally.answered / load.schedule.seconds, tally.latency()[ALL], faults)


def _told(capacity: float, rounds: list[_Loaded]) -> dict[str, Any]:
    told = [one.latency.percentiles_ms for one in rounds]
    return {
        "capacity": capacity,
        "rate": SHARE * capacity,
        "rounds": [{"p50_ms": one["p50"], "p99_ms": one["p99"], "ratio": one["p99"] / one["p50"]} for one in told],
        "faults": sorted({fault for one in rounds for fault in one.faults}),
    }
