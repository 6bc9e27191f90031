"""The judge of assignments, over histories that were written by hand."""

from __future__ import annotations

import copy

from service.drill.violation import Broken
from tests.drill.team.story import FIRST, REVIEWER, THIRD, Story


def test_a_document_is_given_to_no_more_people_than_the_project_wants(story: Story) -> None:
    """Two have it; who skipped it does not count."""
    story.state("asg_1", "skipped")
    story.next("asg_3", THIRD)
    healthy = copy.deepcopy(story)
    healthy.look()
    assert healthy.broken() == set()
    story.next("asg_4", "annotator-4")
    story.look()
    assert story.broken() == {Broken.GIVEN}


def test_a_document_is_given_to_nobody_twice(story: Story) -> None:
    """Not even to who skipped it."""
    story.state("asg_1", "skipped")
    story.next("asg_3", FIRST)
    story.look()
    assert story.broken() == {Broken.GIVEN}


def test_a_document_is_reviewed_by_one(story: Story) -> None:
    """At a time."""
    story.next("asg_3", REVIEWER, "review", document="doc_2")
    story.next("asg_4", "reviewer-2", "review", document="doc_2")
    story.look()
    assert story.broken() == {Broken.GIVEN}


def test_who_skipped_a_review_may_adjudicate_all_the_same(story: Story) -> None:
    """They have done it then; whoever was given it meanwhile may have it done as well, which is nobody's fault."""
    story.next("asg_3", REVIEWER, "review")
    story.state("asg_3", "skipped")
    story.next("asg_4", "reviewer-2", "review")
    story.state("asg_4", "done")
    unskipped, unasked = copy.deepcopy(story), Story()
    for key in ("ann_1", "ann_2"):
        unasked.annotate(key)
    unasked.next("asg_3", REVIEWER, "review")
    unasked.next("asg_4", "reviewer-2", "review")
    unasked.state("asg_4", "done")
    unasked.adjudicate("ann_7", take="ann_1", reject="ann_2")
    unasked.look()
    assert unasked.broken() == {Broken.GIVEN}
    story.adjudicate("ann_7", take="ann_1", reject="ann_2")
    story.look()
    assert story.broken() == set()
    unskipped.state("asg_3", "done")
    unskipped.look()
    assert unskipped.broken() == {Broken.GIVEN}


def test_an_assignment_that_nobody_was_given_is_told(story: Story) -> None:
    """It came of nothing."""
    story.things["assignments"]["asg_x"] = story.things["assignments"]["asg_1"] | {
        "id": "asg_x",
        "document_id": "doc_2",
    }
    story.look()
    assert story.broken() == {Broken.GIVEN}


def test_the_document_of_somebody_else_is_not_given(story: Story) -> None:
    """Who asks is told what they have themselves."""
    story.deed("create", "next", THIRD, story.things["assignments"]["asg_1"], sent={"task": "annotate"})
    story.look()
    assert Broken.GIVEN in story.broken()


def test_a_state_that_is_forgotten_is_told(story: Story) -> None:
    """It was done, and is in progress, with the version of what is done."""
    story.state("asg_1", "done")
    story.things["assignments"]["asg_1"]["state"] = "in_progress"
    story.look()
    assert Broken.VALUE in story.broken()
