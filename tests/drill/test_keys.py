"""What is sent again under its key."""

from __future__ import annotations

import random

from service.client.transport import Request
from service.drill.keys import KEPT_SECONDS, Keys, Sent
from tests.drill.story import Story, again, refusal

REQUEST = Request(method="POST", path="/v1/annotations")


def carried_out(story: Story, count: int) -> list[Sent]:
    """Return creations that were acknowledged."""
    return [(story.create(f"ann_{number}"), REQUEST) for number in range(count)]


def test_everything_that_was_carried_out_is_sent_again() -> None:
    """Acknowledged, or known by a retry; not what was refused, and not what nobody has answered yet."""
    story, keys = Story(), Keys()
    acknowledged, unanswered = story.create("ann_1"), story.create("ann_2")
    refused = story.update("ann_1", version=2, answer=refusal(412, "precondition-failed"))
    answer = again(unanswered)
    unanswered.answer = None
    keys.add((one, REQUEST) for one in (acknowledged, unanswered, refused))
    assert [one for one, _ in keys.kept(story.now)] == [acknowledged]
    story.retry(unanswered, answer)
    keys.add([(unanswered, REQUEST)])
    assert [one for one, _ in keys.kept(story.now)] == [acknowledged, unanswered]


def test_a_sample_is_no_larger_than_what_there_is() -> None:
    """And it holds nothing twice."""
    story, keys = Story(), Keys()
    keys.add(carried_out(story, 5))
    assert len({one.number for one, _ in keys.sample(random.Random(1), 3)}) == 3
    assert len({one.number for one, _ in keys.sample(random.Random(1), 9)}) == 5


def test_what_the_server_may_have_let_go_is_not_sent_again() -> None:
    """Of more than it keeps the oldest go first, and all after their time."""
    story, keys = Story(), Keys(kept_max=2)
    sent = carried_out(story, 3)
    keys.add(sent)
    assert keys.kept(story.now) == sent[1:]
    assert keys.kept(sent[1][0].invoked + KEPT_SECONDS) == sent[2:]
    assert keys.kept(sent[2][0].invoked + KEPT_SECONDS) == []
