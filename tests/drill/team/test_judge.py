"""The judge of team work over histories that were written by hand: each broken promise is found, healthy ones pass."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest

from service.drill.history import Answer
from service.drill.team.history import Deed
from service.drill.violation import Broken
from tests.drill.team.story import FIRST, PROJECT, REVIEWER, SECOND, THIRD, USERS, Story, answer_with


def test_a_healthy_round_passes(story: Story) -> None:
    """Marks, labels, assignments, a review, guests, a transaction, and all of it sent again."""
    story.several("ann_5", "ann_6")
    story.change("ann_1", "changed", expects=1)
    story.rename("red", "green")
    story.state("asg_1", "done")
    story.state("asg_2", "skipped")
    story.next("asg_3", THIRD)
    story.next("asg_4", REVIEWER, "review")
    story.adjudicate("ann_7", take="ann_1", reject="ann_2")
    story.merge("blue", "green")
    story.join("guest-1", "viewer")
    story.leave("guest-1")
    for deed in story.deeds:
        if deed.key:
            story.retried(deed)
    story.look()
    assert story.broken() == set()


def test_what_nobody_acknowledged_may_be_there_or_not(story: Story) -> None:
    """There, its retry is told the first answer; not there, its retry does it."""
    kept = story.annotate("ann_5")
    kept.answer = None
    other = story.annotate("ann_6")
    other.answer = None
    story.retried(kept, story.things["annotations"]["ann_5"], status=201)
    story.retried(other, story.things["annotations"]["ann_6"], status=201, replayed=False)
    story.look()
    assert story.broken() == set()
    assert (kept.is_kept, other.is_kept) == (True, False)


@pytest.mark.parametrize(
    ("collection", "key"),
    [("annotations", "ann_1"), ("annotations", "ann_4"), ("extractions", "ext_1"), ("documents", "doc_2")],
)
def test_what_was_acknowledged_and_is_not_there_is_lost(story: Story, collection: str, key: str) -> None:
    """A mark, a verdict, an extraction, a document."""
    del story.things[collection][key]
    story.look()
    assert Broken.LOST in story.broken()


def test_an_assignment_that_is_gone_is_lost(story: Story) -> None:
    """So its document may be given once more."""
    del story.things["assignments"]["asg_1"]
    story.look()
    assert Broken.LOST in story.broken()


def test_what_is_there_twice_was_carried_out_twice(story: Story) -> None:
    """One request, two annotations."""
    story.things["annotations"]["ann_x"] = story.things["annotations"]["ann_1"] | {"id": "ann_x"}
    story.look()
    assert story.broken() == {Broken.DUPLICATED}


def test_what_was_refused_and_is_there_is_told(story: Story) -> None:
    """A refusal is a promise too."""
    story.rename("red", "green")
    late = story.annotate("ann_5", label="red")
    story.things["annotations"]["ann_5"]["label"] = "green"
    story.refused(late, 422, "label-unknown")
    story.look()
    assert Broken.REFUSED in story.broken()


def test_another_answer_under_the_same_key_is_told(story: Story) -> None:
    """An annotation that is made once more."""
    made = story.annotate("ann_5")
    again = story.things["annotations"]["ann_5"] | {"id": "ann_6"}
    story.retried(made, again, status=201)
    story.look()
    assert story.broken() == {Broken.ANSWER}


def test_a_version_too_many_is_told(story: Story) -> None:
    """Something was done twice."""
    for collection, key in (("annotations", "ann_1"), ("documents", "doc_1"), ("projects", PROJECT)):
        other = copy.deepcopy(story)
        other.things[collection][key]["version"] += 1
        other.look()
        assert Broken.VERSIONS in other.broken(), key


def test_a_change_that_is_undone_is_older(story: Story) -> None:
    """It was acknowledged, and the annotation is as it was."""
    before = copy.deepcopy(story.things["annotations"]["ann_1"])
    story.change("ann_1", "changed")
    story.things["annotations"]["ann_1"] = before
    story.look()
    assert {Broken.OLDER, Broken.VERSIONS, Broken.VALUE} <= story.broken()


def test_a_version_that_is_shown_otherwise_is_told(story: Story) -> None:
    """Nobody has changed it, and it has another author."""
    story.things["annotations"]["ann_1"]["author_id"] = USERS[SECOND]
    story.look()
    assert Broken.VALUE in story.broken()


def test_what_was_shown_and_is_gone_is_lost(story: Story) -> None:
    """Though nobody acknowledged it, and its retry made another one."""
    made = story.annotate("ann_5")
    story.deed("get", "annotations", SECOND, story.things["annotations"]["ann_5"], id="ann_5")
    made.answer = None
    again = story.things["annotations"].pop("ann_5") | {"id": "ann_6"}
    story.things["annotations"]["ann_6"] = again
    story.retried(made, again, status=201, replayed=False)
    story.look()
    assert Broken.LOST in story.broken()


def test_a_transaction_without_one_of_its_marks_is_half_done(story: Story) -> None:
    """All or nothing."""
    story.several("ann_5", "ann_6")
    del story.things["annotations"]["ann_6"]
    story.look()
    assert Broken.HALF in story.broken()


def test_a_renaming_that_leaves_a_mark_out_is_half_done(story: Story) -> None:
    """Of an annotation, and of an extraction."""
    for collection, key in (("annotations", "ann_1"), ("extractions", "ext_1")):
        other = copy.deepcopy(story)
        before = copy.deepcopy(other.things[collection][key])
        other.rename("red", "green")
        other.things[collection][key] = before
        other.look()
        assert Broken.HALF in other.broken(), key


def test_a_renaming_of_marks_alone_is_half_done(story: Story) -> None:
    """The project still has the old name."""
    story.rename("red", "green")
    story.things["projects"][PROJECT]["labels"] = [{"name": "red"}, {"name": "blue"}]
    story.look()
    assert Broken.HALF in story.broken()


def test_a_merging_that_leaves_a_mark_out_is_half_done(story: Story) -> None:
    """It has a label that the project has not."""
    before = copy.deepcopy(story.things["annotations"]["ann_3"])
    story.merge("blue", "red")
    story.things["annotations"]["ann_3"] = before
    story.look()
    assert Broken.HALF in story.broken()


def test_a_label_that_is_renamed_twice_is_told(story: Story) -> None:
    """It was gone after the first time."""
    story.rename("red", "green")
    second = story.rename("green", "pink")
    second.sent = {"from": "red", "to": "pink"}
    story.look()
    assert Broken.DUPLICATED in story.broken()


@pytest.mark.parametrize("harm", ["rejected", "decided", "grounds", "document", "reviewer's"])
def test_an_adjudication_is_whole(story: Story, harm: str) -> None:
    """What it rejects, decides and links to, the document, and who had it to review."""
    story.next("asg_3", REVIEWER, "review")
    story.adjudicate("ann_7", take="ann_1", reject="ann_2")
    annotations = story.things["annotations"]
    if harm == "rejected":
        annotations["ann_2"] |= {"status": "proposed", "version": 1}
    elif harm == "decided":
        del annotations["ann_7"]
    elif harm == "grounds":
        annotations["ann_7"]["rests_on"] = []
    elif harm == "document":
        story.things["documents"]["doc_1"] = {
            name: value for name, value in story.things["documents"]["doc_1"].items() if "review" not in name
        }
    else:
        story.things["assignments"]["asg_3"] |= {"state": "in_progress", "version": 1}
    story.look()
    assert (Broken.LOST if harm == "decided" else Broken.HALF) in story.broken()


def test_a_document_is_adjudicated_once(story: Story) -> None:
    """The second is a conflict, and must have been refused."""
    story.adjudicate("ann_7", take="ann_1", reject="ann_2")
    story.adjudicate("ann_8", take="ann_1", reject="ann_3")
    story.look()
    assert Broken.DUPLICATED in story.broken()


def visit(story: Story, *, is_let_in: bool) -> Deed:
    """Return the look of a guest at the project."""
    project = story.things["projects"][PROJECT]
    deed = story.deed("get", "projects", "guest-1", project, id=PROJECT)
    return deed if is_let_in else story.refused(deed, 404, "not-found")


def test_who_was_taken_out_sees_nothing(story: Story) -> None:
    """Before they came, while they are there, and afterwards."""
    visit(story, is_let_in=False)
    story.join("guest-1", "viewer")
    visit(story, is_let_in=True)
    story.leave("guest-1")
    visit(story, is_let_in=False)
    story.look()
    healthy = copy.deepcopy(story)
    assert healthy.broken() == set()
    visit(story, is_let_in=True)
    assert story.broken() == {Broken.ACCESS}


def test_a_member_who_is_told_that_there_is_nothing_is_wronged(story: Story) -> None:
    """They came, and nobody took them out."""
    story.join("guest-1", "viewer")
    visit(story, is_let_in=False)
    story.look()
    assert story.broken() == {Broken.ACCESS}


def test_a_removal_that_is_forgotten_is_told(story: Story) -> None:
    """The project still lists them."""
    story.join("guest-1", "viewer")
    story.leave("guest-1")
    story.things["projects"][PROJECT]["members"][USERS["guest-1"]] = "viewer"
    story.look()
    assert Broken.ACCESS in story.broken()


def key_of(story: Story) -> Deed:
    """Return the making of a key, which takes no idempotency key."""
    key = {"id": "key_1", "name": "n", "token": "t"}
    made = story.deed("create", "api-keys", FIRST, key, status=201, project="", label="n")
    made.key = ""
    return made


def revocation(story: Story) -> Deed:
    """Return the end of that key."""
    ended = story.deed("delete", "api-keys", FIRST, None, status=204, project="", id="key_1")
    ended.key = ""
    return ended


def use(story: Story, *, is_let_in: bool) -> Deed:
    """Return a request with that key."""
    me: dict[str, Any] = {"id": USERS[FIRST], "version": 1}
    deed = story.deed("get", "me", FIRST, me, project="", id="key_1")
    return deed if is_let_in else story.refused(deed, 401, "unauthenticated")


def test_a_key_that_was_revoked_is_refused_for_ever(story: Story) -> None:
    """Until then it opens."""
    key_of(story)
    use(story, is_let_in=True)
    revocation(story)
    use(story, is_let_in=False)
    story.look()
    assert copy.deepcopy(story).broken() == set()
    use(story, is_let_in=True)
    assert story.broken() == {Broken.ACCESS}


def test_a_key_that_was_seen_to_be_revoked_stays_so(story: Story) -> None:
    """Though nobody acknowledged the revocation."""
    key_of(story)
    revocation(story).answer = None
    use(story, is_let_in=False)
    use(story, is_let_in=True)
    story.look()
    assert story.broken() == {Broken.ACCESS}


def test_a_key_that_nobody_revoked_opens_and_is_listed(story: Story) -> None:
    """It is neither refused nor forgotten."""
    key_of(story)
    use(story, is_let_in=False)
    story.look()
    story.surveys.append(story.deed("survey", "api-keys", FIRST, [], project=""))
    assert story.broken() == {Broken.ACCESS, Broken.LOST}


def test_a_key_that_was_revoked_is_not_listed(story: Story) -> None:
    """Nor is one listed twice."""
    key_of(story)
    revocation(story)
    story.look()
    key = {"id": "key_1", "name": "n"}
    story.surveys.append(story.deed("survey", "api-keys", FIRST, [key, key | {"id": "key_2"}], project=""))
    assert story.broken() == {Broken.RETURNED, Broken.DUPLICATED}


def test_lists_and_progress_are_what_the_entities_say(story: Story) -> None:
    """A list that lacks one, one with another label, a count, and the progress."""
    for harm in range(4):
        other = copy.deepcopy(story)
        other.look()
        places = {(one.action, one.collection): one for one in other.surveys}
        listed, progress = places["list", "annotations"], places["survey", "progress"]
        shown = list(other.things["annotations"].values())
        answer = listed.answer or Answer(at=0, status=0)
        if harm == 0:
            listed.answer = answer_with([], 200, listed.span[1])
        elif harm == 1:
            listed.answer = answer_with(shown, 200, listed.span[1])
        elif harm == 2:
            listed.answer = msgspec.structs.replace(answer, total=9)
        else:
            told = other.progress()
            told["annotate"]["in_progress"] += 1
            progress.answer = answer_with(told, 200, progress.span[1])
        assert other.broken() == {Broken.INDEX}, harm


@pytest.mark.parametrize(
    ("status", "problem"), [(412, "precondition-failed"), (409, "in-use"), (500, "internal"), (422, "label-unknown")]
)
def test_a_refusal_without_a_cause_is_told(story: Story, status: int, problem: str) -> None:
    """Nobody did what it claims."""
    story.refused(story.change("ann_1", "changed", expects=1), status, problem)
    story.things["annotations"]["ann_1"] |= {"version": 1, "attributes": {"stamp": "s-ann_1"}}
    story.look()
    assert story.broken() == {Broken.REFUSAL}


def test_a_refusal_with_a_cause_passes(story: Story) -> None:
    """Another version, a label that is gone, a second verdict, a second adjudication, and what is rested on."""
    story.change("ann_1", "changed", expects=1)
    story.rename("red", "green")
    story.adjudicate("ann_7", take="ann_1", reject="ann_2")
    annotations = copy.deepcopy(story.things["annotations"])
    document = copy.deepcopy(story.things["documents"])
    project = copy.deepcopy(story.things["projects"])
    story.refused(story.change("ann_3", "late", expects=0), 412, "precondition-failed")
    story.refused(story.annotate("ann_8", label="red"), 422, "label-unknown")
    story.refused(story.annotate("ann_9", extraction_id="ext_1", verdict="corrected"), 409, "taken")
    story.refused(story.change("ann_1", "late"), 409, "in-use")
    story.refused(story.adjudicate("ann_10", take="ann_1", reject="ann_2"), 409, "conflict")
    story.things |= {"annotations": annotations, "documents": document, "projects": project}
    story.look()
    assert story.broken() == set()


def test_a_fault_explains_its_refusals(story: Story) -> None:
    """What it allows, and nothing else."""
    full = story.change("ann_1", "changed")
    story.refused(full, 507, "no-room")
    story.things["annotations"]["ann_1"] |= {"version": 1, "attributes": {"stamp": "s-ann_1"}}
    story.look()
    assert copy.deepcopy(story).broken("no-room") == set()
    assert story.broken() == {Broken.REFUSAL}


def test_who_is_not_answered_after_the_restart_is_told(story: Story) -> None:
    """A look, and a request that was sent again."""
    story.annotate("ann_5").answer = None
    story.look()
    story.surveys[0].answer = None
    assert story.broken() == {Broken.UNANSWERED}
