"""Show a request that was drawn: ``python -m tests.fuzz --seed S --number N``."""

from __future__ import annotations

import sys

import click

from tests.fuzz.requests import draw


@click.command()
@click.option("--seed", type=int, required=True)
@click.option("--number", type=int, required=True)
def main(seed: int, number: int) -> None:
    """Write the bytes of a request to the standard output, with ``@doc@`` and its like still in them."""
    sys.stdout.buffer.write(draw(seed, number).sent)


if __name__ == "__main__":
    main()
