"""What a campaign is, and what comes of one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

ROOT = "root"
"""What a campaign needs that only the administrator of a machine has."""


class Result(msgspec.Struct):
    """What came of a campaign.

    Attributes:
        states: How many were made and checked.
        findings: What is wrong, each with how to see it again; empty if all is well.
        figures: What else is worth telling, by name.
    """

    states: int
    findings: list[str]
    figures: dict[str, Any] = msgspec.field(default_factory=dict)


class Task(msgspec.Struct, frozen=True):
    """What a campaign is asked to do.

    Attributes:
        size: How many states, as its `full` counts them; an enumeration takes each n-th instead.
        seed: Of everything that is drawn.
        on_progress: Called with how many states there are by now.
        places: Only these, by the numbers in findings, whatever `size` says.
    """

    size: int
    seed: int
    on_progress: Callable[[int], None]
    places: tuple[int, ...] = ()


@dataclass(frozen=True)
class Campaign:
    """A fault model, and how to go through it.

    Attributes:
        name: On the command line.
        claim: What is shown if nothing is found; ``{states}`` stands for their number.
        full: The states of the full size.
        run: Goes through so many of them.
        needs: Programs that must be installed, and `ROOT`.
    """

    name: str
    claim: str
    full: int
    run: Callable[[Task], Result]
    needs: tuple[str, ...] = field(default=())

    def missing(self) -> list[str]:
        """Return what it needs and this machine does not have."""
        return [need for need in self.needs if not (os.geteuid() == 0 if need == ROOT else shutil.which(need))]
