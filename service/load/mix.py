"""What is asked, and how often: named mixes, and weights of one's own."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import accumulate

CREATE, GET, LIST = "create", "get", "list"
KINDS = (CREATE, GET, LIST)
NAMED: Mapping[str, Mapping[str, int]] = {
    CREATE: {CREATE: 1},
    GET: {GET: 1},
    LIST: {LIST: 1},
    "mixed": {GET: 50, LIST: 30, CREATE: 20},
}
WEIGHT_MAX = 1_000_000


class MixError(ValueError):
    """A mix that cannot be read; the message tells what was found and what is expected."""


def weights_of(text: str) -> dict[str, int]:
    """Return the weight of each kind of request that a mix holds.

    Args:
        text: A name, or weights such as ``get=50,list=30,create=20``.

    Raises:
        MixError: It is neither.
    """
    if text in NAMED:
        return dict(NAMED[text])
    weights: dict[str, int] = {}
    for part in text.split(","):
        kind, _, weight = (piece.strip() for piece in part.partition("="))
        if kind not in KINDS or not weight.isdecimal() or int(weight) > WEIGHT_MAX:
            raise MixError(
                f"{part.strip()!r} is no part of a mix: expected one of {', '.join(NAMED)}, "
                f"or weights of {', '.join(KINDS)} such as get=50,list=30,create=20, {WEIGHT_MAX} at most."
            )
        if kind in weights:
            raise MixError(f"{kind} is there twice in {text!r}.")
        weights[kind] = int(weight)
    held = {kind: weight for kind, weight in weights.items() if weight}
    if not held:
        raise MixError(f"All weights of {text!r} are 0: nothing would be asked.")
    return held


def drawn(weights: Mapping[str, int], seed: int) -> Iterator[str]:
    """Yield kinds of requests for ever, each as often as its weight says; a seed gives the same ones again."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    kinds, sums = list(weights), list(accumulate(weights.values()))
    while True:
        yield from chance.choices(kinds, cum_weights=sums, k=256)
