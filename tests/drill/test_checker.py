"""The judge over histories that were written by hand: each broken promise is found, and healthy ones pass."""

from __future__ import annotations

import msgspec
import pytest

from service.drill.history import Shown
from service.drill.violation import Broken
from tests.drill.story import (
    ANNOTATION,
    DOCUMENT,
    Story,
    again,
    answer_with,
    broken,
    entity_of,
    judged,
    refusal,
    shown_of,
)


@pytest.fixture
def story() -> Story:
    """Return an empty round."""
    return Story()


def test_a_healthy_round_passes(story: Story) -> None:
    """Created, changed, read, listed, retried, deleted, and gone."""
    first = story.create()
    second = story.update(version=2, expects=1, label="blue")
    story.get(shown=entity_of(second))
    story.list(entity_of(second), label="blue")
    story.list(label="red")
    other = story.create("ann_2")
    gone = story.delete()
    story.get()
    for operation in (first, second, gone):
        story.retry(operation, again(operation))
    story.survey(entity_of(other))
    assert judged(story) == []


def test_what_was_acknowledged_and_is_not_there_is_lost(story: Story) -> None:
    """The history holds its creation and the list that lacks it, and nothing of others."""
    kept, lost = story.create("ann_2"), story.create()
    survey = story.survey(entity_of(kept))
    (found,) = judged(story)
    assert (found.broken, found.subject) == (Broken.LOST, ANNOTATION)
    assert [one.number for one in found.operations] == [lost.number, survey.number]


def test_what_was_there_a_round_ago_and_is_not_now_is_lost(story: Story) -> None:
    """Though nobody asked for it since."""
    kept, lost = story.create("ann_2"), story.create()
    story.survey(entity_of(kept), entity_of(lost))
    later = story.next_round()
    later.survey(entity_of(kept))
    assert broken(story, later) == {Broken.LOST}


def test_not_found_for_what_is_there_is_a_loss(story: Story) -> None:
    """A GET during the load is as good as a list after it."""
    story.create()
    story.get()
    assert broken(story) == {Broken.LOST}


def test_an_acknowledged_change_that_is_undone_is_older(story: Story) -> None:
    """The entity is there, as it was before."""
    first = story.create()
    story.update(version=2)
    story.survey(entity_of(first))
    assert broken(story) == {Broken.OLDER}


def test_an_acknowledged_deletion_that_is_undone_is_a_return(story: Story) -> None:
    """What is deleted stays so."""
    first = story.create()
    story.delete()
    story.survey(entity_of(first))
    assert broken(story) == {Broken.RETURNED}


def test_a_change_after_a_deletion_is_a_return(story: Story) -> None:
    """It was told of a version of what was gone."""
    story.create()
    story.delete()
    story.update(version=2)
    assert Broken.RETURNED in broken(story)


def test_what_nobody_acknowledged_may_be_there_or_not(story: Story) -> None:
    """Kept, its retry is told the first answer; not kept, its retry does it."""
    kept, other = story.create(answer=None), story.create("ann_2", answer=None)
    shown = shown_of(kept, ANNOTATION, 1)
    story.survey(shown)
    story.retry(kept, answer_with(shown, 201, replayed=True))
    story.retry(other, answer_with(shown_of(other, "ann_2", 1), 201))
    story.survey(shown, shown_of(other, "ann_2", 1))
    assert judged(story) == []
    assert (kept.is_kept, other.is_kept) == (True, False)


def test_what_nobody_acknowledged_is_not_done_twice(story: Story) -> None:
    """It was there, and its retry made another one."""
    sent = story.create(answer=None)
    story.survey(shown_of(sent, ANNOTATION, 1))
    story.retry(sent, answer_with(shown_of(sent, "ann_2", 1), 201))
    story.survey(shown_of(sent, ANNOTATION, 1), shown_of(sent, "ann_2", 1))
    assert broken(story) & {Broken.DUPLICATED, Broken.LOST}


def test_two_entities_of_one_request_are_a_duplicate(story: Story) -> None:
    """A value that one request sent is in both."""
    sent = story.create()
    story.survey(entity_of(sent), shown_of(sent, "ann_2", 1))
    assert broken(story) == {Broken.DUPLICATED}


def test_a_change_that_was_applied_twice_is_a_duplicate(story: Story) -> None:
    """It was told of version 2, and made version 3 too."""
    story.create()
    change = story.update(version=2)
    story.survey(shown_of(change, ANNOTATION, 3))
    assert broken(story) == {Broken.DUPLICATED}


def test_what_was_shown_and_is_done_anew_by_a_retry_was_lost(story: Story) -> None:
    """Nobody had acknowledged it, but somebody had seen it."""
    story.create()
    change = story.update(version=2, answer=None)
    story.get(shown=shown_of(change, ANNOTATION, 2))
    story.retry(change, answer_with(shown_of(change, ANNOTATION, 2)))
    assert broken(story) == {Broken.LOST}


def test_a_creation_that_was_shown_and_is_done_anew_was_lost(story: Story) -> None:
    """Its retry is told of another entity."""
    sent = story.create(answer=None)
    story.get(shown=shown_of(sent, ANNOTATION, 1))
    story.retry(sent, answer_with(shown_of(sent, "ann_2", 1), 201))
    assert broken(story) == {Broken.LOST}


@pytest.mark.parametrize("change", ["id", "version", "body", "status", "not replayed"])
def test_a_retry_that_is_answered_otherwise_is_found(story: Story, change: str) -> None:
    """Status, id, version and body are those of the first answer, and it says that it is no new one."""
    sent = story.create()
    answer, shown = again(sent), entity_of(sent)
    answer = {
        "id": msgspec.structs.replace(answer, shown=(msgspec.structs.replace(shown, id="ann_2"),)),
        "version": msgspec.structs.replace(answer, shown=(msgspec.structs.replace(shown, version=2),)),
        "body": msgspec.structs.replace(answer, body="other"),
        "status": refusal(410, "gone"),
        "not replayed": msgspec.structs.replace(answer, replayed=False),
    }[change]
    story.retry(sent, answer)
    assert broken(story) == {Broken.ANSWER}


def test_the_answer_that_a_retry_got_is_the_first_one_for_later_retries(story: Story) -> None:
    """Nobody had answered the request itself."""
    sent = story.create(answer=None)
    told = answer_with(shown_of(sent, ANNOTATION, 1), 201)
    story.retry(sent, told)
    story.retry(sent, msgspec.structs.replace(told, replayed=True, body="other"))
    assert broken(story) == {Broken.ANSWER}


def test_a_retry_that_nobody_answers_is_found(story: Story) -> None:
    """After the restart the server has to know."""
    story.retry(story.create(answer=None), None)
    assert broken(story) == {Broken.UNANSWERED}


def test_a_survey_that_nobody_answers_is_found(story: Story) -> None:
    """So is one that is refused: a session does not survive."""
    story.survey().answer = None
    story.survey().answer = refusal(401, "unauthenticated")
    assert broken(story) == {Broken.UNANSWERED, Broken.UNEXPECTED}


def test_what_was_refused_and_is_there_is_found(story: Story) -> None:
    """A refusal says that nothing was changed."""
    sent = story.create(answer=refusal(507, "no-room"))
    story.survey(shown_of(sent, ANNOTATION, 1))
    assert broken(story, allowed=["no-room"]) == {Broken.REFUSED}


def test_what_nobody_sent_is_found(story: Story) -> None:
    """A stamp that is in no request."""
    first = story.create()
    story.survey(entity_of(first), Shown(id="ann_2", version=1, stamp="from nowhere"))
    assert broken(story) == {Broken.VALUE}


def test_an_answer_with_another_value_is_found(story: Story) -> None:
    """What was sent is what is told."""
    shown = Shown(id=ANNOTATION, version=1, stamp="other", label="red")
    story.create(answer=answer_with(shown, 201))
    assert broken(story) == {Broken.VALUE}


def test_a_version_that_changes_its_content_is_found(story: Story) -> None:
    """The same version and stamp, and another digest."""
    first = story.create()
    story.survey(msgspec.structs.replace(entity_of(first), digest="other"))
    assert broken(story) == {Broken.VALUE}


def test_a_text_that_changes_is_found(story: Story) -> None:
    """A document's text is shown by GET alone."""
    first = story.create(DOCUMENT)
    first.text = "of the request"
    story.get(DOCUMENT, shown=msgspec.structs.replace(entity_of(first), text="of the request"))
    assert judged(story) == []
    story.get(DOCUMENT, shown=msgspec.structs.replace(entity_of(first), text="other"))
    assert broken(story) == {Broken.VALUE}


def test_a_lost_update_is_found(story: Story) -> None:
    """Both were to follow version 1."""
    story.create()
    story.update(version=2, expects=1, client="c1")
    story.update(version=3, expects=1, client="c2")
    assert broken(story) == {Broken.UPDATE}


def test_a_version_that_two_requests_were_told_of_is_a_lost_update(story: Story) -> None:
    """One of them is nowhere."""
    story.create()
    story.update(version=2)
    story.update(version=2)
    assert broken(story) == {Broken.UPDATE}


def test_a_gap_between_versions_is_found(story: Story) -> None:
    """Version 2 was made by nobody."""
    story.create()
    story.update(version=3)
    assert broken(story) == {Broken.VERSIONS}


def test_versions_against_the_order_of_time_are_found(story: Story) -> None:
    """Version 2 was answered before the request for version 1 was sent."""
    story.put(version=2, create_only=False, during=(10.0, 11.0))
    story.put(version=1, during=(20.0, 21.0))
    assert broken(story) == {Broken.OLDER}


def test_requests_at_the_same_time_may_happen_in_either_order(story: Story) -> None:
    """The one that was sent later may be the first."""
    story.create(during=(0.0, 1.0))
    story.update(version=3, during=(2.0, 10.0))
    story.update(version=2, during=(3.0, 9.0))
    assert judged(story) == []


def test_a_read_of_an_older_version_is_found(story: Story) -> None:
    """Unless the change was still under way."""
    first = story.create()
    story.update(version=2, during=(2.0, 6.0))
    story.get(shown=entity_of(first), during=(5.0, 7.0))
    assert judged(story) == []
    story.get(shown=entity_of(first), during=(6.5, 7.0))
    assert broken(story) == {Broken.OLDER}


@pytest.mark.parametrize("total", [0, 3])
def test_a_count_that_cannot_be_is_found(story: Story, total: int) -> None:
    """Of two, one may be deleted while it is counted."""
    story.create("ann_2")
    story.create("ann_1")
    story.delete("ann_1", during=(10.0, 20.0))
    story.list(total=1, complete=False).invoked = 11.0
    story.list(total=2, complete=False).invoked = 11.0
    assert judged(story) == []
    story.list(total=total, complete=False).invoked = 11.0
    assert broken(story) == {Broken.COUNT}


def test_an_index_that_shows_what_has_another_value_is_found(story: Story) -> None:
    """A list of the red ones with a blue one in it."""
    blue = story.create(label="blue")
    story.list(entity_of(blue), label="red")
    assert Broken.INDEX in broken(story)


def test_an_index_that_lacks_an_entity_is_found(story: Story) -> None:
    """The history holds the creation of what it lacks."""
    red = story.create()
    listing = story.list(label="red")
    (found,) = judged(story)
    assert found.broken is Broken.COUNT
    assert [one.number for one in found.operations] == [red.number, listing.number]


def test_a_list_that_counts_otherwise_than_it_shows_is_found(story: Story) -> None:
    """Or shows something twice."""
    shown = entity_of(story.create())
    story.survey(shown, total=2)
    story.survey(shown, shown)
    found = judged(story)
    assert [one.broken for one in found] == [Broken.INDEX, Broken.INDEX]


def test_marks_go_with_their_document_and_not_without(story: Story) -> None:
    """A deletion of the document explains that its annotations are gone."""
    story.create(DOCUMENT)
    story.create(document_id=DOCUMENT)
    story.delete(DOCUMENT)
    story.get(document_id=DOCUMENT)
    story.create("ann_2", document_id=DOCUMENT, answer=refusal(410, "gone"))
    story.survey()
    story.survey(collection="documents")
    assert judged(story) == []
    later = story.next_round()
    later.survey(shown_of(story.operations[1], ANNOTATION, 1))
    assert broken(story, later) == {Broken.RETURNED}


def test_a_refusal_needs_a_cause(story: Story) -> None:
    """412 without another version, and one that somebody else has made."""
    story.create()
    story.update(version=2, expects=1, during=(2.0, 8.0))
    story.update(version=0, expects=1, during=(3.0, 4.0), answer=refusal(412, "precondition-failed"))
    story.put(answer=refusal(412, "precondition-failed"))
    assert judged(story) == []
    story.update(version=0, expects=2, answer=refusal(412, "precondition-failed"))
    story.put("ann_2", answer=refusal(412, "precondition-failed"))
    assert [one.broken for one in judged(story)] == [Broken.REFUSAL, Broken.REFUSAL]


def test_a_problem_is_expected_only_of_a_fault_that_causes_it(story: Story) -> None:
    """A full disk is answered 507, a kill is not."""
    story.create(answer=refusal(507, "no-room"))
    assert judged(story, allowed=["no-room"]) == []
    assert broken(story) == {Broken.UNEXPECTED}


def test_a_first_answer_that_says_it_is_not_the_first_is_found(story: Story) -> None:
    """Nobody had used this key."""
    story.create(answer=answer_with(Shown(id=ANNOTATION, version=1, stamp="s1", label="red"), 201, replayed=True))
    assert Broken.ANSWER in broken(story)


def test_an_answer_with_another_label_is_found(story: Story) -> None:
    """Lists find it by that."""
    story.create(answer=answer_with(Shown(id=ANNOTATION, version=1, stamp="s1", label="blue"), 201))
    assert broken(story) == {Broken.VALUE}


def test_a_refused_change_in_the_place_of_another_is_found(story: Story) -> None:
    """The version is one that somebody made, the value is not theirs."""
    story.create()
    refused = story.update(version=2, answer=refusal(507, "no-room"))
    story.update(version=2)
    story.survey(shown_of(refused, ANNOTATION, 2))
    assert broken(story, allowed=["no-room"]) == {Broken.REFUSED}


def test_a_retry_of_a_deletion_is_told_the_same(story: Story) -> None:
    """204 again, nothing else that is a success."""
    story.create()
    gone = story.delete()
    story.retry(gone, msgspec.structs.replace(again(gone), status=200))
    assert broken(story) == {Broken.ANSWER}


def test_a_retry_of_what_nobody_answered_is_refused_with_a_cause_or_not_at_all(story: Story) -> None:
    """Somebody else may have been faster."""
    story.create()
    sent = story.update(version=2, expects=1, answer=None)
    story.retry(sent, refusal(412, "precondition-failed"))
    assert broken(story) == {Broken.REFUSAL}
    story.update(version=2, expects=1)
    sent.retries = []
    story.retry(sent, refusal(412, "precondition-failed"))
    assert judged(story) == []
    sent.retries = []
    story.retry(sent, refusal(500, "internal"))
    assert broken(story) == {Broken.UNEXPECTED}


def test_a_count_knows_when_an_entity_had_which_value(story: Story) -> None:
    """It was red first and is blue now."""
    story.create(label="red")
    story.list(label="blue", total=0, complete=False)
    story.update(version=2, label="blue")
    story.list(label="red", total=0, complete=False)
    assert judged(story) == []
    too_late = story.list(label="red", total=1, complete=False)
    too_early = story.list(label="blue", total=1, complete=False)
    assert too_early.answer is not None
    too_early.invoked, too_early.answer = 2.0, msgspec.structs.replace(too_early.answer, at=3.0)
    found = judged(story)
    assert [one.operations[-1].number for one in found] == [too_late.number, too_early.number]
    assert {one.broken for one in found} == {Broken.COUNT}


def test_a_list_that_has_not_changed_may_be_wrong(story: Story) -> None:
    """What it shows was right in the round before, and was changed since."""
    first = story.create()
    story.survey(entity_of(first))
    later = story.next_round()
    later.update(version=2)
    later.survey(entity_of(first))
    assert broken(story, later) == {Broken.OLDER}


def test_a_list_still_shows_what_went_with_its_document(story: Story) -> None:
    """The annotation itself was not touched."""
    document, mark = story.create(DOCUMENT), story.create(document_id=DOCUMENT)
    story.survey(entity_of(document), collection="documents")
    story.survey(entity_of(mark))
    later = story.next_round()
    later.delete(DOCUMENT)
    later.survey(collection="documents")
    later.survey(entity_of(mark))
    assert broken(story, later) == {Broken.RETURNED}


def test_a_deletion_that_is_too_large_may_be_refused(story: Story) -> None:
    """Under every fault: the workload does not count the marks of a document."""
    story.create(DOCUMENT)
    story.delete(DOCUMENT, answer=refusal(422, "cascade-too-large"))
    story.get(DOCUMENT, shown=entity_of(story.operations[0]))
    assert judged(story) == []
