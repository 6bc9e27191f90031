"""The comparison with peers measures what it says, and leaves nobody out in silence."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from bench.bulk import LINES, AnnologBulk, RedisPipeline, Sqlite
from bench.compare import BULK, SCENARIOS, Scenario, compare, main, write
from bench.compare_report import report, svg, verdict
from bench.load import closed_loop
from bench.mixed import mixed
from bench.peers import large
from bench.peers.annolog import Annolog, Memory, OneSync
from bench.peers.large import Doccano, LabelStudio, Tool
from bench.peers.peers import Bare, Postgres
from bench.peers.side import CREATE, GET, LIST, PAGE, Ask, Side, program_path
from service.load.connection import Address
from service.load.requests import Encoder


class Missing(Side):
    """A peer that nobody can have."""

    name: ClassVar[str] = "a peer"
    durability: ClassVar[str] = "perfect"
    programs: ClassVar[tuple[tuple[str, str], ...]] = (("no-such-program", "no-such-package"),)
    modules: ClassVar[tuple[tuple[str, str], ...]] = (("no_such_module", "another"), ("json", "never"))


def rounds(*figures: tuple[float, float]) -> list[dict[str, float]]:
    """Return rounds of these rates and CPU times."""
    return [{"rate": rate, "cpu_us": cpu, "p50_ms": 1.0, "p99_ms": 2.0} for rate, cpu in figures]


def figures_of(scenario: dict[str, Any]) -> dict[str, Any]:
    """Return a run of one scenario."""
    return {"machine": "<machine>", "rounds": 2, "seconds": 0.1, "scenarios": {"x": scenario}}


async def test_a_short_run_gives_figures_of_every_side_and_names_who_is_missing(tmp_path: Path) -> None:
    """Every answer had the status that was expected, or the run would have failed."""
    scenario = Scenario("x", "creates", CREATE, 2, (Annolog, Memory, Missing, OneSync, Bare))
    found = await compare(scenario, 2, 0.1, tmp_path)
    assert found["not_run"] == {"a peer": "no-such-package, another"}
    assert list(found["sides"]) == [Annolog.name, Memory.name, OneSync.name, Bare.name]
    for name, side in found["sides"].items():
        assert len(side["rounds"]) == 2
        for one in side["rounds"]:
            assert one["requests"] > 0, name
            assert 0 < one["p50_ms"] <= one["p99_ms"]
    text = report(figures_of(found))
    assert "| a peer | not run: needs no-such-package, another |" in text
    assert Bare.durability in text
    write(figures_of(found), tmp_path / "results")
    drawn = ET.fromstring((tmp_path / "results" / "compare.svg").read_text())  # noqa: S314 - our own drawing
    texts = [element.text or "" for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "not run: needs no-such-package, another" in texts
    assert "<machine>" in texts


async def test_the_processor_time_of_a_side_is_that_of_all_its_processes(tmp_path: Path) -> None:
    """Of children that ended too."""

    class Parent(Missing):
        async def start(self) -> None:
            code = "sum(range(20_000_000))"
            self.run(["sh", "-c", f'"{sys.executable}" -c "{code}"; echo ended; exec sleep 60'])

    side = Parent(tmp_path)
    await side.start()
    try:
        while "ended" not in side.said():
            await asyncio.sleep(0.01)
        assert side.cpu_seconds() > 0.1
    finally:
        side.stop()


async def test_an_unexpected_answer_ends_the_run(tmp_path: Path) -> None:
    """A peer that refuses is not a fast peer."""

    class Refusing(Bare):
        name: ClassVar[str] = "refusing"

        async def start(self) -> None:
            await super().start()
            self.asks = {CREATE: Ask(self.asks[CREATE].request, 200)}

    with pytest.raises(RuntimeError, match="expected 200, found 201"):
        await compare(Scenario("x", "x", CREATE, 1, (Refusing,)), 1, 0.1, tmp_path)


async def test_a_side_is_started_once_it_takes_connections(tmp_path: Path) -> None:
    """However late that is."""

    class Late(Missing):
        name: ClassVar[str] = "late"

        async def start(self) -> None:
            code = f"import time, socket; time.sleep(0.3); s = socket.create_server(('127.0.0.1', {self.address.port}))"
            self.run([sys.executable, "-c", f"{code}; s.accept(); time.sleep(60)"])
            await self.listens(self.address)

    late = Late(tmp_path)
    begin = time.monotonic()
    await late.start()
    late.stop()
    assert time.monotonic() - begin > 0.3


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    """One that a side needs before it can start; its environment is what it is given."""
    side = Missing(tmp_path)
    side.finish(["sh", "-c", 'echo "$COLOUR$HOME" > made'], cwd=tmp_path, env={"COLOUR": "red"})
    assert (tmp_path / "made").read_text() == "red\n"
    with pytest.raises(RuntimeError, match="a peer: sh ended with 3: no disk"):
        side.finish(["sh", "-c", "echo no disk; exit 3"])


async def test_a_side_that_does_not_start_says_why(tmp_path: Path) -> None:
    """With what it said."""

    class Broken(Missing):
        async def start(self) -> None:
            self.run([sys.executable, "-c", "raise SystemExit('no disk')"])
            await self.ready(b"GET / HTTP/1.1\r\n\r\n")

    side = Broken(tmp_path)
    with pytest.raises(RuntimeError, match="no disk"):
        await side.start()
    side.stop()


def test_the_rate_decides_where_it_scatters_less_than_the_sides_differ() -> None:
    """Else the CPU time of the servers does."""
    clear = verdict(rounds((200, 50), (220, 50), (210, 50)), rounds((100, 90), (100, 90), (100, 90)))
    assert clear == "2.10"
    close = verdict(rounds((100, 50), (120, 50), (80, 50)), rounds((100, 60), (100, 60), (100, 60)))
    assert close == "1.20 by CPU time (rates: 1.00, within their spread)"


async def test_the_mixed_load_tells_its_capacity_and_percentiles(tmp_path: Path) -> None:
    """The open loop goes at four fifths of what the closed one could, and so does the control, which can do as much."""
    found = await mixed(1, 0.2, tmp_path)
    for side in (found, found["control"]):
        assert side["rate"] == pytest.approx(0.8 * side["capacity"])
        (one,) = side["rounds"]
        assert one["ratio"] == pytest.approx(one["p99_ms"] / one["p50_ms"])
    assert found["control"]["us"] > 0
    assert 0.25 < found["control"]["capacity"] / found["capacity"] < 4
    text = report({"machine": "x", "rounds": 1, "seconds": 0.2, "scenarios": {}, "mixed": found})
    assert f"| annolog | {found['capacity']:,.0f} |" in text
    assert f"{found['control']['us']:.0f} µs a request |" in text


async def test_a_bulk_load_ends_when_every_mark_is_stored(tmp_path: Path) -> None:
    """By each side that is installed; the rows of the one that can be read afterwards are counted."""
    sides = tuple(one for one in (AnnologBulk, Sqlite, RedisPipeline) if not one.needs())
    found = await compare(Scenario("x", "x", BULK, 1, sides), 1, 0.1, tmp_path)
    assert list(found["sides"])[:2] == [AnnologBulk.name, Sqlite.name]
    for side in found["sides"].values():
        (one,) = side["rounds"]
        assert one["requests"] == LINES
        assert one["rate"] == pytest.approx(LINES / one["p50_ms"] * 1e3)
        assert one["cpu_us"] > 0
    with contextlib.closing(sqlite3.connect(tmp_path / "x-1" / "annotations.db")) as connection:
        # Once to warm up, and the round.
        assert connection.execute("SELECT count(*), count(DISTINCT id) FROM annotations").fetchone() == (2 * LINES,) * 2


def test_every_scenario_begins_with_annolog_and_asks_what_all_can() -> None:
    """Names are unique; a list is asked of those alone that have one."""
    assert len({one.name for one in SCENARIOS}) == len(SCENARIOS)
    for one in SCENARIOS:
        assert issubclass(one.sides[0], Annolog)
        assert len({side.name for side in one.sides}) == len(one.sides)
        assert all(side.durability for side in one.sides)
        assert one.kind != LIST or Bare not in one.sides


async def test_a_server_that_ends_its_connections_is_connected_to_again() -> None:
    """For each request; that is what it takes then. And however short a round is, each client has one answer."""

    async def closing(_request: web.Request) -> web.Response:
        return web.Response(headers={"Connection": "close"})

    app = web.Application()
    app.router.add_get("/", closing)
    async with TestServer(app, host="127.0.0.1") as server:
        address = Address("127.0.0.1", server.port or 0)
        done = await closed_loop(address, lambda: Encoder(address).get("/"), 200, 2, 1.0)
        short = await closed_loop(address, lambda: Encoder(address).get("/"), 200, 2, 0.0)
    assert done.requests > 2, "two clients got no further than their first connections"
    assert short.requests == len(short.latencies) == 2


class Small(Tool):
    """A tool that keeps annotations in a list, and asks for a token."""

    name: ClassVar[str] = "small"
    environment: ClassVar[str] = "small"
    durability: ClassVar[str] = "none"
    _token = "a token"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lists: dict[str, list[str]] = {"first": [], "second": []}

    async def answer_create(self, request: web.Request) -> web.Response:
        """Keep one."""
        assert request.headers["Authorization"] == "Token a token"
        kept = self.lists[request.match_info["document"]]
        kept.append(await request.text())
        return web.json_response({"id": len(kept)}, status=201)

    async def answer_list(self, request: web.Request) -> web.Response:
        """Give all of a document."""
        assert request.headers["Authorization"] == "Token a token"
        return web.json_response(self.lists[request.match_info["document"]])

    async def answer_one(self, request: web.Request) -> web.Response:
        """Give one."""
        return web.json_response(self.lists["first"][int(request.match_info["id"]) - 1])


async def test_a_tool_lists_a_page_however_many_are_created_beside_it(tmp_path: Path) -> None:
    """What is created goes to another document than the one whose list is asked for."""
    tool = Small(tmp_path)
    app = web.Application()
    app.router.add_post("/{document}", tool.answer_create)
    app.router.add_get("/{document}", tool.answer_list)
    app.router.add_get("/one/{id}", tool.answer_one)
    async with TestServer(app, host="127.0.0.1") as server:
        tool.address = Address("127.0.0.1", server.port or 0)
        await tool.serve_annotations("/first", "/second", {"label": 1}, "/one/{id}")
        for _ in range(3):
            assert await tool.ask(tool.asks[CREATE].request(), 201)
        assert len(await tool.ask(tool.asks[LIST].request(), 200)) == PAGE
        assert await tool.ask(tool.asks[GET].request(), 200) == '{"label":1}'
    assert len(tool.lists["second"]) == 3


def test_the_large_peers_stand_where_one_asks_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a whole product can take part, and with what they need if they are not there."""
    monkeypatch.setattr(Tool, "environments", tmp_path)
    changed = {one.name for one in SCENARIOS if one.with_large() != one}
    assert changed == {"create", "get", "list"}
    options = ["--large", "--only", "get", "--rounds", "1", "--seconds", "0.1", "--results", str(tmp_path / "results")]
    for arguments, is_large in ((options, True), (options[1:], False)):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
        for tool in (LabelStudio, Doccano):
            assert (
                f"| {tool.name} | not run: needs {tool.environment} (make bench-large-packages)" in done.output
            ) is is_large
    (tmp_path / "doccano").mkdir()
    assert Doccano.needs(), "an environment that is not ready"
    (tmp_path / "doccano" / ".installed").touch()
    assert Doccano.needs() == ""


def test_the_large_peers_are_pinned() -> None:
    """By versions alone, without addresses."""
    for tool in (LabelStudio, Doccano):
        lines = (Path(large.__file__).parent / f"{tool.environment}.txt").read_text().splitlines()
        pins = [line for line in lines if not line.startswith("#")]
        assert any(pin.startswith(f"{tool.environment}==") for pin in pins)
        assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.+!-]+", pin)] == []


def test_programs_are_found_on_the_path_and_beside_the_interpreter() -> None:
    """And missing ones are not."""
    assert program_path("sh")
    assert program_path(Path(sys.executable).name)
    assert program_path("no-such-program") is None
    assert Postgres.needs() == "" or "postgresql" in Postgres.needs() or "asyncpg" in Postgres.needs()


def test_a_run_of_nothing_is_drawn_too() -> None:
    """All peers may be missing."""
    empty = {"title": "x", "clients": 1, "sides": {}, "not_run": {"<a>": "b"}}
    assert ET.fromstring(svg(figures_of(empty))) is not None  # noqa: S314 - our own drawing
