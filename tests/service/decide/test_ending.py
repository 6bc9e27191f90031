"""Assignments that end with what else happens: somebody leaves, an account is disabled, a review is done."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from service.commands import SetMember
from service.errors import CascadeTooLargeError, ConflictError, DomainError, ForbiddenError, NotFoundError
from tests.service.decide.team import Team


def leave(team: Team) -> None:
    """Take the annotator out of the project."""
    team.set_role("annotator", None)


def look_on(team: Team) -> None:
    """Let the annotator only look."""
    team.set_role("annotator", "viewer")


def disable(team: Team) -> None:
    """Disable the annotator's account."""
    team.disable("annotator")


def delete(team: Team) -> None:
    """Delete the annotator's account."""
    team.world.delete(team.actors["annotator"], "user", team.id("annotator"))


@pytest.mark.parametrize("go", [leave, look_on, disable, delete])
@pytest.mark.parametrize("state", ["todo", "in_progress"])
def test_who_goes_blocks_nobody(team: Team, go: Callable[[Team], None], state: str) -> None:
    """In the same transaction their document is free; the next one who asks is given it."""
    made = team.assign(state=state)
    assert team.take("editor").status == 204
    before = len(team.world.records)
    go(team)
    assert len(team.world.records) == before + 1
    after = team.value(made)
    assert (after["state"], after["version"], after["released_at"]) == ("skipped", 2, after["updated_at"])
    assert team.next("editor")["document_id"] == team.document


def test_who_is_disabled_has_nothing_to_do_in_any_project(team: Team) -> None:
    """What is done stays; and when the account is enabled nothing comes back, but what is free may be taken up."""
    owner = team.actors["owner"]
    elsewhere = team.world.project(owner, {team.id("annotator"): "annotator"})
    other = team.world.create(owner, "document", title="t", project_id=elsewhere)["id"]
    opened = [team.assign(), team.assign(document_id=other, state="in_progress")]
    done = team.assign(document_id=team.new_document(), state="done")
    team.disable("annotator")
    assert [team.value(one)["state"] for one in (*opened, done)] == ["skipped", "skipped", "done"]
    team.enable("annotator")
    assert [team.value(one)["state"] for one in opened] == ["skipped", "skipped"]
    again = team.move(opened[0], "in_progress")
    assert (again["state"], again.get("released_at")) == ("in_progress", None)
    team.next("owner", project=elsewhere)
    with pytest.raises(ConflictError, match="given to others"):
        team.move(opened[1], "in_progress")


@pytest.mark.parametrize("more", [0, 1])
def test_an_account_is_disabled_whatever_it_has_to_do(team: Team, more: int) -> None:
    """So much is taken back at once, the oldest; what is left over when `disabled` is said again."""
    made = [team.assign(document_id=team.new_document()) for _ in range(2 + more)]
    team.world.limits = msgspec.structs.replace(team.world.limits, cascade_max=2)
    team.disable("annotator")
    assert [team.value(one)["state"] for one in made] == ["skipped"] * 2 + ["todo"] * more
    team.disable("annotator")
    assert {team.value(one)["state"] for one in made} == {"skipped"}
    assert {team.value(one)["version"] for one in made} == {2}


def test_a_key_that_is_no_administrators_does_not_take_back_what_an_administrator_has_to_do(team: Team) -> None:
    """An administrator who leaves a project by such a key goes on doing what administrators may."""
    team.actors["admin"] = team.admin
    team.set_role("admin", "annotator")
    made = team.assign("admin", task="review")
    key = team.world.api_key(team.admin, "projects")
    team.world.do(SetMember(actor=key, operation="t", id=team.project, user_id=team.id("admin"), role=None))
    assert team.value(made) == made


@pytest.mark.parametrize("state", ["todo", "in_progress", "skipped"])
def test_an_adjudication_finishes_what_the_reviewer_had_to_review(team: Team, state: str) -> None:
    """In the same transaction, also if they had skipped it; what they had to annotate is left alone."""
    reviewing = team.assign("reviewer", task="review", state=state)
    annotating = team.assign("reviewer")
    before = len(team.world.records)
    team.adjudicate("reviewer")
    assert len(team.world.records) == before + 1
    after = team.value(reviewing)
    assert (after["state"], after["version"]) == ("done", 2)
    assert after["updated_at"] == team.world.value("document", team.document)["reviewed_at"]
    assert team.value(annotating) == annotating
    team.adjudicate("reviewer", replace=True)
    assert team.value(reviewing) == after


def test_an_adjudication_takes_back_what_others_had_to_review(team: Team) -> None:
    """What they have done stays done; who annotates goes on; and there is no assignment that nobody made."""
    team.join("second", "reviewer")
    team.join("third", "reviewer")
    opened, done = team.assign("second", task="review"), team.assign("third", task="review", state="done")
    elsewhere = team.assign("second", task="review", document_id=team.new_document())
    annotating = team.assign(state="in_progress")
    count = team.world.state.counts["assignment"]
    team.adjudicate("reviewer")
    after = team.value(opened)
    assert (after["state"], after["released_at"]) == ("skipped", after["updated_at"])
    assert [team.value(one) for one in (done, elsewhere, annotating)] == [done, elsewhere, annotating]
    assert team.world.state.counts["assignment"] == count
    with pytest.raises(ConflictError, match="The review of"):
        team.move(opened, "in_progress", by="second")


@pytest.mark.parametrize("becomes", [None, "viewer"])
def test_who_cannot_do_it_any_more_has_nothing_to_do(team: Team, becomes: str | None) -> None:
    """What is open is taken back and says so; what is done or was skipped stays as it was."""
    states = ("todo", "in_progress", "done", "skipped")
    opened, begun, done, skipped = (team.assign(document_id=team.new_document(), state=state) for state in states)
    team.set_role("annotator", becomes)
    for found in (opened, begun):
        after = team.value(found)
        assert (after["state"], after["version"]) == ("skipped", 2)
        assert after["released_at"] == after["updated_at"]
    assert team.value(done) == done
    assert team.value(skipped) == skipped
    error: type[DomainError] = NotFoundError if becomes is None else ForbiddenError
    with pytest.raises(error):
        team.move(opened, "done")


def test_a_new_role_takes_back_only_what_it_does_not_allow(team: Team) -> None:
    """A reviewer who becomes an annotator goes on annotating, and reviews no more."""
    annotating, reviewing = team.assign("reviewer"), team.assign("reviewer", task="review")
    team.set_role("reviewer", "annotator")
    assert team.value(annotating) == annotating
    assert team.value(reviewing)["state"] == "skipped"


def test_an_account_that_is_deleted_has_nothing_to_do(team: Team) -> None:
    """Its open assignments are taken back, up to the limit of a deletion; what it has done stays."""
    opened = [team.assign(document_id=team.new_document()) for _ in range(2)]
    done = team.assign(state="done")
    annotator = team.actors["annotator"]
    own = team.world.project(annotator, {})
    document = team.world.create(annotator, "document", title="t", project_id=own)
    team.world.create(annotator, "assignment", document_id=document["id"], user_id=team.id("annotator"))
    # The project that nobody else is in goes with it: itself, a document and an assignment.
    team.world.limits = msgspec.structs.replace(team.world.limits, cascade_max=4)
    with pytest.raises(CascadeTooLargeError, match="still to do"):
        team.world.delete(annotator, "user", team.id("annotator"))
    team.world.limits = msgspec.structs.replace(team.world.limits, cascade_max=5)
    team.world.delete(annotator, "user", team.id("annotator"))
    assert {team.value(one)["state"] for one in opened} == {"skipped"}
    assert team.value(done) == done
    assert team.world.state.counts["assignment"] == 3


def test_who_is_no_administrator_any_more_keeps_what_they_are_a_member_for(team: Team) -> None:
    """In projects of others they had something to do as an administrator alone."""
    team.actors["admin"] = team.world.user("other-admin@example.org")

    def set_role(role: str) -> None:
        team.world.update(team.admin, "user", team.id("admin"), {"role": role})

    set_role("admin")
    as_admin = team.assign("admin", task="review")
    set_role("member")
    assert team.value(as_admin)["state"] == "skipped"
    set_role("admin")
    team.set_role("admin", "annotator")
    annotating = team.assign("admin")
    team.move(as_admin, "todo", by="owner")
    set_role("member")
    assert team.value(annotating) == annotating
    assert team.value(as_admin)["state"] == "skipped"
