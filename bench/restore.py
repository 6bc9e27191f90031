"""Real corpora many times over: loaded into one server, exported straight into another, and both hold the same.

Run as ``python -m bench.restore``. It prints the memory of both servers while they are at it, and ends with 1 if the
digests of what they hold differ, or if an export or a restore takes memory of its own that grows.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace

from bench.corpora import fetch
from bench.server import ServerProcess
from service.brat.mapping import BratDocument, DraftedMark, draft_document, draft_marks
from service.brat.transfer import paths_of, read_document
from service.client import Client, Operation
from service.client.exports import Export, ExportLine
from service.client.types import ProjectDraft
from service.covered import covered_digest
from service.ids import named
from service.kinds import KINDS
from service.settings import load
from service.slices import in_slices
from service.state.state import State
from wal.opening import open_log

EMAIL, PASSWORD = "restore@example.org", "correct horse battery"
OWN_MEMORY_MAX = 64 * 1024 * 1024
"""What an export may take in a server besides the entities, whatever its length."""
_PAUSE_SECONDS = 0.2
_TENTHS = 10
Corpus = list[tuple[BratDocument, list[DraftedMark]]]


class Copies:
    """The operations that create a corpus many times over, each time under other ids; they can be gone through again.

    Attributes:
        sent: How many were given out.
    """

    def __init__(self, corpus: Corpus, copies: int, project_id: str) -> None:
        self.sent = 0
        self._corpus = corpus
        self._copies = copies
        self._project_id = project_id

    def __len__(self) -> int:
        return self._copies * sum(1 + len(marks) for _, marks in self._corpus)

    def __iter__(self) -> Iterator[Operation]:
        self.sent = 0
        for copy in range(self._copies):
            for document, marks in self._corpus:
                for operation in self._of(copy, document, marks):
                    self.sent += 1
                    yield operation

    def _of(self, copy: int, document: BratDocument, marks: list[DraftedMark]) -> Iterator[Operation]:
        name = f"{document.path}#{copy}"
        document_id = named("doc", name.encode())
        draft = replace(draft_document(document), external_id=name, project_id=self._project_id)
        yield Operation.create(draft, entity_id=document_id)
        ids = {mark.ref: named("ann", f"{name} {mark.ref}".encode()) for mark in marks}
        for mark in marks:
            arguments = mark.draft.arguments and tuple(
                replace(one, target=ids[one.target]) for one in mark.draft.arguments
            )
            drafted = replace(mark.draft, document_id=document_id, arguments=arguments)
            yield Operation.create(drafted, entity_id=ids[mark.ref])


def resident_of(pid: int) -> int:
    """Return the resident bytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has ended")


class Watch:
    """Samples the memory of servers."""

    def __init__(self, **servers: ServerProcess) -> None:
        self.before = {name: resident_of(server.pid) for name, server in servers.items()}
        self.peak = dict(self.before)
        self._servers = servers

    def sample(self) -> dict[str, int]:
        """Return how much each has now."""
        now = {name: resident_of(server.pid) for name, server in self._servers.items()}
        self.peak = {name: max(self.peak[name], size) for name, size in now.items()}
        return now


@asynccontextmanager
async def watching(watch: Watch, stream: Copies | Counted, lines: int) -> AsyncIterator[None]:
    """Sample memory in between, and tell of it at each tenth of the lines."""

    async def sample() -> None:
        tenth = 0
        while True:
            now = watch.sample()
            if stream.sent * _TENTHS >= (tenth + 1) * lines:
                tenth = stream.sent * _TENTHS // lines
                told = ", ".join(f"{name} {size / 1e6:,.0f} MB" for name, size in now.items())
                click.echo(f"  {stream.sent:>10,} lines: {told}")
            await asyncio.sleep(_PAUSE_SECONDS)

    task = asyncio.create_task(sample())
    try:
        yield
    finally:
        task.cancel()
        watch.sample()


class Counted:
    """The lines of an export, counted; they can be gone through again as far as those of the export can.

    Attributes:
        sent: How many were given out.
        digest: Of all of them.

    Args:
        export: Whose lines.
    """

    def __init__(self, export: Export) -> None:
        self.sent = 0
        self.digest = ""
        self._export = export

    async def __aiter__(self) -> AsyncIterator[ExportLine]:
        self.sent = 0
        digest = hashlib.blake2b(digest_size=16)
        async for line in self._export:
            self.sent += 1
            digest.update(msgspec.json.encode(line))
            yield line
        self.digest = digest.hexdigest()


async def state_of(directory: Path) -> str:
    """Return the digest of what exports cover of a data directory, as recovery finds it; the server has stopped."""
    state = State(KINDS)
    log, _ = await open_log(directory, load().log, state)
    await log.close()
    return f"{await in_slices(covered_digest(state)):032x}"


async def entered(server: ServerProcess, client: Client) -> None:
    """Let the client be the administrator of a new server."""
    click.echo(f"server {server.url}")
    await client.register(EMAIL, PASSWORD, name="Restore")
    await client.login(EMAIL, PASSWORD)


async def fill(server: ServerProcess, client: Client, corpus: Corpus, copies: int) -> int:
    """Load a corpus many times over; returns the number of lines."""
    project = await client.projects.create(ProjectDraft(name="Corpora"))
    operations = Copies(corpus, copies, project.id)
    watch, begin = Watch(source=server), time.perf_counter()
    async with watching(watch, operations, len(operations)):
        result = await client.bulk(operations)
    if result.failed:
        raise RuntimeError(f"{result.failed} lines were refused: {result.failures[0]}")
    click.echo(
        f"Loaded {result.lines:,} entities in {time.perf_counter() - begin:.0f} s; {described(watch, result.lines)}"
    )
    return result.lines + 1


async def carry(source: ServerProcess, target: ServerProcess, clients: tuple[Client, Client], lines: int) -> list[str]:
    """Export from one server straight into the other, and export both again; returns what went wrong."""
    giving, taking = clients
    faults = []
    watch, export, begin = Watch(source=source, target=target), Counted(giving.exports.open()), time.perf_counter()
    async with watching(watch, export, lines):
        restored = await taking.exports.restore(export)
    click.echo(f"Carried {export.sent:,} lines in {time.perf_counter() - begin:.0f} s; {described(watch, export.sent)}")
    if not restored.is_equal or export.sent != lines:
        faults.append(f"the restore told {restored}, of {lines} lines")
    if watch.peak["source"] - watch.before["source"] > OWN_MEMORY_MAX:
        faults.append("the export took memory that grows")
    watch, again, begin = Watch(target=target), Counted(taking.exports.open()), time.perf_counter()
    async with watching(watch, again, lines):
        async for _ in again:
            pass
    click.echo(f"Exported {again.sent:,} lines in {time.perf_counter() - begin:.0f} s; {described(watch, again.sent)}")
    if watch.peak["target"] - watch.before["target"] > OWN_MEMORY_MAX:
        faults.append("the export of what was restored took memory that grows")
    click.echo(f"digests of the exports: {export.digest}, {again.digest}")
    return faults if export.digest == again.digest else [*faults, "the exports differ"]


def described(watch: Watch, lines: int) -> str:
    """Return what servers had before and at the most, and what that is a line."""
    parts = []
    for name, before in watch.before.items():
        more = watch.peak[name] - before
        each = f"{more / lines:,.0f} bytes a line"
        parts.append(f"{name} {before / 1e6:,.0f} MB before, {more / 1e6:,.0f} MB more at the most ({each})")
    return "; ".join(parts)


async def compare(corpora: Path, copies: int, directory: Path) -> list[str]:
    """Do everything; returns what went wrong."""
    documents = [await read_document(corpora, path) for path in paths_of(corpora)]
    corpus = [(one, [mark for generation in draft_marks(one) for mark in generation]) for one in documents]
    marks = sum(len(found) for _, found in corpus)
    click.echo(f"{len(corpus)} documents with {marks:,} marks, {copies} times: {copies * marks:,} marks")
    servers = [ServerProcess(directory / name) for name in ("source", "target")]
    source, target = servers
    try:
        async with Client(source.url) as giving, Client(target.url) as taking:
            await entered(source, giving)
            await entered(target, taking)
            lines = await fill(source, giving, corpus, copies)
            faults = await carry(source, target, (giving, taking), lines)
        held = {name: resident_of(server.pid) for name, server in zip(("source", "target"), servers, strict=True)}
        faults += [f"{server.url} did not stop cleanly" for server in servers if server.stop() != 0]
        for name, server in zip(held, servers, strict=True):
            server.start()
            after = resident_of(server.pid)
            click.echo(f"{name}: {held[name] / 1e6:,.0f} MB at the end, {after / 1e6:,.0f} MB after a restart")
            server.stop()
    except BaseException:
        for server in servers:
            server.kill()
        raise
    states = [await state_of(directory / name) for name in ("source", "target")]
    click.echo(f"digests of the states: {', '.join(states)}")
    return faults if states[0] == states[1] else [*faults, "the states differ"]


@click.command()
@click.option("--corpora", type=click.Path(path_type=Path), default=None, help="A brat corpus of your own.")
@click.option("--copies", type=click.IntRange(1), default=62, show_default=True, help="About 16,000 marks each.")
def main(corpora: Path | None, copies: int) -> None:
    """Load corpora many times over, carry them into a second server, and compare the two."""
    corpus = fetch(Path(".corpora")) if corpora is None else corpora
    with tempfile.TemporaryDirectory(prefix="annolog-restore-") as name:
        faults = asyncio.run(compare(corpus, copies, Path(name)))
    for fault in faults:
        click.echo(f"FAULT: {fault}", err=True)
    click.echo("Both hold the same." if not faults else "FAILED")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
