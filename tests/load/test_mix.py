"""Mixes: what is asked, and how often."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from service.load.mix import WEIGHT_MAX, MixError, drawn, weights_of


def test_names_and_weights_are_read() -> None:
    """What has no weight is not asked."""
    assert weights_of("mixed") == {"get": 50, "list": 30, "create": 20}
    assert weights_of("list") == {"list": 1}
    assert weights_of("get=2, create=1,list=0") == {"get": 2, "create": 1}
    assert weights_of(f"get={WEIGHT_MAX}") == {"get": WEIGHT_MAX}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no part"),
        ("gets", "'gets'"),
        ("get=", "'get='"),
        ("get=-1", "'get=-1'"),
        ("get=1.5", "get=1.5"),
        ("get=1,get=2", "twice"),
        ("get=0,list=0", "are 0"),
        (f"get={WEIGHT_MAX + 1}", "at most"),
    ],
)
def test_what_is_no_mix_is_refused(text: str, says: str) -> None:
    """With what was found."""
    with pytest.raises(MixError, match=says):
        weights_of(text)


def test_each_kind_comes_as_often_as_its_weight_says() -> None:
    """And a seed gives the same ones again."""
    weights = weights_of("mixed")
    kinds = list(islice(drawn(weights, 7), 10_000))
    counts = Counter(kinds)
    assert {kind: round(count / 100) for kind, count in counts.items()}.keys() == weights.keys()
    assert all(abs(counts[kind] / 100 - weight) < 2 for kind, weight in weights.items())
    assert kinds == list(islice(drawn(weights, 7), 10_000))
    assert kinds != list(islice(drawn(weights, 8), 10_000))
