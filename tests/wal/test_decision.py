"""The decision table of recovery is total and says one thing of each case."""

from itertools import product

import pytest

from wal.decision import (
    BASE_TABLE,
    TABLE,
    BaseFacts,
    BaseVerdict,
    Facts,
    Last,
    Place,
    Start,
    Verdict,
    decide,
    decide_base,
)
from wal.scanner import End

ALL_FACTS = [Facts(*facts) for facts in product(Place, Last, End, (False, True), (False, True))]

ALL_BASES = [BaseFacts(*facts) for facts in product((False, True), Start, (False, True))]


@pytest.mark.parametrize("facts", ALL_FACTS, ids=str)
def test_every_combination_of_facts_matches_exactly_one_row(facts: Facts) -> None:
    """Whatever is found, one row and no other speaks of it."""
    assert [row for row in TABLE if row.matches(facts)] == [decide(facts)]


def test_every_row_speaks_of_some_case() -> None:
    """No row is dead."""
    assert {decide(facts) for facts in ALL_FACTS} == set(TABLE)


def test_a_later_batch_always_means_refusal() -> None:
    """What a later batch proves to have been durable is never cut."""
    assert {decide(facts).verdict for facts in ALL_FACTS if facts.later} == {Verdict.REFUSE}


def test_garbled_bytes_always_mean_refusal() -> None:
    """A crash leaves zeros; other bytes are damage wherever they are."""
    assert {decide(facts).verdict for facts in ALL_FACTS if facts.end is End.GARBLED} == {Verdict.REFUSE}


def test_only_the_end_of_the_log_is_ever_cut() -> None:
    """A segment that a later one follows is whole or refused."""
    verdicts = {decide(facts).verdict for facts in ALL_FACTS if facts.place is Place.FOLLOWED}
    assert verdicts == {Verdict.NEXT, Verdict.REFUSE}


@pytest.mark.parametrize("facts", ALL_BASES, ids=str)
def test_every_base_matches_exactly_one_row(facts: BaseFacts) -> None:
    """Whatever the directory holds, one row and no other speaks of it."""
    assert [row for row in BASE_TABLE if row.matches(facts)] == [decide_base(facts)]


def test_an_empty_log_is_made_only_where_there_was_none() -> None:
    """Neither LOCK nor a snapshot may tell of one."""
    made = [facts for facts in ALL_BASES if decide_base(facts).verdict is BaseVerdict.CREATE]
    assert made == [BaseFacts(snapshot=False, start=Start.NOTHING, known=False)]
