"""What clients were told of edits is judged: histories made by hand, one for each thing that can be wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.campaigns.edit_history import DONE, REFUSED, Edit, History, Read, Seen, Told, chained, judge

ONE = Seen(1, {})
A = chained("", "a")
B = chained(A, "b")
TWO = Seen(2, {"chain": A})
THREE = Seen(3, {"chain": A, "c7": "u"})
FOUR = Seen(4, {"chain": B, "c7": "u"})


def done(seen: Seen, *, replayed: bool = False) -> Told:
    """Return the answer of who has carried out an edit."""
    return Told(DONE, seen, replayed)


def first(*answers: Told) -> Edit:
    """Return the edit that makes version 2, with a key."""
    return Edit(1, "ann", "a", 1, ONE, "key", list(answers) or [done(TWO), done(TWO, replayed=True)])


def second(*answers: Told) -> Edit:
    """Return the edit that makes version 3, which names no version."""
    return Edit(7, "ann", "u", 2, answers=list(answers) or [done(THREE)])


def third(*answers: Told) -> Edit:
    """Return the edit that makes version 4."""
    return Edit(2, "ann", "b", 3, THREE, None, list(answers) or [done(FOUR)])


def history(*edits: Edit, reads: tuple[Read, ...] = ()) -> History:
    """Return a history of one entity."""
    return History({"ann": ONE}, list(edits), list(reads))


LOST_SECOND, LOST_THIRD = replace(second(), answers=[]), replace(third(), answers=[])
LATE = Read("ann", FOUR)


@pytest.mark.parametrize(
    ("sound", "versions", "kept"),
    [
        (history(), 0, 0),
        (history(first(), second(), third(), reads=(LATE,)), 3, 0),
        (history(first(), second(), Edit(3, "ann", "c", 1, ONE, None, [Told(REFUSED)]), third()), 3, 0),
        (history(first(done(TWO, replayed=True)), second(), third()), 3, 0),
        (history(first(), LOST_SECOND, third()), 3, 1),
        (history(first(), LOST_SECOND, LOST_THIRD), 1, 0),
        (history(first(), second(), LOST_THIRD, reads=(LATE,)), 3, 1),
        (history(first(), LOST_SECOND, LOST_THIRD, reads=(LATE,)), 3, 2),
        (history(first(), LOST_SECOND, replace(LOST_SECOND, client=8, stamp="v"), third()), 3, 1),
    ],
)
def test_what_can_be_true_is_sound(sound: History, versions: int, kept: int) -> None:
    """Edits without an answer were carried out or not, as what was read afterwards says."""
    assert judge(sound) == ([], versions, kept)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (history(first(), second(done(TWO)), third()), "version 2 is 2 edits"),
        (history(first(), third()), "version 3: no edit that anybody knows"),
        (history(first(), second(), reads=(LATE,)), "version 4: no edit that anybody knows"),
        (history(first(), second(), third(done(Seen(5, FOUR.attributes)))), "rests on version 3 and became 5"),
        (history(first(), second(), replace(third(), base=Seen(3, {"chain": "x"}))), "edit b does not fit"),
        (history(first(), second(), third(), reads=(Read("ann", Seen(3, {"c7": "u"})),)), "version 3: told"),
        (history(first(), second(done(Seen(3, {"chain": A}))), third()), "version 3: told"),
        (history(first(), second(), third(), reads=(Read("ann", TWO, known=3),)), "and 3 was known before"),
        (history(first(), second(), third(), reads=(Read("ann", THREE, refused=3),)), "version 3 had been refused"),
        (history(first(done(TWO), done(THREE, replayed=True))), "more than once"),
        (history(first(done(TWO), done(TWO))), "carried out 2 times in 2 answers"),
        (history(first(), second(done(THREE, replayed=True))), "carried out 0 times in 1 answers under the key None"),
        (history(first(done(TWO), Told(REFUSED))), "was refused and carried out"),
        (history(first(Told(REFUSED), Told(REFUSED)), reads=(Read("ann", TWO),)), "no edit that anybody knows"),
        (history(first(), second(Told(REFUSED))), "names no version, and was refused"),
        (history(first(), second(Told(500))), "was answered [500]"),
        (history(replace(first(), answers=[])), "never answered, though it has a key"),
        (history(first(), replace(second(), known=3), third()), "became version 3, and 3 was known before"),
        (history(first(), LOST_THIRD, reads=(Read("ann", THREE),)), "no edit that anybody knows"),
        (history(first(), LOST_SECOND, reads=(LATE,)), "version 4: no edit that anybody knows"),
        (history(first(), LOST_SECOND, reads=(Read("ann", Seen(3, {"chain": A})),)), "version 3: told"),
    ],
)
def test_what_cannot_be_true_is_found(wrong: History, told: str) -> None:
    """Each thing that may be wrong, alone."""
    findings = judge(wrong).findings
    assert any(told in finding for finding in findings), findings


def test_edits_of_one_entity_say_nothing_of_another() -> None:
    """Each is replayed by itself."""
    other = [replace(edit, entity="other") for edit in (first(), second())]
    both = History({"ann": ONE, "other": ONE}, [first(), *other], [])
    assert judge(both) == ([], 3, 0)
