"""Counting, document by document, how far annotators agree on spans.

Units of kappa and alpha are the code points of the text. What an annotator says of one is the set of labels that cover
it, mostly none; of a single label, whether it does. Where nothing begins or ends all code points are alike, so they are
counted by stretches: the cost goes by spans and not by text.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import combinations, islice

from service.agreement.coefficients import Coincidences
from service.agreement.spans import Claim, Cover

Steps = Iterator[None]
"""A computation in steps: between them others may have the processor."""
_STEP = 256
_RUN = 2048
_OUTSIDE: tuple[str, ...] = ()
Said = tuple[str, ...]
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
        confusion: Code points by what the one says and the other, without those of which neither says anything.
        covered: By label: code points that the one covers, that the other does, and that both do.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.units = 0
        self.matches: dict[str, Matches] = defaultdict(Matches)
        self.confusion: Counter[tuple[Hashable, Hashable]] = Counter()
        self.covered: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])

    def note(self, one: Said, other: Said, length: int) -> None:
        """Note a stretch of which at least one of the two says something."""
        self.confusion[one, other] += length
        for label in one:
            self.covered[label][0] += length
            if label in other:
                self.covered[label][2] += length
        for label in other:
            self.covered[label][1] += length


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
        active: list[Counter[str]] = [Counter() for _ in spans]
        said: list[Said] = [_OUTSIDE] * len(spans)
        since = 0
        for number, (place, change, annotator, label) in enumerate(heapq.merge(*runs)):
            if not number % _STEP:
                yield
            if place > since:
                self._note(said, place - since, pairs)
                since = place
            active[annotator][label] += change
            if not active[annotator][label]:
                del active[annotator][label]
            said[annotator] = tuple(sorted(active[annotator]))
        if length > since:
            self._note(said, length - since, pairs)

    def _note(self, said: Sequence[Said], length: int, pairs: Mapping[tuple[int, int], PairTally]) -> None:
        self.coincidences.add(Counter(said), length)
        speaking = [number for number, labels in enumerate(said) if labels]
        if not speaking:
            return
        for label in {label for number in speaking for label in said[number]}:
            covering = sum(label in said[number] for number in speaking)
            self.of_label[label].add({True: covering, False: len(said) - covering}, length)
        for first in speaking:
            for second in range(len(said)):
                if second > first or (second < first and not said[second]):
                    one, other = min(first, second), max(first, second)
                    pairs[one, other].note(said[one], said[other], length)


def _events(annotator: int, claims: Sequence[Claim]) -> Iterator[_Event]:
    """Yield where spans begin and end."""
    for claim in claims:
        for start, end in claim.pieces:
            yield start, 1, annotator, claim.label or ""
            yield end, -1, annotator, claim.label or ""
