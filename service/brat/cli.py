"""`annolog import brat` and `annolog export brat`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from service.brat.entries import StandoffError
from service.brat.rendering import Unrenderable
from service.brat.transfer import Progress, export_corpus, import_corpus, paths_of
from service.client import Client, ClientError

EXIT_TRANSFER = 6

_url = click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="Address of the server.")
_email = click.option("--email", required=True, help="Who logs in.")
_password = click.option(
    "--password", envvar="ANNOLOG_PASSWORD", prompt=True, hide_input=True, help="Better given by ANNOLOG_PASSWORD."
)


@click.command("brat")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_url
@_email
@_password
def import_brat(directory: Path, url: str, email: str, password: str) -> None:
    """Import pairs of .txt and .ann. Run it again if it was cut off: nothing is created twice."""

    async def work(client: Client, advance: Progress) -> None:
        created = await import_corpus(client, directory, advance)
        click.echo(f"{len(created)} documents are in {url}.")

    _transfer(url, email, password, work, lambda: len(paths_of(directory)))


@click.command("brat")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@_url
@_email
@_password
def export_brat(directory: Path, url: str, email: str, password: str) -> None:
    """Export one's documents as pairs of .txt and .ann."""

    async def work(client: Client, advance: Progress) -> None:
        exported = await export_corpus(client, directory, advance)
        click.echo(f"{len(exported.paths)} documents are in {directory}.")
        if exported.refused:
            raise ExceptionGroup("documents were left out", exported.refused)

    _transfer(url, email, password, work, lambda: None)


def _transfer(
    url: str,
    email: str,
    password: str,
    work: Callable[[Client, Progress], Awaitable[None]],
    count: Callable[[], int | None],
) -> None:
    async def run() -> None:
        async with Client(url) as client:
            await client.login(email, password)
            with tqdm(total=count(), unit="document", file=sys.stderr) as bar:
                await work(client, bar.update)

    try:
        asyncio.run(run())
    except* (ClientError, StandoffError, Unrenderable, OSError) as group:
        for error in _leaves(group):
            click.echo(f"annolog: {error}", err=True)
        sys.exit(EXIT_TRANSFER)


def _leaves(error: BaseException) -> list[BaseException]:
    nested: Any = getattr(error, "exceptions", None)
    return [error] if nested is None else [leaf for one in nested for leaf in _leaves(one)]
