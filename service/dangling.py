"""What is pointed to and is not there: nothing in a state, but for one into which a part of an export was restored."""

from __future__ import annotations

from collections.abc import Generator

from service.kinds.marks import ANNOTATION, EXTRACTION
from service.state.state import State

_POINTERS = ((EXTRACTION.name, "target"), (ANNOTATION.name, "target"), (ANNOTATION.name, "rests_on"))
_STEP = 256


def dangling(state: State) -> Generator[None, None, int]:
    """Return how many annotations marks point to that are not there, in steps; the state may change between them."""
    annotations = state.tables[ANNOTATION.name]
    missing: set[str] = set()
    for kind, index in _POINTERS:
        targets = [target for target, _ in state.tables[kind].values(index) if target.startswith(ANNOTATION.prefix)]
        for place, target in enumerate(targets):
            if place % _STEP == 0:
                yield
            if annotations.number(target) is None:
                missing.add(target)
    return len(missing)
