"""Assignments by hand: who may have which, what changes, and what becomes of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.commands import Actor, Invalid
from service.errors import (
    CascadeTooLargeError,
    FieldError,
    ForbiddenError,
    GoneError,
    ImmutableError,
    InvalidError,
    NotFoundError,
    PreconditionFailedError,
    TakenError,
)
from tests.service.decide.team import Team


def test_an_assignment_is_of_a_document_a_user_and_a_task(team: Team) -> None:
    """Its project is the document's; the same once more is refused and names the first, another task is not."""
    made = team.assign()
    assert {name: made[name] for name in ("document_id", "project_id", "user_id", "task", "state", "version")} == {
        "document_id": team.document,
        "project_id": team.project,
        "user_id": team.id("annotator"),
        "task": "annotate",
        "state": "todo",
        "version": 1,
    }
    with pytest.raises(TakenError) as caught:
        team.assign()
    assert made["id"] in caught.value.errors[0].detail
    assert team.assign("reviewer")["task"] == "annotate"
    assert team.assign("reviewer", task="review")["task"] == "review"


@pytest.mark.parametrize(
    ("role", "members", "pointer"),
    [
        ("viewer", {}, "/user_id"),
        ("annotator", {"task": "review"}, "/user_id"),
        ("editor", {"task": "review"}, "/user_id"),
        ("annotator", {"project_id": "proj_other"}, "/project_id"),
        ("annotator", {"started_at": "2026-01-01T00:00:00Z"}, "/started_at"),
        ("annotator", {"released_at": "2026-01-01T00:00:00Z"}, "/released_at"),
        ("annotator", {"version": 7}, "/version"),
    ],
)
def test_an_assignment_that_breaks_a_rule_names_the_place(
    team: Team, role: str, members: dict[str, Any], pointer: str
) -> None:
    """Who cannot do the task is not given it, and what the server sets is not the client's."""
    with pytest.raises(InvalidError) as caught:
        team.assign(role, **members)
    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_only_documents_of_projects_are_assigned_and_only_to_users(team: Team) -> None:
    """A private one has nobody else; who is no user, or none of the project, is named."""
    private = team.world.document(team.actors["owner"])
    with pytest.raises(InvalidError, match="breaks a rule"):
        team.assign(document_id=private)
    stranger = team.world.user("stranger@example.org")
    for user_id in (stranger.user_id, "user_none"):
        with pytest.raises(InvalidError):
            team.assign(user_id=user_id)
    with pytest.raises(NotFoundError):
        team.world.create(stranger, "assignment", document_id=team.document, user_id=stranger.user_id)


def test_an_account_that_is_disabled_is_given_nothing(team: Team) -> None:
    """And who assigns is not told that this is why: the words are those for who may not do it."""
    refusals = []
    team.disable("annotator")
    for role in ("annotator", "viewer"):
        with pytest.raises(InvalidError) as caught:
            team.assign(role)
        refusals.append(caught.value.errors[0].detail.replace(team.id(role), ""))
    assert refusals[0] == refusals[1]


def test_checks_come_in_their_order(team: Team) -> None:
    """Access, then preconditions, then the schema, then the rules."""
    made = team.assign()
    wrong = Invalid((FieldError("/state", "wrong"),))
    stranger = team.world.user("stranger@example.org")

    def update(actor: Actor, patch: Any, **conditions: Any) -> None:
        team.world.update(actor, "assignment", made["id"], patch, **conditions)

    with pytest.raises(NotFoundError):
        update(stranger, wrong, if_match=(7,))
    with pytest.raises(ForbiddenError):
        update(team.actors["reviewer"], wrong, if_match=(7,))
    with pytest.raises(PreconditionFailedError):
        update(team.actors["annotator"], wrong, if_match=(7,))
    with pytest.raises(InvalidError):
        update(team.actors["annotator"], wrong, if_match=(1,))
    with pytest.raises(ImmutableError):
        update(team.actors["annotator"], {"user_id": team.id("owner")})


def test_the_assignee_and_those_who_assign_change_the_state(team: Team) -> None:
    """Each change is a version; it is told when it was started."""
    made = team.assign()
    begun = team.move(made, "in_progress")
    assert (begun["version"], begun["started_at"]) == (2, begun["updated_at"])
    done = team.move(made, "done")
    assert (done["version"], done["state"], done["started_at"]) == (3, "done", begun["started_at"])
    again = team.move(made, "in_progress", by="editor")
    assert again["started_at"] == again["updated_at"] > begun["started_at"]
    for role in ("reviewer", "viewer"):
        with pytest.raises(ForbiddenError):
            team.move(made, "done", by=role)
    with pytest.raises(ForbiddenError):
        team.world.delete(team.actors["annotator"], "assignment", made["id"])
    team.world.delete(team.actors["editor"], "assignment", made["id"])
    with pytest.raises(GoneError):
        team.move(made, "done")


def test_an_assignment_is_put_under_an_id_of_ones_own(team: Team) -> None:
    """It is created and then replaced, and goes on with its version after a deletion."""
    key = team.world.ids.new("asg")
    draft = {"document_id": team.document, "user_id": team.id("annotator")}
    assert team.world.put(team.actors["owner"], "assignment", key, draft).status == 201
    put = team.world.put(team.actors["annotator"], "assignment", key, {**draft, "state": "done"})
    assert (put.status, put.version) == (200, 2)
    team.world.delete(team.actors["owner"], "assignment", key)
    assert team.world.put(team.actors["owner"], "assignment", key, draft).version == 3
    with pytest.raises(InvalidError, match="cannot be used"):
        team.world.put(team.actors["owner"], "assignment", "doc_x", draft)


def test_a_document_takes_its_assignments_with_it(team: Team) -> None:
    """In the same transaction; they count for its limit."""
    made = [team.assign(role) for role in ("owner", "annotator")]
    team.world.limits = msgspec.structs.replace(team.world.limits, cascade_max=2)
    with pytest.raises(CascadeTooLargeError, match="assignments"):
        team.world.delete(team.actors["owner"], "document", team.document)
    team.world.limits = msgspec.structs.replace(team.world.limits, cascade_max=3)
    before = len(team.world.records)
    team.world.delete(team.actors["owner"], "document", team.document)
    assert len(team.world.records) == before + 1
    assert team.world.state.counts["assignment"] == 0
    with pytest.raises(GoneError):
        team.move(made[1], "done")
