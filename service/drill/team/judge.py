"""The judge of team work: a history goes in, the promises that it breaks come out. Pure, like the first judge.

An adjudication touches a document, annotations and assignments, a renaming every mark of a label. So it is not judged
entity by entity. What was shown, whatever it was, is compared over all rounds; and at the end of a round the look at
everything must follow from what was carried out: so many requests, so many versions. The workload keeps to what makes
that exact: names of labels are never used again, nobody gives documents out by hand, and nothing is deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from service.drill.answers import difference
from service.drill.team.access import KeyJudge, check_visit
from service.drill.team.giving import check_assignments, check_given
from service.drill.team.history import Deed, seen_in
from service.drill.team.indexes import check_list, check_part, check_progress
from service.drill.team.keyring import COLLECTION, USE
from service.drill.team.look import ENTITIES, Look, looks_of
from service.drill.team.marks import check_marks
from service.drill.team.people import GUESTS
from service.drill.team.projects import check_documents, check_project
from service.drill.team.record import Record
from service.drill.team.refusals import check_refusal, is_judged_elsewhere, verdicts_of
from service.drill.team.showings import Showings
from service.drill.violation import Broken, Violation, violation


class TeamJudge:
    """Judges round by round.

    Args:
        user_ids: Person → the id of their account.
    """

    def __init__(self, user_ids: Mapping[str, str]) -> None:
        self._user_ids = user_ids
        self._records: dict[str, Record] = {}
        self._stamps: dict[str, Deed] = {}
        self._verdicts: dict[tuple[str, str], list[Deed]] = defaultdict(list)
        self._showings = Showings()
        self._keys = KeyJudge()

    def check(self, deeds: Sequence[Deed], surveys: Sequence[Deed], allowed: frozenset[str]) -> list[Violation]:
        """Judge a round.

        Args:
            deeds: Of the load, with their retries, in the order in which they were sent.
            surveys: Of the looks after the restart, each at every project.
            allowed: Problems that its fault may cause.

        Returns:
            What is broken.
        """
        for deed in deeds:
            self._learn(deed)
        for key, verdict in verdicts_of(deeds):
            self._verdicts[key].append(verdict)
        found = [one for deed in (*deeds, *surveys) for one in self._answer(deed, allowed)]
        found += [one for deed in deeds if deed.key for one in self.check_retries(deed)]
        found += self._showings.check([*deeds, *surveys])
        found += self._keys.check(one for one in (*deeds, *surveys) if one.collection in (COLLECTION, USE))
        if any(one.answer is None or not one.answer.is_success for one in surveys if one.action == "survey"):
            # It is told above; what was not shown is not called lost besides.
            return found
        looks = looks_of(surveys)
        for record in self._records.values():
            look = looks.get(record.id)
            if look is not None:
                found += self._whole(record, look)
        present = {key for look in looks.values() for things in look.things.values() for key in things}
        found += self._showings.missing(present)
        return found

    def check_retries(self, deed: Deed) -> Iterator[Violation]:
        """Yield what is wrong about the answers to one request under its key."""
        if deed.is_unknown and deed.resolution is None:
            says = "The request was sent again after the restart, and nobody answered."
            yield violation(Broken.UNANSWERED, deed.key, says, [deed])
            return
        if not deed.is_unknown and not deed.is_acknowledged:
            return
        first = deed.answer if deed.is_acknowledged else None
        for retry in deed.retries:
            if retry.answer is None or retry.answer.is_open:
                continue
            if first is not None:
                says = difference(first, retry.answer) if first.body or retry.answer.status != first.status else ""
                if says:
                    yield violation(Broken.ANSWER, deed.key, says, [deed])
            elif retry.answer.is_success:
                first = retry.answer
            else:
                record = self._records.get(deed.project)
                yield from check_refusal(record, deed, retry.answer, self._verdicts)
                return

    def _learn(self, deed: Deed) -> None:
        if deed.stamp:
            self._stamps[deed.stamp] = deed
        project = deed.project
        if deed.collection == "projects" and deed.action == "create":
            project = seen_in(deed)[0].id if seen_in(deed) else ""
            if project:
                self._records[project] = Record(project)
        if project in self._records and not deed.is_read:
            self._records[project].learn(deed)

    def _answer(self, deed: Deed, allowed: frozenset[str]) -> Iterator[Violation]:
        """Judge a first answer."""
        answer = deed.answer
        record = self._records.get(deed.project)
        if answer is None:
            if deed.action == "survey":
                yield violation(Broken.UNANSWERED, deed.collection, "Nobody answered after the restart.", [deed])
            return
        if record is not None and deed.client in GUESTS:
            yield from check_visit(record, deed)
        if not answer.is_success:
            if answer.problem not in allowed and not answer.is_open and not is_judged_elsewhere(deed, answer):
                yield from check_refusal(record, deed, answer, self._verdicts)
        elif answer.replayed:
            says = "The answer to a first request says that it was given before."
            yield violation(Broken.ANSWER, deed.key, says, [deed])
        elif deed.collection == "next":
            yield from check_given(deed, self._user_ids)
        elif deed.action in ("list", "survey"):
            yield from check_list(deed)
        elif deed.action == "get" and deed.collection in ENTITIES and seen_in(deed)[0].id != deed.id:
            yield violation(Broken.VALUE, deed.id, "Another entity was answered.", [deed])

    def _whole(self, record: Record, look: Look) -> Iterator[Violation]:
        """Judge the look at a project by what was carried out in it."""
        yield from check_project(record, look, self._user_ids)
        yield from check_documents(record, look, self._user_ids, self._stamps)
        yield from check_marks(record, look, self._user_ids, self._stamps)
        yield from check_assignments(record, look, self._user_ids)
        yield from check_progress(look)
        for deed in look.lists:
            yield from check_part(look, deed)
