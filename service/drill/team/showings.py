"""The judge of what was shown: a version of an entity is always the same, and never followed by an older one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from service.drill.history import Answer
from service.drill.team.history import Deed, Seen, seen_of
from service.drill.team.look import ENTITIES
from service.drill.violation import Broken, Violation, violation


class Showings:
    """Knows what anybody was shown in a directory."""

    def __init__(self) -> None:
        self._digests: dict[tuple[str, int], tuple[str, Deed]] = {}
        self._newest: dict[str, tuple[int, float, Deed]] = {}

    def check(self, deeds: Sequence[Deed]) -> Iterator[Violation]:
        """Judge a round.

        Args:
            deeds: All of it, looks included.
        """
        shown: dict[str, list[tuple[Seen, Answer, Deed]]] = defaultdict(list)
        for deed in deeds:
            for answer in _answers(deed):
                for seen in seen_of(answer):
                    if not seen.digest:
                        continue
                    yield from self._same(seen, deed)
                    if answer is deed.answer:
                        shown[seen.id].append((seen, answer, deed))
        for key, showings in shown.items():
            yield from self._order(key, showings)

    def _same(self, seen: Seen, deed: Deed) -> Iterator[Violation]:
        first, by = self._digests.setdefault((seen.id, seen.version), (seen.digest, deed))
        if first != seen.digest:
            says = f"Version {seen.version} is not what was shown first."
            yield violation(Broken.VALUE, seen.id, says, [by, deed])

    def _order(self, key: str, showings: Iterable[tuple[Seen, Answer, Deed]]) -> Iterator[Violation]:
        """Compare each showing with the newest that had arrived when it was asked for."""
        arrivals = sorted(((answer.at, seen.version, deed) for seen, answer, deed in showings), key=lambda one: one[0])
        newest, place = self._newest.get(key), 0
        for seen, _, deed in sorted(showings, key=lambda one: one[2].invoked):
            while place < len(arrivals) and arrivals[place][0] < deed.invoked:
                at, version, by = arrivals[place]
                newest = (version, at, by) if newest is None or newest[0] < version else newest
                place += 1
            if newest is not None and seen.version < newest[0]:
                says = f"Version {newest[0]} was there before; then version {seen.version} was shown."
                yield violation(Broken.OLDER, key, says, [newest[2], deed])
        for at, version, by in arrivals[place:]:
            newest = (version, at, by) if newest is None or newest[0] < version else newest
        if newest is not None:
            self._newest[key] = newest

    def missing(self, present: set[str]) -> Iterator[Violation]:
        """Yield what anybody was ever shown and is not there; people delete nothing.

        Args:
            present: Ids of all that is there.
        """
        for key, (_, _, by) in self._newest.items():
            if key not in present:
                yield violation(Broken.LOST, key, "It was shown, nobody deleted it, and it is gone.", [by])


def _answers(deed: Deed) -> Iterator[Answer]:
    # Of keys there is no version, and whoever asks with one is shown an account, which is not looked at.
    if deed.collection not in (*ENTITIES, *_TELLING):
        return
    for answer in (deed.answer, *(retry.answer for retry in deed.retries)):
        if answer is not None and answer.is_success:
            yield answer


_TELLING = ("labels", "rename", "merge", "members", "adjudication", "next", "comparison")
