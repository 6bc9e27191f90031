"""What a drill is to do: everything that is chosen before it begins."""

from __future__ import annotations

import random
import shlex
from collections.abc import Iterator
from typing import Literal, get_args

import msgspec

from service.drill.faults import Fault
from service.drill.server_process import COMMAND

ROUNDS_PER_DIRECTORY = 25
Mix = Literal["documents", "team", "both"]
MIXES: tuple[Mix, ...] = get_args(Mix)
BOTH: Mix = "both"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done.

    Attributes:
        rounds: How many.
        clients: At work at the same time.
        seconds: Of load in each round, about.
        seed: Of all choices.
        faults: That a round draws from.
        rounds_per_directory: After so many rounds a new data directory is begun.
        command: Starts a server.
        mix: What the clients do: private documents, team work, or half of them the one and half the other.
    """

    rounds: int
    clients: int
    seconds: float
    seed: int
    faults: tuple[Fault, ...]
    rounds_per_directory: int = ROUNDS_PER_DIRECTORY
    command: tuple[str, ...] = COMMAND
    mix: Mix = BOTH

    @property
    def clients_in_team(self) -> int:
        """Return how many clients do team work; of a single one that does both, it is this."""
        return {"documents": 0, "team": self.clients, "both": -(-self.clients // 2)}[self.mix]

    @property
    def clients_alone(self) -> int:
        """Return how many clients have documents of their own."""
        return self.clients - self.clients_in_team

    def replay(self, rounds: int) -> str:
        """Return the command that does so many rounds of it again."""
        options = ["--seed", self.seed, "--rounds", rounds, "--rounds-per-directory", self.rounds_per_directory]
        options += ["--clients", self.clients, "--seconds", self.seconds]
        options += ["--faults", ",".join(fault.name for fault in self.faults)]
        options += ["--mix", self.mix]
        if self.command != COMMAND:
            options += ["--server", shlex.join(self.command)]
        return shlex.join(["annolog", "drill", *map(str, options)])

    def fault_of(self, number: int) -> Fault:
        """Return the fault of a round."""
        return random.Random(f"{self.seed}/{number}").choice(self.faults)  # noqa: S311 - it is to be repeated

    def directories(self) -> Iterator[range]:
        """Yield the numbers of the rounds of each directory; they go on from one to the next."""
        for first in range(1, self.rounds + 1, self.rounds_per_directory):
            yield range(first, min(first + self.rounds_per_directory, self.rounds + 1))
