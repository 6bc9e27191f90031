"""Counting, document by document, how far annotators agree on spans.

Units of kappa and alpha are the code points of the text. What an annotator says of one is the set of labels that cover
it, mostly none; of a single label, whether it does. Where nothing begins or ends all code points are alike, so they are
counted by stretches: the cost goes by spans and not by text.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice

from service.agreement.coefficients import Coincidences
from service.agreement.spans import Claim, Cover

Steps = Iterator[None]
"""A computation in steps: between them others may have the processor."""
_STEP = 64
_RUN = 2048
Said = tuple[str, ...]
OUTSIDE: Said = ()
_Place = tuple[tuple[tuple[int, int], ...], str]
_Event = tuple[int, int, int, str]


class Matches:
    """Spans of two annotators with one label, and how many the other has too.

    Attributes:
        total: Of both.
        exact: Of both, whose counterpart has the same place.
        overlapping: Of both, of which the other covers at least one code point.
    """

    __slots__ = ("exact", "overlapping", "total")

    def __init__(self) -> None:
        self.total = self.exact = self.overlapping = 0

    def add(self, other: Matches) -> None:
        """Add the counts of others."""
        self.total += other.total
        self.exact += other.exact
        self.overlapping += other.overlapping


class PairTally:
    """What is counted of two annotators, on the documents that both have annotated.

    Attributes:
        documents: How many.
        units: Code points of their texts.
        matches: Of spans, by label.
        first: Code points by what the one says, without those of which neither says anything; `second`: by the other.
        agreed: Of these, those of which both say the same.
        covered: By label: code points that the one covers, that the other does, and that both do.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.units = 0
        self.matches: dict[str, Matches] = defaultdict(Matches)
        self.first: Counter[Said] = Counter()
        self.second: Counter[Said] = Counter()
        self.agreed = 0
        self.covered: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])

    def note(self, one: Said, other: Said, length: int) -> None:
        """Note a stretch."""
        if one or other:
            self.first[one] += length
            self.second[other] += length
            self.agreed += length if one == other else 0


class _Open:
    """What an annotator says at a place of a text.

    Attributes:
        said: The labels, ascending.
        since: Where each of them began.
    """

    def __init__(self) -> None:
        self.said: Said = OUTSIDE
        self.since: dict[str, int] = {}
        self._spans: Counter[str] = Counter()

    def turns(self, label: str, change: int) -> bool:
        """Note that a span begins or ends; returns whether the label does."""
        before = self._spans[label] > 0
        self._spans[label] += change
        return before != (self._spans[label] > 0)

    def turn(self, label: str, place: int) -> None:
        """Say a label from a place on, or no more."""
        if label in self.since:
            del self.since[label]
        else:
            self.since[label] = place
        self.said = tuple(sorted(self.since))


class _Sweep:
    """Goes through a document's text, from each place where somebody begins or ends to say a label to the next one.

    What is counted of a pair is brought up to such a place only if it is one of the two who changes, and what is
    counted of a label only if it is that label, so the cost goes by spans and annotators, however many overlap.

    Args:
        annotators: How many.
        pairs: By their numbers.
        coincidences: Of all labels.
        of_label: Of each alone.
    """

    def __init__(
        self,
        annotators: int,
        pairs: Mapping[tuple[int, int], PairTally],
        coincidences: Coincidences,
        of_label: Mapping[str, Coincidences],
    ) -> None:
        self._open = [_Open() for _ in range(annotators)]
        self._pairs = pairs
        self._noted = dict.fromkeys(pairs, 0)
        self._coincidences, self._coincided = coincidences, 0
        self._of_label = of_label
        self._covering: Counter[str] = Counter()
        self._covered: dict[str, int] = defaultdict(int)

    def event(self, place: int, change: int, annotator: int, label: str) -> None:
        """Note that a span of an annotator begins or ends; places ascend."""
        mine = self._open[annotator]
        if not mine.turns(label, change):
            return
        self.until(place)
        begun = mine.since.get(label)
        for other, theirs in enumerate(self._open):
            if other == annotator:
                continue
            key = (annotator, other) if annotator < other else (other, annotator)
            pair = self._pairs[key]
            pair.note(self._open[key[0]].said, self._open[key[1]].said, place - self._noted[key])
            self._noted[key] = place
            if begun is not None:
                covered = pair.covered[label]
                covered[int(annotator > other)] += place - begun
                if label in theirs.since:
                    covered[2] += place - max(begun, theirs.since[label])
        self._count(label, place, 1 if begun is None else -1)
        mine.turn(label, place)

    def until(self, place: int) -> None:
        """Note what all say from the last place on, up to this one."""
        if place > self._coincided:
            self._coincidences.add(Counter(one.said for one in self._open), place - self._coincided)
            self._coincided = place

    def _count(self, label: str, place: int, change: int) -> None:
        """Note how many cover a place with a label, up to here, and that there is one more or less from here on."""
        covering = self._covering[label]
        if covering and place > self._covered[label]:
            counts = {True: covering, False: len(self._open) - covering}
            self._of_label[label].add(counts, place - self._covered[label])
        self._covered[label] = place
        self._covering[label] += change


class Tally:
    """What is counted of a project.

    Attributes:
        documents: That two annotators have annotated, or more.
        units: Code points of their texts.
        pairs: By the ids of the two, ascending.
        coincidences: Of all labels.
        of_label: Of each label alone; what is not covered is left out, and is the rest of `coincidences`.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.units = 0
        self.pairs: dict[tuple[str, str], PairTally] = defaultdict(PairTally)
        self.coincidences = Coincidences()
        self.of_label: dict[str, Coincidences] = defaultdict(Coincidences)

    @property
    def combinations(self) -> int:
        """How many different sets of labels annotators give to code points, the empty one among them."""
        return len(self.coincidences.values)

    def add(self, length: int, spans: Mapping[str, Sequence[Claim]]) -> Steps:
        """Count a document.

        Args:
            length: Of its text, in code points.
            spans: By annotator, of everybody who has annotated it, those without a span too.
        """
        annotators = sorted(spans)
        self.documents += 1
        self.units += length
        pairs = {}
        for first, second in combinations(range(len(annotators)), 2):
            pair = pairs[first, second] = self.pairs[annotators[first], annotators[second]]
            pair.documents += 1
            pair.units += length
        yield from self._match([spans[one] for one in annotators], pairs)
        yield from self._sweep(length, [spans[one] for one in annotators], pairs)

    def _match(self, spans: Sequence[Sequence[Claim]], pairs: Mapping[tuple[int, int], PairTally]) -> Steps:
        exact: list[Counter[_Place]] = []
        covers: list[dict[str, Cover]] = []
        for claims in spans:
            places: Counter[_Place] = Counter()
            pieces: dict[str, list[tuple[int, int]]] = defaultdict(list)
            for number, claim in enumerate(claims):
                if not number % _STEP:
                    yield
                places[claim.pieces, claim.label or ""] += 1
                pieces[claim.label or ""] += claim.pieces
            exact.append(places)
            covers.append({label: Cover(parts) for label, parts in pieces.items()})
        for (first, second), pair in pairs.items():
            for mine, other in ((first, second), (second, first)):
                for number, (place, count) in enumerate(exact[mine].items()):
                    if not number % _STEP:
                        yield
                    parts, label = place
                    matches = pair.matches[label]
                    matches.total += count
                    matches.exact += min(count, exact[other].get(place, 0))
                    cover = covers[other].get(label)
                    matches.overlapping += count if cover is not None and cover.meets(parts) else 0

    def _sweep(
        self, length: int, spans: Sequence[Sequence[Claim]], pairs: Mapping[tuple[int, int], PairTally]
    ) -> Steps:
        runs: list[list[_Event]] = []
        for events in (_events(number, claims) for number, claims in enumerate(spans)):
            while run := sorted(islice(events, _RUN)):
                runs.append(run)
                yield
        sweep = _Sweep(len(spans), pairs, self.coincidences, self.of_label)
        for number, event in enumerate(heapq.merge(*runs)):
            if not number % _STEP:
                yield
            sweep.event(*event)
        sweep.until(length)


def _events(annotator: int, claims: Sequence[Claim]) -> Iterator[_Event]:
    """Yield where spans begin and end."""
    for claim in claims:
        for start, end in claim.pieces:
            yield start, 1, annotator, claim.label or ""
            yield end, -1, annotator, claim.label or ""
