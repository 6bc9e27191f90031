"""The name that is most like what was found, for whoever mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from heapq import nlargest

from service.errors import shown

_LENGTH_MAX = 40
_WHOLE_MAX = 10


def nearest(found: str, names: Iterable[str]) -> str:
    """Return, as the end of a sentence, which of some names is most like another one; nothing if there are none.

    What is long is compared by its beginning. Of many names those are compared whole that have the most letters in
    common with it: both together bound the work, whatever was sent.

    Args:
        found: That is none of the names.
        names: A thousand at most.
    """
    matcher = difflib.SequenceMatcher(None, b=found[:_LENGTH_MAX])

    def letters(name: str) -> float:
        matcher.set_seq1(name[:_LENGTH_MAX])
        return matcher.quick_ratio()

    def whole(name: str) -> float:
        matcher.set_seq1(name[:_LENGTH_MAX])
        return matcher.ratio()

    close = max(nlargest(_WHOLE_MAX, names, key=letters), key=whole, default=None)
    return "" if close is None else f"; the nearest is {shown(close)}"
