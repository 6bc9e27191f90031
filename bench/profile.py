"""Flame graphs of the hot paths: py-spy looks at the server while it is loaded.

Run as ``python -m bench.profile``; `make profile` does.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from pathlib import Path

import click

from bench.load import closed_loop
from bench.peers.annolog import Annolog
from bench.peers.side import CREATE, GET, LIST, program_path

CLIENTS = 64


async def profile(results: Path, seconds: int) -> list[Path]:
    """Load each path, and write a flame graph of each; returns where they are.

    Raises:
        click.ClickException: py-spy is not installed, or may not look at the server.
    """
    program = program_path("py-spy")
    if program is None:
        raise click.ClickException("py-spy is not installed: pip install py-spy, or make profile.")
    results.mkdir(parents=True, exist_ok=True)
    written = []
    with tempfile.TemporaryDirectory(prefix="annolog-profile-") as folder:
        side = Annolog(Path(folder))
        try:
            await side.start()
            for kind in (CREATE, GET, LIST):
                written.append(results / f"{kind}.svg")
                command = [program, "record", "--pid", str(side.pid), "--duration", str(seconds), "--rate", "250"]
                looking = subprocess.Popen([*command, "--output", str(written[-1])], stderr=subprocess.PIPE)
                ask = side.asks[kind]
                await closed_loop(side.address, ask.request, ask.status, CLIENTS, seconds + 1.0)
                _, said = await asyncio.to_thread(looking.communicate)
                if looking.returncode:
                    raise click.ClickException(f"py-spy failed (it may take root): {said.decode().strip()}")
        finally:
            side.stop()
    return written


@click.command()
@click.option("--seconds", type=click.IntRange(1), default=10, show_default=True, help="Of each path.")
@click.option("--results", type=click.Path(path_type=Path), default=Path("profile"), show_default=True)
def main(seconds: int, results: Path) -> None:
    """Write create.svg, get.svg and list.svg."""
    for path in asyncio.run(profile(results, seconds)):
        click.echo(f"Wrote {path}.")


if __name__ == "__main__":
    main()
