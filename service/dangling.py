"""What is pointed to and is not there: nothing in a state, but for one into which a part of an export was restored."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from service.kinds.marks import ANNOTATION
from service.state.state import State

_STEP = 256


def dangling(state: State, ids: Sequence[str]) -> Generator[None, None, list[str]]:
    """Return which of some annotations are not there, in steps."""
    table = state.tables[ANNOTATION.name]
    missing = []
    for place, key in enumerate(ids):
        if place % _STEP == 0:
            yield
        if table.number(key) is None:
            missing.append(key)
    return missing
