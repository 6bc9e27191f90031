"""Try the seeded bugs: ``python -m tests.mutants``, or with ``--only TEXT`` those whose name holds a text.

Exit codes: 0 all were caught, 1 one was not, or the tests fail without any bug.
"""

from __future__ import annotations

import sys

import click

from tests.mutants.catalogue import MUTANTS
from tests.mutants.trial import Fate, try_mutant


@click.command()
@click.option("--only", "part", default="", help="Those whose name holds this.")
@click.option("--verbose", is_flag=True, help="Show what the tests said where a bug was not caught.")
def main(part: str, verbose: bool) -> None:
    """Seed one bug after the other and tell by which test it is caught."""
    missed = 0
    for mutant in (mutant for mutant in MUTANTS if part in mutant.name):
        trial = try_mutant(mutant)
        is_caught = trial.fate is Fate.CAUGHT
        missed += not is_caught
        click.echo(f"{mutant.name}: {trial.fate.value}" + (f" by {trial.told}" if is_caught else ""))
        if verbose and not is_caught:
            click.echo(trial.told)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
