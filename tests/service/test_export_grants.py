"""What somebody may see, while an export of theirs is under way: it is looked at again when it may have changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.commands import SetMember
from service.errors import ForbiddenError
from service.exports import Stream
from service.kinds.project import ProjectRole
from tests.service.letters import Letters, rest_of

PROJECTS = 50


class Team(Letters):
    """The project with an annotator and another administrator, who has a key too.

    Attributes:
        annotator: Of the project.
        second: The other administrator.
        key: An API key of the other administrator's, with which they are none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.annotator = self.world.user("annotator@example.org")
        self.set_role("annotator")
        self.second = self.world.log_in(self.world.register("second@example.org", self.admin, role="admin").id)
        self.key = self.world.api_key(self.second, "read")

    def set_role(self, role: ProjectRole | None) -> None:
        """Give the annotator another role in the project."""
        user_id = self.annotator.user_id or ""
        self.world.do(SetMember(actor=self.owner, operation="t", id=self.project, user_id=user_id, role=role))

    def set_annotators(self, annotators: str) -> None:
        """Hide the annotations of others from the annotator, or do not."""
        self.world.update(self.owner, "project", self.project, {"annotators": annotators})

    def demote(self) -> None:
        """Make a member of the other administrator."""
        self.world.update(self.admin, "user", self.second.user_id or "", {"role": "member"})


async def test_a_piece_costs_the_same_however_many_projects_there_are() -> None:
    """After a change of any of them they are looked at, once."""
    team = Team()
    for _ in range(PROJECTS):
        team.world.project(team.owner, {})
    stream = team.open(team.admin)
    asked = team.projects.asked
    for _ in range(2):
        await anext(stream.chunks)
    assert team.projects.asked == asked
    team.world.update(team.owner, "project", team.project, {"description": "Another"})
    asked = team.projects.asked
    await anext(stream.chunks)
    assert team.projects.asked > asked + PROJECTS
    asked = team.projects.asked
    await rest_of(stream)
    assert team.projects.asked == asked


async def refused(stream: Stream) -> bool:
    """Tell if the next piece is refused."""
    try:
        await anext(stream.chunks)
    except ForbiddenError:
        return True
    return False


@pytest.mark.parametrize("of_all", [True, False])
@pytest.mark.parametrize(
    ("happens", "is_refused"),
    [
        (lambda team: team.set_role("reviewer"), True),
        (lambda team: team.set_role(None), True),
        (lambda team: team.set_annotators("independent"), True),
        (lambda team: team.world.delete(team.owner, "project", team.project, cascade=True), True),
        (lambda team: (team.set_role(None), team.set_role("annotator")), False),
        (lambda team: team.world.update(team.owner, "project", team.project, {"name": "Another"}), False),
        (lambda team: team.world.project(team.owner, {team.annotator.user_id: "viewer"}), False),
        (lambda team: team.demote(), False),
    ],
    ids=["role", "removed", "hidden", "deleted", "there and back", "name", "new project", "another account"],
)
async def test_a_member_gets_no_more_once_they_may_see_something_else(
    happens: Callable[[Team], object], *, is_refused: bool, of_all: bool
) -> None:
    """Of the project, or of one of its documents; of what came later there is nothing in the export."""
    team = Team()
    stream = team.open(team.annotator, **({} if of_all else {"document_id": team.documents[0]}))
    happens(team)
    assert await refused(stream) == is_refused
    if is_refused:
        assert await refused(team.resume(stream, team.annotator))


async def test_an_administrator_who_is_none_any_more_gets_no_more() -> None:
    """Though no project was changed."""
    team = Team()
    stream = team.open(team.second)
    assert not await refused(stream)
    team.demote()
    assert await refused(stream)


async def test_a_key_that_lets_less_be_seen_gets_nothing_of_an_export() -> None:
    """One that was opened by a session, by which its user is an administrator; the session still gets it."""
    team = Team()
    stream = team.open(team.second)
    assert not await refused(stream)
    assert await refused(team.resume(stream, team.key))
    assert not await refused(stream)


async def test_what_may_be_seen_again_is_told_again() -> None:
    """Only in between there is nothing."""
    team = Team()
    stream = team.open(team.annotator)
    team.set_role(None)
    assert await refused(stream)
    team.set_role("annotator")
    assert not await refused(team.resume(stream, team.annotator))


async def test_a_project_that_comes_back_is_looked_at_too() -> None:
    """Under its id, with other members."""
    team = Team()
    stream = team.open(team.annotator)
    team.world.delete(team.owner, "project", team.project, cascade=True)
    assert await refused(stream)
    team.world.put(team.owner, "project", team.project, {"name": "Letters"}, create_only=True)
    assert await refused(team.resume(stream, team.annotator))
    team.set_role("annotator")
    assert not await refused(team.resume(stream, team.annotator))
