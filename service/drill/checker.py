"""The judge: a history goes in, the promises that it breaks come out. Pure; it does no I/O and reads no clock.

Each acknowledged mutation has a time in which it must have happened: from its request to its answer, or to the
retry that told of it. The versions that the server gave are an order. So the checker need not search for one: the
order must fit the times, and every answer must fit the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from service.drill.answers import check_answers, check_retries
from service.drill.history import Effect, Operation, Shown, effect_of
from service.drill.ledger import Ledger, Reading
from service.drill.timeline import Timeline
from service.drill.violation import Broken, Violation, violation


class Checker:
    """Judges round by round: what was shown in one must hold in those after it."""

    def __init__(self) -> None:
        self._ledger = Ledger()

    def check(self, operations: Sequence[Operation], allowed: Iterable[str] = ()) -> list[Violation]:
        """Judge a round.

        Args:
            operations: Of the round, surveys and retries included.
            allowed: Problems that its fault may cause.

        Returns:
            What is broken, entity by entity.
        """
        self._ledger.learn(operations)
        found: list[Violation] = []
        for entity in sorted(self._ledger.touched):
            found += check_entity(self._ledger, entity, self._ledger.readings.get(entity, []))
        found += check_answers(self._ledger, operations, frozenset(allowed))
        return found

    def check_retries(self, operations: Iterable[Operation]) -> list[Violation]:
        """Judge the retries of requests of earlier rounds."""
        return [one for operation in operations for one in check_retries(self._ledger, operation)]


def check_entity(ledger: Ledger, entity: str, readings: Sequence[Reading]) -> Iterator[Violation]:
    """Yield what is broken about one entity."""
    timeline = ledger.timeline(entity)
    yield from _versions(entity, timeline)
    for version, effect in timeline.in_order():
        yield from _effect(entity, timeline, version, effect)
    for operation, shown in readings:
        if shown is None:
            yield from _absent(entity, timeline, operation)
        else:
            yield from _present(ledger, timeline, operation, shown)


def _versions(entity: str, timeline: Timeline) -> Iterator[Violation]:
    for first, second in timeline.repeated:
        both = [first.operation, second.operation]
        if first.operation.stamp == second.operation.stamp:
            yield violation(Broken.DUPLICATED, entity, "The same request was carried out twice.", both)
            continue
        says = f"Two requests were told that they had made version {second.shown and second.shown.version}."
        yield violation(Broken.UPDATE, entity, says, both)
    if timeline.missing:
        says = f"Versions {timeline.missing} were made by no request: something was done twice, or is lost."
        yield violation(Broken.VERSIONS, entity, says, timeline.operations)
    latest: Effect | None = None
    for version, effect in timeline.in_order():
        if latest is not None and latest.begin > effect.end:
            says = f"Version {version} was answered before the request for an earlier version was sent."
            yield violation(Broken.OLDER, entity, says, [latest.operation, effect.operation])
        if latest is None or effect.begin > latest.begin:
            latest = effect


def _effect(entity: str, timeline: Timeline, version: int, effect: Effect) -> Iterator[Violation]:
    operation, shown = effect.operation, effect.shown
    if shown is None:
        raise AssertionError("a version was shown")
    if (shown.stamp, shown.label) != (operation.stamp, operation.label):
        says = f"Sent {operation.stamp!r} with {operation.label!r}, answered {shown.stamp!r} with {shown.label!r}."
        yield violation(Broken.VALUE, entity, says, [operation])
    before = 0 if operation.create_only or operation.action == "create" else operation.expects
    if before is not None and version != before + 1:
        others = [timeline.versions[one].operation for one in range(before + 1, version) if one in timeline.versions]
        says = f"Version {version} came of a request that was to follow version {before}."
        yield violation(Broken.UPDATE, entity, says, [*others, operation])
    if effect.begin > timeline.deleted_end:
        says = f"It was deleted, and afterwards version {version} was made."
        yield violation(Broken.RETURNED, entity, says, [operation, *_of(timeline.deletions)])


def _present(ledger: Ledger, timeline: Timeline, operation: Operation, shown: Shown) -> Iterator[Violation]:
    effect = timeline.versions.get(shown.version)
    if effect is None or effect.shown is None or effect.shown.stamp != shown.stamp:
        yield _unmade(ledger, timeline, operation, shown)
        return
    begin, end = _span(operation)
    both = [effect.operation, operation]
    if not _is_same(effect.shown, shown) or (shown.text and shown.text != _text(timeline)):
        yield violation(Broken.VALUE, shown.id, f"Version {shown.version} is not what was answered first.", both)
    if effect.begin > end:
        says = f"Version {shown.version} was shown, and then lost: its request was carried out anew by a retry."
        yield violation(Broken.LOST, shown.id, says, both)
    newest = timeline.newest_before(begin)
    if newest > shown.version:
        says = f"Version {newest} was there before; then version {shown.version} was shown."
        yield violation(Broken.OLDER, shown.id, says, [timeline.versions[newest].operation, *both])
    if timeline.deleted_end < begin:
        says = "It was deleted, and then it was shown again."
        yield violation(Broken.RETURNED, shown.id, says, [*_of(timeline.deletions), *both])


def _unmade(ledger: Ledger, timeline: Timeline, operation: Operation, shown: Shown) -> Violation:
    """Judge a version that no answer to its own request speaks of."""
    sent = ledger.stamps.get(shown.stamp)
    involved = [*timeline.operations, operation]
    what = f"Version {shown.version} with {shown.stamp!r}"
    if sent is None:
        return violation(Broken.VALUE, shown.id, f"{what} was shown; nobody sent that.", involved)
    if any(effect.operation is sent for effect in timeline.versions.values()):
        says = f"{what} was shown, and its request was told of another version: it was carried out twice."
        return violation(Broken.DUPLICATED, shown.id, says, [sent, operation])
    retry = sent.resolution if sent.is_unknown and not sent.is_kept else None
    if retry is not None and _span(operation)[1] < retry.invoked:
        says = f"{what} was shown, and then lost: a retry of its request was not told of it."
        return violation(Broken.LOST, shown.id, says, [sent, operation])
    if effect_of(sent) is not None:
        says = f"{what} was shown, and its request had made another entity: it was carried out twice."
        return violation(Broken.DUPLICATED, shown.id, says, [sent, operation])
    if sent.is_unknown and sent.resolution is None:
        return violation(
            Broken.UNANSWERED, shown.id, f"{what} was shown; its request has no answer.", [sent, operation]
        )
    return violation(Broken.REFUSED, shown.id, f"{what} was shown; its request was refused.", [sent, operation])


def _absent(entity: str, timeline: Timeline, operation: Operation) -> Iterator[Violation]:
    begin, end = _span(operation)
    if timeline.born < begin and timeline.deleted_begin > end:
        yield violation(
            Broken.LOST, entity, "It was there, nobody deleted it, and it is gone.", [*timeline.operations, operation]
        )


def _is_same(first: Shown, second: Shown) -> bool:
    return (first.label, first.document_id, first.digest) == (second.label, second.document_id, second.digest)


def _text(timeline: Timeline) -> str:
    first = timeline.versions.get(1)
    return "" if first is None else first.operation.text


def _span(operation: Operation) -> tuple[float, float]:
    if operation.answer is None:
        raise AssertionError("what was shown was answered")
    return operation.invoked, operation.answer.at


def _of(effects: Iterable[Effect]) -> list[Operation]:
    return [effect.operation for effect in effects]
