"""The judge of refusals: each has a cause in what others did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from service.drill.history import Answer
from service.drill.team.history import Deed, done, seen_in
from service.drill.team.keyring import USE
from service.drill.team.people import GUESTS
from service.drill.team.record import Record
from service.drill.violation import Broken, Violation, violation

_CLOSED_LABEL, _TOO_MANY = "label-unknown", frozenset({"too-large", "too-many-marks"})
_CHANGED, _TAKEN, _CONFLICT, _IN_USE = "precondition-failed", "taken", "conflict", "in-use"
_INVALID = "invalid"


def check_refusal(
    record: Record | None, deed: Deed, answer: Answer, by_extraction: Mapping[tuple[str, str], list[Deed]]
) -> Iterator[Violation]:
    """Yield a violation if nothing that was done explains a refusal.

    Args:
        record: Of the project, None for what concerns none.
        deed: That was refused.
        answer: The refusal.
        by_extraction: Person and extraction → verdicts that were carried out.
    """
    if record is None or not _has_cause(record, deed, answer, by_extraction):
        says = f"{answer.status} {answer.problem or 'without a problem'} has no cause."
        yield violation(Broken.REFUSAL, deed.id or deed.document_id or deed.project or deed.key, says, [deed])


def is_judged_elsewhere(deed: Deed, answer: Answer) -> bool:
    """Tell if `service.drill.team.access` judges it: guests who are kept out, and keys that were revoked."""
    return (deed.client in GUESTS and answer.status == 404) or (deed.collection == USE and answer.status == 401)  # noqa: PLR2004


def _has_cause(record: Record, deed: Deed, answer: Answer, by_extraction: Mapping[tuple[str, str], list[Deed]]) -> bool:
    problem = answer.problem
    if problem == _CHANGED:
        return _is_newer(record, deed, answer)
    if problem in (_CLOSED_LABEL, _INVALID):
        return any(_was_gone(record, label, answer) for label in _labels(deed))
    if problem in _TOO_MANY:
        return deed.collection in ("rename", "merge")
    return _before(_in_the_way(record, deed, problem, by_extraction), answer)


def _in_the_way(
    record: Record, deed: Deed, problem: str, by_extraction: Mapping[tuple[str, str], list[Deed]]
) -> Iterable[Deed]:
    """Return what may have been done before, so that this could not be."""
    if problem == _TAKEN:
        return by_extraction.get((deed.client, deed.sent.get("extraction_id", "")), [])
    if problem == _IN_USE:
        return (birth.deed for birth in record.births.values() if deed.id in birth.rests_on)
    if problem == _CONFLICT and deed.collection in ("adjudication", "assignments"):
        return record.adjudications.get(deed.document_id, [])
    return []


def _is_newer(record: Record, deed: Deed, answer: Answer) -> bool:
    """Tell if somebody may have made a version after the one that was to be there."""
    birth = record.births.get(deed.id)
    chain = [] if birth is None else [birth.label, *record.chain(birth.label)][:-1]
    others = [*record.updates.get(deed.id, []), *(record.became[one][1] for one in chain)]
    rejection = record.rejections().get(deed.id)
    others += [rejection] if rejection is not None else []
    others += record.adjudications.get(deed.document_id, []) if deed.collection == "assignments" else []
    return len([one for one in others if _began(one, answer)]) >= (deed.expects or 0)


def _labels(deed: Deed) -> list[str]:
    if deed.collection == "transactions":
        return [one["value"]["label"] for one in deed.sent["operations"]]
    if deed.collection == "adjudication":
        return [one["value"]["label"] for one in deed.sent["decided"] if "value" in one]
    return [deed.label]


def _was_gone(record: Record, label: str, answer: Answer) -> bool:
    return label in record.became and _began(record.became[label][1], answer)


def _before(deeds: Iterable[Deed], answer: Answer) -> bool:
    return any(_began(one, answer) for one in deeds)


def _began(deed: Deed, answer: Answer) -> bool:
    effect = done(deed)
    return effect is not None and effect.begin <= answer.at


def verdicts_of(deeds: Iterable[Deed]) -> Iterator[tuple[tuple[str, str], Deed]]:
    """Yield the verdicts that were carried out, by who gave them on what."""
    for deed in deeds:
        is_verdict = deed.collection == "annotations" and "extraction_id" in deed.sent
        if is_verdict and seen_in(deed):
            yield (deed.client, deed.sent["extraction_id"]), deed
