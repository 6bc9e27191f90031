"""Mixed load at 80 % of what the server can do, in an open loop: how far the 99th percentile is from the median."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.peers.annolog import Annolog
from service.load.measure import Login, measure
from service.load.mix import weights_of
from service.load.report import ALL, LoadReport
from service.load.run import Plan

CLIENTS, SHARE, SECONDS_MIN = 64, 0.8, 1.0


async def mixed(rounds: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Return the capacity in a closed loop, the rate of the open one, and the percentiles of its rounds.

    Raises:
        KeyboardInterrupt: A signal ended a round.
    """
    own = folder / "mixed"
    own.mkdir()
    side = Annolog(own)
    try:
        await side.start()
        warm = await _load(side, None, seconds)
        capacities = [(await _load(side, None, seconds)).answered_a_second for _ in range(min(rounds, 3))]
        capacity = sorted(capacities)[len(capacities) // 2]
        loads = [await _load(side, SHARE * capacity, seconds) for _ in range(rounds)]
    finally:
        side.stop()
    told = [one.latency[ALL].percentiles_ms for one in loads]
    return {
        "weights": warm.weights,
        "capacity": capacity,
        "rate": loads[0].rate,
        "rounds": [{"p50_ms": one["p50"], "p99_ms": one["p99"], "ratio": one["p99"] / one["p50"]} for one in told],
        "faults": sorted({fault for one in loads for fault in one.faults()}),
    }


async def _load(side: Annolog, rate: float | None, seconds: float) -> LoadReport:
    # What was due in much less is mostly what was on its way when it ended.
    duration = max(seconds, SECONDS_MIN)
    plan = Plan(weights=weights_of("mixed"), clients=CLIENTS, rate=rate, duration=duration, seed=1)
    url = f"http://{side.address.authority}"
    report = await measure(plan, url, Login(token=side.token), lambda _: None, keep=False)
    if report.interrupted:
        raise KeyboardInterrupt
    return report
