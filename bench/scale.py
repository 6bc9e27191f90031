"""What grows with the data and what does not: creates, lists, memory and loading, at several sizes.

Run as ``python -m bench.scale``; `make bench-scale` does. Each size is a process of its own, without HTTP and without a
log, so that only the state is measured.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from bench.create import machine
from bench.memory_log import MemoryLog
from service import clock
from service.clock import format_time
from service.commands import Actor, Create, List
from service.engine import Engine
from service.ids import IdSource
from service.kinds import KINDS
from service.kinds.account import Session, User
from service.kinds.document import Document, Text
from service.kinds.marks import Annotation, AnnotationDraft
from service.settings import load
from service.state.state import State, index_fields
from wal.block import Block, Stored, make_block
from wal.change import Change
from wal.file_system import RealFileSystem
from wal.snapshot import SnapshotHeader, SnapshotReader, SnapshotWriter

SIZES = (1_000, 10_000, 1_000_000)
LABELS, AUTHORS, MARKS_A_DOCUMENT, BLOCK = 30, 100, 50, 4096
ROUNDS, CREATES = 9, 1_000
TEXT = "Marie Curie met Albert Einstein in Geneva. "
NOW = 1_700_000_000_000_000
ACTOR = Actor(user_id="user_0", session_id="sess_0")
RESULTS = Path("bench/results")


def build(size: int) -> State:
    """Return a state with so many annotations of about 250 bytes, 50 a document, 30 labels, 100 authors."""
    state, ids = State(KINDS), IdSource(clock.now)
    head: dict[str, Any] = {"version": 1, "created_at": format_time(NOW), "updated_at": format_time(NOW)}
    apply(state, "user", User(id="user_0", email="a@example.org", name="", role="admin", **head))
    apply(state, "session", Session(id="sess_0", user_id="user_0", token_hash="t", expires_at=NOW * 2))
    for number in range(max(1, size // MARKS_A_DOCUMENT)):
        document_id = ids.new("doc")
        document = Document(id=document_id, owner_id="user_0", title=f"Letter {number}", metadata={}, length=43, **head)
        apply(state, "document", document)
        apply(state, "text", Text(TEXT), document_id)
        for place in range(min(size, MARKS_A_DOCUMENT)):
            mark = number * MARKS_A_DOCUMENT + place
            annotation = Annotation(
                id=ids.new("ann"),
                document_id=document_id,
                type="span",
                status=("proposed", "accepted", "rejected")[mark % 3],
                attributes={},
                label=f"label {mark % LABELS}",
                start=0,
                end=11,
                text="Marie Curie",
                author_id=f"user_{mark * 7 % AUTHORS:026d}",
                **head,
            )
            apply(state, "annotation", annotation)
    return state


def apply(state: State, kind: str, entity: msgspec.Struct, key: str | None = None) -> None:
    """Put an entity as a record of its own would."""
    id_ = str(getattr(entity, "id", key))
    change = Change(b"", f"{kind}.created", kind, id_, 1, 0, msgspec.json.encode(entity))
    state.apply(state.sequence + 1, NOW, [change])


async def create_us(engine: Engine, state: State) -> list[float]:
    """Return the CPU microseconds of a create, of each round."""
    ids, (document_id, _) = IdSource(clock.now), next(state.tables["document"].items())
    draft = AnnotationDraft(document_id=document_id, start=0, end=11, label="label 1")
    rounds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        for _ in range(CREATES):
            new_id = ids.new("ann")
            await engine.submit(Create(actor=ACTOR, operation="b", kind="annotation", new_id=new_id, draft=draft))
        rounds.append((time.process_time() - begin) / CREATES * 1e6)
    return rounds


async def list_ms(engine: Engine, filters: dict[str, tuple[str, ...]]) -> float:
    """Return the median CPU milliseconds of a first page with its count."""
    query = List(actor=ACTOR, kind="annotation", filters=filters, count=True)
    rounds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        await engine.page(query)
        rounds.append((time.process_time() - begin) * 1e3)
    return statistics.median(rounds)


def filters(state: State) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return single filters and pairs of them, by name."""
    document_id, _ = next(state.tables["document"].items())
    single = {
        "document_id": (document_id,),
        "label": ("label 3",),
        "author_id": (f"user_{21:026d}",),
        "type": ("span",),
        "status": ("accepted",),
    }
    names = sorted(single)
    pairs = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    found: dict[str, dict[str, tuple[str, ...]]] = {"none": {}, **{name: {name: single[name]} for name in names}}
    return found | {f"{one}, {other}": {one: single[one], other: single[other]} for one, other in pairs}


def blocks(state: State) -> Iterator[Block]:
    """Yield a state as a compaction would write it."""
    fields = index_fields(KINDS)
    for kind, table in sorted(state.tables.items()):
        created = (position for position, _ in table.walk(table.select({}), None))
        entities = [Stored(id_, value, table.sequence(id_), next(created)) for id_, value in table.items()]
        for start in range(0, len(entities), BLOCK):
            yield make_block(kind, entities[start : start + BLOCK], fields[kind])


def load_seconds(state: State) -> tuple[float, int]:
    """Return how long a snapshot of a state takes to load with all indexes, and its size in bytes."""
    with tempfile.TemporaryDirectory(prefix="annolog-bench-") as directory:
        path = Path(directory) / "snapshot.tmp"
        file = RealFileSystem().open(path, create=True)
        writer = SnapshotWriter(file, SnapshotHeader(state.sequence, NOW, 1, bytes(16), bytes(32)))
        for block in blocks(state):
            writer.add(block)
        writer.close()
        file.close()
        gc.collect()
        loaded = State(KINDS)
        begin = time.perf_counter()
        reader = SnapshotReader(RealFileSystem(), path)
        for block in reader.blocks():
            loaded.load(block)
        loaded.loaded(state.sequence, state.digest)
        seconds = time.perf_counter() - begin
        reader.close()
        if dict(loaded.counts) != dict(state.counts):
            raise RuntimeError("the snapshot gave back another state")
        return seconds, path.stat().st_size


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(size: int) -> dict[str, Any]:
    """Return the figures of one size."""
    gc.collect()
    before = resident()
    state, build_seconds = timed(lambda: build(size))
    gc.collect()
    used = resident() - before
    gc.freeze()
    engine = Engine(state, MemoryLog(), lambda: NOW, load().limits)
    lists = {name: asyncio.run(list_ms(engine, found)) for name, found in filters(state).items()}
    seconds, snapshot_bytes = load_seconds(state)
    return {
        "entities": size,
        "build_seconds": build_seconds,
        "bytes_an_annotation": used / size,
        "lists_ms": lists,
        "load_seconds": seconds,
        "snapshot_bytes": snapshot_bytes,
        "create_us": asyncio.run(create_us(engine, state)),
    }


def timed(work: Callable[[], State]) -> tuple[State, float]:
    """Return what comes of some work, and the seconds that it took."""
    begin = time.perf_counter()
    return work(), time.perf_counter() - begin


def table(found: list[dict[str, Any]]) -> str:
    """Return the figures as Markdown tables."""
    sizes = " | ".join(f"{one['entities']:,}" for one in found)
    lines = [machine(Path(tempfile.gettempdir())), "", f"| annotations | {sizes} |", "|---" * (len(found) + 1) + "|"]
    rows: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("create, CPU µs, median of 9 rounds of 1,000", lambda one: f"{statistics.median(one['create_us']):.1f}"),
        ("memory, bytes an annotation with its share of documents", lambda one: f"{one['bytes_an_annotation']:,.0f}"),
        ("snapshot, bytes an annotation", lambda one: f"{one['snapshot_bytes'] / one['entities']:,.0f}"),
        ("loading it with all indexes, s", lambda one: f"{one['load_seconds']:.2f}"),
        ("applying them one by one, s", lambda one: f"{one['build_seconds']:.2f}"),
    ]
    lines += [f"| {title} | " + " | ".join(show(one) for one in found) + " |" for title, show in rows]
    for name in found[0]["lists_ms"]:
        lines.append(f"| list, {name}, CPU ms | " + " | ".join(f"{one['lists_ms'][name]:.2f}" for one in found) + " |")
    return "\n".join(lines)


@click.command()
@click.option("--one", type=click.IntRange(100), help="Measure this size in this process, and print JSON.")
@click.option("--size", "sizes", type=click.IntRange(100), multiple=True, default=SIZES, show_default=True)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
def main(one: int | None, sizes: tuple[int, ...], results: Path) -> None:
    """Measure the state at several sizes."""
    if one is not None:
        click.echo(json.dumps(measure(one)))
        return
    found = []
    for size in sizes:
        command = [sys.executable, "-m", "bench.scale", "--one", str(size)]
        found.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
    results.mkdir(parents=True, exist_ok=True)
    (results / "scale.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    click.echo(table(found))


if __name__ == "__main__":
    main()
