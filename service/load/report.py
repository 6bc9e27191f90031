"""What a load has seen, in figures: what the JSON holds, and what the page is drawn from."""

from __future__ import annotations

import msgspec

from service.load.latency import Latency

RATE_SHARE = 0.99
"""Of the wanted rate that must have been sent for it to count as reached."""
BUSY_SHARE = 0.9
"""Of a processor from which on the load tester itself may be what limits."""
LATE_MS = 5.0
"""That the load tester may send too late, by its own fault, at the 99th percentile."""
ALL = "all"


class ServerFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the server says about an interval. None: it does not tell.

    Attributes:
        records_a_second: That became durable.
        batch_records: Records that shared a sync, on average.
        sync_ms: From handing a batch to the log's writer until it was durable, on average.
        lag_ms_max: The latest that its event loop was in the last second.
    """

    records_a_second: float | None = None
    batch_records: float | None = None
    sync_ms: float | None = None
    lag_ms_max: float | None = None


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the run.

    Attributes:
        at: Its end, in seconds since the load began.
        seconds: It took.
        answered: Requests that were answered with success in it.
        failed: Others that ended in it.
        percentiles_ms: Of the latencies of those that were answered.
        server: What the server says; None if it did not say anything.
    """

    at: float
    seconds: float
    answered: int
    failed: int
    percentiles_ms: dict[str, float]
    server: ServerFigures | None = None


class Generator(msgspec.Struct, frozen=True, kw_only=True):
    """How the load tester itself did.

    Attributes:
        cpu_share: Of one processor that it took.
        late_ms: How late it sent by its own fault, while a connection was free, at the 99th percentile.
    """

    cpu_share: float
    late_ms: float


class LoadReport(msgspec.Struct, kw_only=True):
    """A load.

    Attributes:
        began: RFC 3339.
        version: Of the load tester.
        machine: It ran on.
        url: Of the server, or "a server of its own".
        weights: Of the kinds of requests.
        clients: Connections.
        rate: Requests a second that were due; None for a closed loop.
        duration: Seconds that were asked for.
        seed: Of the choices.
        seconds: That requests were sent for.
        interrupted: It was ended early.
        gone: Why the server was given up; empty if it was not.
        due: Requests that were due; in a closed loop those that were sent.
        sent: Requests that were sent.
        answered: With success.
        failed: By what happened: "503 no-room", "no answer within 30 s", and so on.
        latency: By kind, and of all: from when a request was due (in a closed loop: sent) until it was answered.
        service: From when it was sent until it was answered, of all.
        intervals: Over time.
        server_says: Why there are no figures of the server; empty if there are.
        generator: How the load tester did.
        left: Documents that could not be removed, with the reason.
    """

    began: str
    version: str
    machine: str
    url: str
    weights: dict[str, int]
    clients: int
    rate: float | None
    duration: float
    seed: int
    seconds: float = 0.0
    interrupted: bool = False
    gone: str = ""
    due: int = 0
    sent: int = 0
    answered: int = 0
    failed: dict[str, int] = {}
    latency: dict[str, Latency] = {}
    service: Latency | None = None
    intervals: list[Interval] = []
    server_says: str = ""
    generator: Generator | None = None
    left: list[str] = []

    @property
    def answered_a_second(self) -> float:
        """The rate that was answered."""
        return self.answered / self.seconds if self.seconds else 0.0

    @property
    def is_reached(self) -> bool:
        """The wanted rate was sent; there is none in a closed loop."""
        return self.rate is None or self.sent >= RATE_SHARE * self.due

    def faults(self) -> list[str]:
        """Return what is wrong with the run, the worst first."""
        found = []
        if self.gone:
            found.append(f"The server was given up: {self.gone}.")
        if self.failed:
            told = ", ".join(f"{count:,} times {what}" for what, count in sorted(self.failed.items()))
            found.append(f"{sum(self.failed.values()):,} requests failed: {told}.")
        if not self.is_reached:
            share = self.sent / self.due
            found.append(
                f"The rate was not reached: of {self.due:,} requests that were due {self.sent:,} were sent "
                f"({share:.0%}). Those that never were are in no percentile: the latencies are lower bounds."
            )
        return found

    def doubts(self) -> list[str]:
        """Return why the figures may tell of something else than the server."""
        found = []
        if self.generator is not None and self.generator.cpu_share > BUSY_SHARE:
            found.append(
                f"The load tester took {self.generator.cpu_share:.0%} of a processor: it may be what limits. "
                "Run several of them, or on another machine."
            )
        if self.generator is not None and self.generator.late_ms > LATE_MS:
            found.append(
                f"The load tester sent {self.generator.late_ms:.1f} ms too late by its own fault, at the 99th "
                "percentile: latencies hold that too."
            )
        if self.interrupted:
            found.append(f"It was interrupted after {self.seconds:.0f} of {self.duration:g} s.")
        if self.left:
            found.append(f"{len(self.left)} documents could not be removed, the first: {self.left[0]}")
        return found
