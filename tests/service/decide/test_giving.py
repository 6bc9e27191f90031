"""The next document: one decision, by the rule of the project."""

from __future__ import annotations

from typing import Any

import pytest

from service.commands import Invalid
from service.decide.giving import RELEASED_MAX
from service.errors import ConflictError, FieldError, ForbiddenError, InvalidError, NotFoundError
from service.state.table import PREFIX_ROWS_MIN
from tests.service.decide.team import Team

SECOND_US = 1_000_000


@pytest.fixture
def team() -> Team:
    """Give one whose project has three documents, of which two people annotate each, and two more annotators."""
    team = Team()
    for _ in range(2):
        team.new_document()
    for name in ("ada", "bob"):
        team.join(name, "annotator")
    team.rule(annotators_per_document=2)
    return team


def documents(team: Team) -> list[str]:
    """Return the project's documents, the oldest first."""
    return [key for key, _ in team.world.state.tables["document"].items()]


def finish(team: Team, role: str, task: Any = "annotate") -> str:
    """Take the next document and do it; returns which it was."""
    made = team.next(role, task)
    team.move(made, "done", by=role)
    return str(made["document_id"])


def test_a_document_is_given_until_enough_people_have_it(team: Team) -> None:
    """The fewest first, the oldest of those; nobody has one twice; then there is nothing left: 204."""
    first, second, third = documents(team)
    assert [finish(team, "ada") for _ in range(3)] == [first, second, third]
    assert [finish(team, "bob") for _ in range(2)] == [first, second]
    assert finish(team, "annotator") == third
    for role in ("ada", "bob", "annotator", "editor"):
        outcome = team.take(role)
        assert (outcome.status, outcome.body, outcome.kind) == (204, b"", "")


def test_documents_can_be_finished_one_after_the_other(team: Team) -> None:
    """With the order `begun` those that most people have go first."""
    team.rule(annotators_per_document=2, order="begun")
    first, second, third = documents(team)
    taken = [finish(team, role) for role in ("ada", "bob", "annotator", "ada", "bob", "ada")]
    assert taken == [first, first, second, second, third, third]


def test_who_asks_again_gets_the_same_again(team: Team) -> None:
    """Nothing is changed by it, so a retry is safe; a new one comes once that is done or skipped."""
    made = team.take("ada")
    records = len(team.world.records)
    again = team.take("ada")
    assert (made.status, again.status) == (201, 200)
    assert (again.body, again.version) == (made.body, 1)
    assert len(team.world.records) == records
    assert team.next("bob")["document_id"] != team.next("ada")["document_id"]
    team.move(team.next("ada"), "skipped", by="ada")
    assert team.take("ada").status == 201


def test_what_was_given_by_hand_comes_first(team: Team) -> None:
    """The oldest of it, also beyond the number of annotators; it is in progress then."""
    document = documents(team)[2]
    by_hand = [team.assign(role, document_id=document) for role in ("ada", "bob", "annotator")]
    outcome = team.take("ada")
    assert (outcome.status, outcome.id, outcome.version) == (200, by_hand[0]["id"], 2)
    begun = team.value(by_hand[0])
    assert (begun["state"], begun["started_at"]) == ("in_progress", begun["updated_at"])
    assert finish(team, "ada") == document


def test_what_was_skipped_or_deleted_by_hand_counts_no_more(team: Team) -> None:
    """Somebody else gets it, who skipped it does not; who had it deleted may."""
    team.rule(annotators_per_document=1)
    first, second, _ = documents(team)
    team.move(team.next("ada"), "skipped", by="ada")
    assert team.next("bob")["document_id"] == first
    made = team.next("ada")
    assert made["document_id"] == second
    team.world.delete(team.actors["owner"], "assignment", made["id"])
    assert team.next("ada")["document_id"] == second


def test_what_takes_too_long_is_taken_back_when_somebody_asks(team: Team) -> None:
    """To the microsecond; it goes to somebody else, and never again to who had it."""
    team.rule(annotators_per_document=1, release_after=60)
    first, second, third = documents(team)
    late = team.next("ada")
    assert late["document_id"] == first
    team.world.now += 60 * SECOND_US - 2
    assert team.next("bob")["document_id"] == second
    # One microsecond later it is a minute.
    made = team.next("annotator")
    assert made["document_id"] == first
    released = team.value(late)
    assert (released["state"], released["released_at"], released["version"]) == ("skipped", made["created_at"], 2)
    with pytest.raises(ConflictError, match="given to others since"):
        team.move(late, "done", by="ada")
    assert finish(team, "ada") == third
    assert team.take("ada").status == 204


def test_who_comes_back_late_goes_on_if_nobody_has_it(team: Team) -> None:
    """By asking again, from now on; or by saying that it is done while there is a place."""
    team.rule(annotators_per_document=1, release_after=60)
    made = team.next("ada")
    team.world.now += 100 * SECOND_US
    again = team.next("ada")
    assert (again["id"], again["version"], again["state"]) == (made["id"], 2, "in_progress")
    assert again["started_at"] == again["updated_at"] > made["started_at"]
    team.world.now += 100 * SECOND_US
    for role in ("bob", "annotator"):
        team.move(team.next(role), "done", by=role)
    # Theirs was taken back for nobody: the first who asked was given it, and the second another one.
    assert team.value(made)["state"] == "skipped"
    other = team.next("ada")
    team.move(other, "skipped", by="ada")
    assert team.move(other, "done", by="ada")["state"] == "done"


def test_those_who_assign_give_back_what_was_taken(team: Team) -> None:
    """Whoever has it by now; but not to somebody who may not do it any more."""
    team.rule(annotators_per_document=1)
    made = team.next("ada")
    team.move(made, "skipped", by="ada")
    team.next("bob")
    assert team.move(made, "todo", by="editor")["state"] == "todo"
    team.set_role("ada", None)
    with pytest.raises(InvalidError) as caught:
        team.move(made, "todo", by="editor")
    assert caught.value.errors[0].pointer == "/user_id"


def test_a_review_waits_until_all_have_annotated(team: Team) -> None:
    """The oldest of those that enough have annotated, one reviewer for each, and no one who annotated it."""
    first, second, _ = documents(team)
    team.join("second", "reviewer")
    assert finish(team, "reviewer") == first
    assert team.take("second", "review").status == 204
    assert finish(team, "ada") == second
    assert finish(team, "ada") != second
    assert finish(team, "ada") == first
    # Two have annotated the first now, one of them the reviewer.
    assert team.take("reviewer", "review").status == 204
    made = team.next("second", "review")
    assert (made["document_id"], made["task"]) == (first, "review")
    # Who reviews it does not annotate it either; and no second reviewer is given it.
    team.rule(annotators_per_document=3)
    assert team.next("second")["document_id"] != first
    team.rule(review_own=True)
    assert team.take("owner", "review").status == 204 or team.next("owner", "review")["document_id"] != first


def test_a_reviewer_may_be_given_what_they_annotated_if_the_project_says_so(team: Team) -> None:
    """As a small team must."""
    team.rule(annotators_per_document=1, review_own=True)
    document = finish(team, "reviewer")
    assert team.next("reviewer", "review")["document_id"] == document


def test_who_annotated_without_an_assignment_does_not_review_their_own_work(team: Team) -> None:
    """As long as an annotation of theirs is there; another one does, and they too if the project says so."""
    team.rule(annotators_per_document=1)
    team.join("second", "reviewer")
    first, second, third = (finish(team, "ada") for _ in range(3))
    marks = [team.annotate("reviewer", first) for _ in range(2)]
    assert team.next("reviewer", "review")["document_id"] == second
    team.move(team.next("reviewer", "review"), "done", by="reviewer")
    assert team.next("second", "review")["document_id"] == first
    team.move(team.next("second", "review"), "skipped", by="second")
    team.world.delete(team.actors["reviewer"], "annotation", marks[0])
    made = team.next("reviewer", "review")
    assert made["document_id"] == third
    team.move(made, "skipped", by="reviewer")
    assert team.take("reviewer", "review").status == 204
    team.rule(review_own=True)
    assert team.take("reviewer", "review").status == 201


def test_who_deletes_all_that_they_annotated_may_review(team: Team) -> None:
    """There is nothing of their own any more."""
    team.rule(annotators_per_document=1)
    first = finish(team, "ada")
    marks = [team.annotate("reviewer", first) for _ in range(2)]
    for mark in marks:
        assert team.take("reviewer", "review").status == 204
        team.world.delete(team.actors["reviewer"], "annotation", mark)
    assert team.next("reviewer", "review")["document_id"] == first


def test_an_annotation_alone_holds_no_place(team: Team) -> None:
    """Nobody knows if it is all: who made it is given the document like others, and counts when they say done."""
    team.rule(annotators_per_document=2)
    first, second, _ = documents(team)
    for role in ("ada", "annotator"):
        team.annotate(role, first)
    assert team.next("bob")["document_id"] == first
    assert team.next("ada")["document_id"] == second
    # By hand they are counted without being asked.
    team.assign("annotator", document_id=first, state="done")
    assert team.world.state.supply.counts_of(first).annotators == 2
    assert team.next("annotator")["document_id"] != first


def test_a_document_that_somebody_is_still_at_is_not_reviewed(team: Team) -> None:
    """Also if more have it than the project wants; taking that back makes it ready."""
    team.rule(annotators_per_document=1, release_after=60)
    first = finish(team, "ada")
    team.assign("bob", document_id=first, state="in_progress")
    assert team.take("reviewer", "review").status == 204
    team.world.now += 60 * SECOND_US
    assert team.next("reviewer", "review")["document_id"] == first


def test_a_document_whose_review_is_done_is_given_to_nobody(team: Team) -> None:
    """Neither to annotate nor to review; a reviewer skips it, and another one gets it, while it is not done."""
    team.rule(annotators_per_document=1)
    first, second, _ = documents(team)
    team.adjudicate("owner", second)
    assert finish(team, "ada") == first
    team.join("second", "reviewer")
    team.move(team.next("reviewer", "review"), "skipped", by="reviewer")
    assert team.next("second", "review")["document_id"] == first
    team.move(team.next("second", "review"), "skipped", by="second")
    team.adjudicate("owner", first)
    assert team.take("owner", "review").status == 204
    assert finish(team, "bob") != second


def test_checks_come_in_their_order(team: Team) -> None:
    """404, then the schema, then 403, as the task is in the body."""
    team.actors["stranger"] = team.world.user("stranger@example.org")
    wrong = Invalid((FieldError("/task", "wrong"),))
    with pytest.raises(NotFoundError):
        team.take("stranger", wrong)
    with pytest.raises(InvalidError):
        team.take("viewer", wrong)
    with pytest.raises(ForbiddenError):
        team.take("viewer")
    for role in ("annotator", "editor"):
        with pytest.raises(ForbiddenError):
            team.take(role, "review")


@pytest.mark.parametrize(
    ("rule", "is_valid"),
    [
        ({"annotators_per_document": 1}, True),
        ({"annotators_per_document": 100}, True),
        ({"annotators_per_document": 0}, False),
        ({"annotators_per_document": 101}, False),
        ({"release_after": 1}, True),
        ({"release_after": 0}, False),
        ({"release_after": 315_360_000}, True),
        ({"release_after": 315_360_001}, False),
        ({"order": "begun"}, True),
        ({"order": "newest"}, False),
        ({"annotators": 2}, False),
    ],
)
def test_the_rule_of_a_project_has_limits(team: Team, rule: dict[str, Any], is_valid: bool) -> None:
    """At each of them, and one past it."""
    if is_valid:
        team.rule(**rule)
        assert rule.items() <= team.world.value("project", team.project)["assignment"].items()
        assert team.take("ada").status == 201
    else:
        with pytest.raises(InvalidError):
            team.rule(**rule)


@pytest.mark.parametrize("more", [0, 1])
def test_so_many_are_taken_back_at_once(team: Team, more: int) -> None:
    """The oldest; what is left over is taken back when the next one asks."""
    team.rule(annotators_per_document=1, release_after=60)
    keys = [
        team.assign("editor", document_id=team.new_document(), state="in_progress")["id"]
        for _ in range(RELEASED_MAX + more)
    ]
    team.world.now += 60 * SECOND_US
    team.next("ada")
    states = [team.world.value("assignment", key)["state"] for key in keys]
    assert states == ["skipped"] * RELEASED_MAX + ["in_progress"] * more
    team.next("bob")
    assert {team.world.value("assignment", key)["state"] for key in keys} == {"skipped"}


def test_what_goes_on_keeps_its_place_in_time(team: Team) -> None:
    """A change that is none does not make it younger than what was begun after it."""
    team.rule(annotators_per_document=1, release_after=60)
    first, second = team.next("ada"), team.next("bob")
    team.world.now += 30 * SECOND_US
    team.move(first, "in_progress", by="ada")
    assert list(team.world.state.supply.started_until(team.project, second["started_at"])) == [
        first["id"],
        second["id"],
    ]
    team.world.now += 31 * SECOND_US
    assert team.next("annotator")["document_id"] == first["document_id"]
    assert team.value(second)["state"] == "skipped"


def test_documents_are_given_out_after_many_were_deleted(team: Team) -> None:
    """The rows that the table has forgotten are forgotten here too."""
    for document_id in documents(team):
        team.world.delete(team.actors["owner"], "document", document_id)
    for _ in range(PREFIX_ROWS_MIN + 10):
        team.world.delete(team.actors["owner"], "document", team.new_document())
    left = [team.new_document() for _ in range(3)]
    assert team.world.state.tables["document"].base >= PREFIX_ROWS_MIN
    assert [finish(team, "ada") for _ in left] == left
    assert [finish(team, "bob") for _ in left] == left
    assert team.take("annotator").status == 204
    team.assign("annotator", document_id=left[1])
    assert finish(team, "annotator") == left[1]
