"""What an export covers of a state, as one number: two servers that hold the same have the same."""

from __future__ import annotations

from collections.abc import Generator

from service.exporting import ORDER
from service.kinds.document import TEXT
from service.state.state import State
from wal import digest

COVERED = (*ORDER, TEXT.name)
_STEP = 64


def covered_digest(state: State) -> Generator[None, None, int]:
    """Return, in steps, the state digest of the kinds that an export tells, whoever may see them.

    Users, what belongs to their accounts, and what is remembered of deletions and answers are left out: exports tell
    nothing of them.
    """
    total = 0
    for kind in COVERED:
        for place, (key, value) in enumerate(state.tables[kind].items()):
            total = digest.add(total, digest.entity_hash(kind, key, value))
            if place % _STEP == 0:
                yield
    return total
