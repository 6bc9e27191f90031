"""Fifty clients take documents from a real server that is killed in the middle; the full size is a campaign."""

from __future__ import annotations

import random
from pathlib import Path

from tests.campaigns.campaign import Task
from tests.campaigns.next_document import ANNOTATORS, CLIENTS, judge, take_all


async def test_each_document_is_given_to_exactly_so_many_people_across_a_kill(tmp_path: Path) -> None:
    """None twice to the same one, nothing acknowledged is lost; and what would be wrong is noticed."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    documents = 100
    result, team = await take_all(tmp_path, Task(documents, seed, lambda _: None), kills=1)
    assert result.findings == []
    assert result.states == documents * ANNOTATORS == len(team.given)
    assert len(team.users) == CLIENTS
    key, (document_id, user_id) = next(iter(team.given.items()))
    one = {"id": key, "document_id": document_id, "user_id": user_id, "state": "todo"}
    assert len(judge(team, 1, [one])) > documents
    twice = [{**one, "id": str(number)} for number in range(ANNOTATORS)]
    assert any("3 times" in finding for finding in judge(team, 1, [*twice, *({"id": k, **one} for k in team.done)]))
