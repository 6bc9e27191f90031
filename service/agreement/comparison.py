"""Comparing what several annotators have put on one document: what is the same, what is not, what only one has."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from service.agreement.spans import Claim
from service.kinds.marks import RawAnnotation

Kind = Literal["agreement", "disagreement", "only_one"]
_TURNS = 4
_DIGEST_BYTES = 16
_STEP = 128
_encode = msgspec.json.Encoder(order="sorted").encode


class Entry(msgspec.Struct, frozen=True):
    """An annotation that is compared.

    Attributes:
        claim: What it says.
        value: Its JSON.
    """

    claim: Claim
    value: bytes


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """Annotations that belong together.

    Attributes:
        kind: `agreement`: every annotator has it; `only_one`: nobody else has anything there; else `disagreement`.
        annotations: The entities, in the order of the annotators, then of creation.
        type: Of the first.
        start: Where they begin in the text, all in all.
        end: Where they end.
        differs: In a disagreement: what is different, of place, label, attributes and verdict.
        missing: In a disagreement: annotators who have nothing there.
    """

    kind: Kind
    annotations: list[RawAnnotation]
    type: str
    start: int | None = None
    end: int | None = None
    differs: list[str] = []
    missing: list[str] = []


class Comparison(msgspec.Struct, frozen=True):
    """A document's annotations side by side; how many items there are of each kind, and the items."""

    document_id: str
    annotators: list[str]
    agreements: int
    disagreements: int
    only_one: int
    items: list[Item]


def compare(
    document_id: str,
    annotators: Sequence[str],
    entries: Sequence[Entry],
    offset: Callable[[int], int] = int,
    *,
    attributes: bool = True,
) -> Generator[None, None, Comparison]:
    """Return how annotations relate, in steps and in an order that does not depend on who asks.

    Args:
        document_id: Of the document.
        annotators: Whose annotations are compared.
        entries: Of these annotators, in the order of creation.
        offset: Gives an offset in the unit that was asked for, which the entities have already.
        attributes: Those whose attributes differ do not agree.
    """
    places = _Places(entry.claim for entry in entries)
    yield from places.find()
    alike: dict[bytes, list[Entry]] = defaultdict(list)
    for number, entry in enumerate(entries):
        if not number % _STEP:
            yield
        claim = entry.claim
        content = (places.of(claim), claim.label, claim.attributes if attributes else None, claim.verdict == "rejected")
        alike[_encode(content)].append(entry)
    groups: list[tuple[Kind, list[Entry]]] = []
    rest: list[Entry] = []
    for group in alike.values():
        if 1 < len({entry.claim.author_id for entry in group}) == len(annotators):
            groups.append(("agreement", group))
        else:
            rest += group
    yield
    for group in _meeting(rest, places):
        yield
        if len({entry.claim.author_id for entry in group}) > 1:
            groups.append(("disagreement", group))
        else:
            groups += [("only_one", [entry]) for entry in group]
    items = []
    for kind, group in sorted(groups, key=lambda one: _rank(one[1])):
        yield
        items.append(_item(kind, group, annotators, places, offset, attributes=attributes))
    counts = Counter(item.kind for item in items)
    return Comparison(
        document_id, list(annotators), counts["agreement"], counts["disagreement"], counts["only_one"], items
    )


class _Places:
    """Where annotations are: their part of the text or the pages, or what they point to.

    What annotators point to are annotations of their own, so an argument counts by where its target is and which label
    it has; in turns, each of which looks one argument further.

    Args:
        claims: All that are compared.
    """

    def __init__(self, claims: Iterable[Claim]) -> None:
        self._claims = {claim.id: claim for claim in claims}
        self._known: dict[str, str] = {}

    def find(self) -> Iterator[None]:
        """Find all places, in steps."""
        pointing = [claim for claim in self._claims.values() if claim.arguments]
        for number, claim in enumerate(self._claims.values()):
            if not number % _STEP:
                yield
            self._known[claim.id] = _digest((claim.type, claim.pieces, claim.regions))
        for _ in range(_TURNS if pointing else 0):
            further = {}
            for number, claim in enumerate(pointing):
                if not number % _STEP:
                    yield
                targets = [(one.role, *self._target(one.target)) for one in claim.arguments or ()]
                further[claim.id] = _digest((claim.type, claim.pieces, claim.regions, sorted(targets)))
            self._known.update(further)

    def of(self, claim: Claim) -> str:
        """Return what is the same for annotations with the same place, and for no others."""
        return self._known[claim.id]

    def _target(self, key: str) -> tuple[str, str]:
        target = self._claims.get(key)
        return (key, "") if target is None else (self._known[key], target.label or "")


def _digest(place: object) -> str:
    return hashlib.blake2b(_encode(place), digest_size=_DIGEST_BYTES).hexdigest()


def _meeting(entries: Sequence[Entry], places: _Places) -> Iterator[list[Entry]]:
    """Yield annotations in groups: those of the same type that overlap, one with the next, or have the same place."""
    spans = [entry for entry in entries if entry.claim.type == "span" and entry.claim.start is not None]
    spans.sort(key=lambda entry: (entry.claim.start or 0, entry.claim.end or 0, entry.claim.id))
    group: list[Entry] = []
    reach = 0
    for entry in spans:
        if group and (entry.claim.start or 0) >= reach:
            yield group
            group = []
        group.append(entry)
        reach = max(reach if len(group) > 1 else 0, entry.claim.end or 0)
    if group:
        yield group
    others: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.claim.type != "span" or entry.claim.start is None:
            others[places.of(entry.claim)].append(entry)
    yield from others.values()


def _rank(group: Sequence[Entry]) -> tuple[object, ...]:
    claims = [entry.claim for entry in group]
    starts = [claim.start for claim in claims if claim.start is not None]
    ends = [claim.end for claim in claims if claim.end is not None]
    return not starts, min(starts, default=0), max(ends, default=0), claims[0].type, min(claim.id for claim in claims)


def _item(
    kind: Kind,
    group: Sequence[Entry],
    annotators: Sequence[str],
    places: _Places,
    offset: Callable[[int], int],
    *,
    attributes: bool,
) -> Item:
    rank = {name: place for place, name in enumerate(annotators)}
    ordered = sorted(group, key=lambda entry: (rank[entry.claim.author_id], entry.claim.id))
    claims = [entry.claim for entry in ordered]
    aspects: Mapping[str, set[object]] = {
        "place": {places.of(claim) for claim in claims},
        "label": {claim.label for claim in claims},
        "attributes": {_encode(claim.attributes) for claim in claims} if attributes else set(),
        "verdict": {claim.verdict == "rejected" for claim in claims},
    }
    authors = {claim.author_id for claim in claims}
    starts = [claim.start for claim in claims if claim.start is not None]
    ends = [claim.end for claim in claims if claim.end is not None]
    is_open = kind == "disagreement"
    return Item(
        kind=kind,
        annotations=[msgspec.Raw(entry.value) for entry in ordered],
        type=claims[0].type,
        start=offset(min(starts)) if starts else None,
        end=offset(max(ends)) if ends else None,
        differs=[name for name, found in aspects.items() if len(found) > 1] if is_open else [],
        missing=[name for name in annotators if name not in authors] if is_open else [],
    )
