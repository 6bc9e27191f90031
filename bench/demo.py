"""The demonstration: real corpora over HTTP, SIGKILL in the middle, and nothing acknowledged is lost.

Run as ``python -m bench.demo``; `make demo` does. It ends with 1 if anything is missing.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import click
from tqdm import tqdm

from bench.corpora import fetch
from bench.server import ServerProcess
from service.brat.canonical import canonical
from service.brat.transfer import export_corpus, import_corpus, paths_of
from service.client import Client, ClientError, RetryPolicy
from service.client.types import DocumentDraft

EMAIL, PASSWORD = "demo@example.org", "correct horse battery"
EXPECTED = {
    "documents": 172,
    "characters": 316_157,
    "T": 9_664,
    "R": 5_786,
    "E": 700,
    "A": 3_752,
    "M": 50,
    "*": 92,
    "N": 1,
    "#": 1_173,
}
_PATIENT = RetryPolicy(tries=200, pause_seconds=0.05, pause_seconds_max=0.5)
_IMPATIENT = RetryPolicy(tries=1)
_CLIENTS = 16


class Round(NamedTuple):
    """One round of creating under a kill: what was acknowledged, and what was there afterwards."""

    acknowledged: int
    found: int
    lost: int
    kept: int
    recovery_seconds: float


async def load_and_kill(server: ServerProcess, corpus: Path) -> float:
    """Import a corpus; kill the server when half of it is there, and start it again. Returns its recovery's seconds."""
    async with Client(server.url, policy=_PATIENT) as client:
        await client.register(EMAIL, PASSWORD, name="Demo")
        await client.login(EMAIL, PASSWORD)
        total = len(paths_of(corpus))
        half = asyncio.Event()
        with tqdm(total=total, unit="document", desc="import", file=sys.stderr) as bar:

            def advance(documents: int) -> None:
                bar.update(documents)
                if bar.n * 2 >= total:
                    half.set()

            importing = asyncio.create_task(import_corpus(client, corpus, advance))
            halfway = asyncio.create_task(half.wait())
            await asyncio.wait((importing, halfway), return_when=asyncio.FIRST_COMPLETED)
            halfway.cancel()
            server.kill()
            seconds = await asyncio.to_thread(server.start)
            await importing
        tries = client.statistics
        click.echo(
            f"Killed at half of it; {server.said()}; ready after {seconds:.2f} s. "
            f"{tries.retries} requests were tried again, {tries.replayed} had been carried out already."
        )
    return seconds


async def counts_of(client: Client, corpus: Path, directory: Path) -> tuple[dict[str, int], list[str]]:
    """Export everything, count its lines, and compare it with the source; returns counts and faults."""
    faults = []
    exported = (await export_corpus(client, directory)).paths
    counts: Counter[str] = Counter(documents=len(exported))
    for path in paths_of(corpus):
        text = (directory / f"{path}.txt").read_bytes()
        lines = (directory / f"{path}.ann").read_bytes().decode()
        counts["characters"] += len(text.decode())
        counts.update(line[0] for line in lines.split("\n") if line and line[:2] not in ("# ", "#\t"))
        if text != (corpus / f"{path}.txt").read_bytes():
            faults.append(f"{path}.txt differs")
        if canonical(lines) != canonical((corpus / f"{path}.ann").read_bytes().decode()):
            faults.append(f"{path}.ann differs")
    return dict(counts), faults


async def check_spans(client: Client) -> tuple[int, list[str]]:
    """Compare each span's text with the slice of its document; returns how many there were, and faults."""
    texts = {one.id: (await client.documents.get(one.id)).text or "" async for one in client.documents.list()}
    checked, faults = 0, []
    async for mark in client.annotations.list(type="span", page_size=1000):
        pieces = [(one.start, one.end) for one in mark.fragments or ()] or [(mark.start or 0, mark.end or 0)]
        checked += 1
        if mark.text != " ".join(texts[mark.document_id][start:end] for start, end in pieces):
            faults.append(f"{mark.id} does not cover its text")
    return checked, faults


async def kill_round(server: ServerProcess, token: str, number: int, seconds: float) -> Round:
    """Create documents, kill the server after some seconds, start it again, and look for what was acknowledged."""
    acknowledged: set[str] = set()

    async def create(client: Client, name: int) -> None:
        place = 0
        while True:
            draft = DocumentDraft(title=f"{number}-{name}-{place}", external_id=f"round-{number}")
            try:
                acknowledged.add((await client.documents.create(draft)).id)
            except ClientError:
                return
            place += 1

    async with Client(server.url, token=token, policy=_IMPATIENT) as client:
        creating = [asyncio.create_task(create(client, name)) for name in range(_CLIENTS)]
        await asyncio.sleep(seconds)
        server.kill()
        await asyncio.gather(*creating)
    recovery_seconds = await asyncio.to_thread(server.start)
    async with Client(server.url, token=token, policy=_PATIENT) as client:
        listed = client.documents.list(external_id=f"round-{number}", page_size=1000)
        found = {document.id async for document in listed}
    return Round(len(acknowledged), len(found), len(acknowledged - found), len(found - acknowledged), recovery_seconds)


async def demonstrate(corpora: Path, rounds: int, seed: int, expected: dict[str, int] | None) -> list[str]:
    """Run everything; returns what went wrong."""
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="annolog-demo-") as name:
        directory = Path(name)
        server = ServerProcess(directory / "data")
        try:
            await load_and_kill(server, corpora)
            async with Client(server.url, policy=_PATIENT) as client:
                token = (await client.login(EMAIL, PASSWORD)).token
                counts, differing = await counts_of(client, corpora, directory / "export")
                spans, uncovered = await check_spans(client)
            faults += differing + uncovered
            click.echo(f"In the service: {', '.join(f'{count:,} {what}' for what, count in counts.items())}.")
            click.echo(f"{spans:,} spans checked against their text; {len(differing)} files of the re-export differ.")
            if expected is not None and counts != expected:
                faults.append(f"counted {counts}, expected {expected}")
            faults += await _rounds(server, token, rounds, random.Random(seed))
            if server.stop() != 0:
                faults.append("the last shutdown was not clean")
        except BaseException:
            server.kill()
            raise
    return faults


async def _rounds(server: ServerProcess, token: str, rounds: int, chance: random.Random) -> list[str]:
    click.echo("\nround  acknowledged   found  lost  unacknowledged, kept  recovery")
    totals: list[Round] = []
    for number in range(rounds):
        one = await kill_round(server, token, number, chance.uniform(0.05, 0.8))
        totals.append(one)
        click.echo(
            f"{number + 1:>5} {one.acknowledged:>13,} {one.found:>7,} {one.lost:>5} {one.kept:>21} "
            f"{one.recovery_seconds:>7.2f} s"
        )
    lost = sum(one.lost for one in totals)
    click.echo(
        f"  all {sum(one.acknowledged for one in totals):>13,} {sum(one.found for one in totals):>7,} {lost:>5} "
        f"{sum(one.kept for one in totals):>21}"
    )
    return [f"{lost} acknowledged documents are lost"] if lost else []


@click.command()
@click.option("--corpora", type=click.Path(path_type=Path), default=None, help="A brat corpus of your own.")
@click.option("--rounds", type=click.IntRange(0), default=20, show_default=True)
@click.option("--seed", type=int, default=None, help="Replays the moments of the kills.")
def main(corpora: Path | None, rounds: int, seed: int | None) -> None:
    """Load real corpora, kill the server in the middle, and show that nothing acknowledged was lost."""
    chosen = random.randrange(1 << 32) if seed is None else seed
    click.echo(f"seed {chosen}")
    begin = time.perf_counter()
    corpus, expected = (fetch(Path(".corpora")), EXPECTED) if corpora is None else (corpora, None)
    faults = asyncio.run(demonstrate(corpus, rounds, chosen, expected))
    for fault in faults:
        click.echo(f"FAULT: {fault}", err=True)
    click.echo(f"{'Nothing acknowledged was lost' if not faults else 'FAILED'}, {time.perf_counter() - begin:.0f} s.")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
