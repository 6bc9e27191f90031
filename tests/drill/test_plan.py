"""What a drill is to do, and how to do it again."""

from __future__ import annotations

import pytest

from service.drill.faults import FAULTS
from service.drill.plan import Mix, Plan


def planned(rounds: int, rounds_per_directory: int, clients: int = 3, mix: Mix = "both") -> Plan:
    """Return a plan."""
    return Plan(
        rounds=rounds,
        clients=clients,
        seconds=1.5,
        seed=7,
        faults=(FAULTS["kill"], FAULTS["term"]),
        rounds_per_directory=rounds_per_directory,
        mix=mix,
    )


@pytest.mark.parametrize(
    ("rounds", "rounds_per_directory", "expected"),
    [
        (1, 1, [[1]]),
        (3, 1, [[1], [2], [3]]),
        (4, 2, [[1, 2], [3, 4]]),
        (5, 2, [[1, 2], [3, 4], [5]]),
        (2, 3, [[1, 2]]),
        (3, 3, [[1, 2, 3]]),
    ],
)
def test_rounds_go_on_from_directory_to_directory(
    rounds: int, rounds_per_directory: int, expected: list[list[int]]
) -> None:
    """Each round is carried out once; the last directory may have fewer."""
    assert [list(one) for one in planned(rounds, rounds_per_directory).directories()] == expected


def test_faults_do_not_depend_on_directories() -> None:
    """A round has the same fault, wherever its directory begins."""
    assert [planned(9, 2).fault_of(one) for one in range(1, 10)] == [
        planned(9, 4).fault_of(one) for one in range(1, 10)
    ]


def test_the_command_that_does_it_again_has_all_choices() -> None:
    """Also where a directory begins, on which the requests depend."""
    assert planned(9, 4).replay(5) == (
        "annolog drill --seed 7 --rounds 5 --rounds-per-directory 4 --clients 3 --seconds 1.5 --faults kill,term "
        "--mix both"
    )


@pytest.mark.parametrize(
    ("clients", "mix", "expected"),
    [(1, "both", (1, 0)), (2, "both", (1, 1)), (5, "both", (3, 2)), (5, "team", (5, 0)), (5, "documents", (0, 5))],
)
def test_clients_are_divided_between_the_mixes(clients: int, mix: Mix, expected: tuple[int, int]) -> None:
    """Half of them in a team; everybody does something."""
    plan = planned(1, 1, clients, mix)
    assert (plan.clients_in_team, plan.clients_alone) == expected
