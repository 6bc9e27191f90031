"""The judge of who gets in: a guest who was taken out sees 404, and a key that was revoked is 401."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from service.drill.history import Effect
from service.drill.team.history import Deed, done, seen_in
from service.drill.team.keyring import COLLECTION, USE
from service.drill.team.record import Record
from service.drill.violation import Broken, Violation, violation

HIDDEN, UNKNOWN = 404, 401


def check_visit(record: Record, deed: Deed) -> Iterator[Violation]:
    """Yield what is wrong about the answer to a guest who looks in."""
    if deed.answer is None:
        return
    effects = record.members.get(deed.client, [])
    states = set(_states(effects, *deed.span))
    if deed.answer.is_success and True not in states:
        says = f"{deed.client} was no member any more, and was let in."
        yield violation(Broken.ACCESS, record.id, says, [*(one.operation for one in effects[-2:]), deed])
    if deed.answer.status == HIDDEN and False not in states:
        says = f"{deed.client} was a member, and was told that there is nothing."
        yield violation(Broken.ACCESS, record.id, says, [*(one.operation for one in effects[-2:]), deed])


def _states(effects: Sequence[Effect], begin: float, end: float) -> Iterator[bool]:
    """Yield whether they were a member, for each state that may have held at some moment."""
    if not effects or effects[0].end >= begin:
        yield False
    for place, effect in enumerate(effects):
        after = effects[place + 1].end if place + 1 < len(effects) else math.inf
        if effect.begin <= end and after >= begin:
            yield effect.operation.action == "put"


class KeyJudge:
    """Knows all keys of a directory."""

    def __init__(self) -> None:
        self._made: dict[str, Deed] = {}
        self._revoked: dict[str, list[Deed]] = defaultdict(list)
        self._refused: dict[str, Deed] = {}

    def check(self, deeds: Iterable[Deed]) -> Iterator[Violation]:
        """Judge a round.

        Args:
            deeds: Those that concern keys, in the order in which they were sent.
        """
        deeds = list(deeds)
        for deed in deeds:
            if deed.collection == COLLECTION and deed.action == "create":
                self._made.update({seen.id: deed for seen in seen_in(deed)})
            elif deed.collection == COLLECTION and deed.action == "delete":
                self._revoked[deed.id].append(deed)
        for deed in deeds:
            if deed.collection == USE:
                yield from self._use(deed)
            elif deed.collection == COLLECTION and deed.action == "survey":
                yield from self._listed(deed)

    def _use(self, deed: Deed) -> Iterator[Violation]:
        answer, (begin, end) = deed.answer, deed.span
        if answer is None:
            return
        told = [self._made[deed.id], *self._revoked.get(deed.id, [])] if deed.id in self._made else []
        revoked = [one for one in self._revoked.get(deed.id, []) if done(one) is not None and one.span[1] < begin]
        earlier = self._refused.get(deed.id)
        if answer.is_success and (revoked or (earlier is not None and earlier.span[1] < begin)):
            says = "The key was revoked, and opens again."
            yield violation(Broken.ACCESS, deed.id, says, [*told, *([earlier] if earlier else []), deed])
        if answer.status != UNKNOWN:
            return
        if not any(one.invoked <= end for one in self._revoked.get(deed.id, [])):
            yield violation(Broken.ACCESS, deed.id, "Nobody had revoked the key, and it is refused.", [*told, deed])
        if earlier is None or earlier.span[1] > end:
            self._refused[deed.id] = deed

    def _listed(self, deed: Deed) -> Iterator[Violation]:
        listed = {seen.id: seen.members["name"] for seen in seen_in(deed)}
        names = list(listed.values())
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            yield violation(Broken.DUPLICATED, twice[0], "Two keys were made by one request.", [deed])
        for key, made in self._made.items():
            if made.client != deed.client or made.span[1] > deed.invoked:
                continue
            sent = self._revoked.get(key, [])
            gone = [one for one in sent if done(one) is not None and one.span[1] < deed.invoked]
            if key in listed and gone:
                yield violation(Broken.RETURNED, key, "The key was revoked, and is listed.", [made, *gone, deed])
            if key not in listed and not sent:
                yield violation(Broken.LOST, key, "Nobody revoked the key, and it is gone.", [made, deed])
