"""Agreement of spans, against an independent implementation that is given every code point one by one."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import pytest
from nltk.metrics.agreement import AnnotationTask

from bench import corpora
from service.agreement.figures import Agreement, Figures, figures
from service.agreement.spans import Claim, Cover
from service.agreement.tally import PairTally, Said, Tally
from service.kinds.mark import Fragment

LETTER = Path(__file__).parent.parent.parent / "brat" / "fixtures" / "letter.ann"
LABELS = ("person", "place", "drug")
Documents = dict[str, tuple[int, dict[str, list[Claim]]]]


def claim(start: int, end: int, label: str | None = "x", fragments: list[tuple[int, int]] | None = None) -> Claim:
    """Return a span; with fragments, of these."""
    pieces = None if fragments is None else [Fragment(start=one, end=other) for one, other in fragments]
    return Claim("ann", "doc", "user", "span", label=label, start=start, end=end, fragments=pieces)


def agreement(documents: Documents) -> Agreement:
    """Return the figures of documents: the length of each, and spans by annotator."""
    tally = Tally()
    for length, spans in documents.values():
        for _ in tally.add(length, spans):
            pass
    steps = figures("proj", tally)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        found: Agreement = end.value
        return found


def disturbed(claims: Iterable[Claim], length: int, chance: random.Random) -> list[Claim]:
    """Return spans as another annotator might have made them: some left out, moved, of another label, or new."""
    found = []
    for one in claims:
        fate = chance.random()
        if fate < 0.1:
            continue
        start, end = one.start or 0, one.end or 0
        label = chance.choice(LABELS) if fate < 0.2 else one.label
        if fate > 0.85 and not one.fragments:
            start, end = max(0, start - chance.randrange(3)), min(length, end + chance.randrange(3))
        found.append(claim(start, end, label, [(p.start, p.end) for p in one.fragments] if one.fragments else None))
        if fate > 0.95 and end + 4 < length:
            found.append(claim(end, end + 4, chance.choice(LABELS)))
    return found


def read_brat(directory: Path) -> dict[str, tuple[int, list[Claim]]]:
    """Return the texts' lengths and the spans of the stand-off files below a directory."""
    found = {}
    for path in sorted(directory.rglob("*.ann")):
        claims = []
        for line in path.read_text().splitlines():
            if line.startswith("T"):
                label, _, places = line.split("\t")[1].partition(" ")
                pieces = [(int(piece.split()[0]), int(piece.split()[1])) for piece in places.split(";")]
                claims.append(claim(pieces[0][0], pieces[-1][1], label, pieces if len(pieces) > 1 else None))
        # As bytes, because a text keeps its line ends.
        length = len(path.with_suffix(".txt").read_bytes().decode())
        found[str(path.relative_to(directory))] = (length, [one for one in claims if (one.end or 0) <= length])
    return found


def annotated(gold: dict[str, tuple[int, list[Claim]]], seed: int) -> Documents:
    """Return documents as two or three of three annotators have made them."""
    chance = random.Random(seed)
    documents: Documents = {}
    for name, (length, claims) in gold.items():
        who = chance.sample(("ada", "bob", "eve"), chance.choice((2, 3)))
        documents[name] = length, {one: disturbed(claims, length, chance) for one in who}
    return documents


def task(documents: Documents, who: Iterable[str], label: str | None = None) -> AnnotationTask:
    """Return the other implementation's task: each code point, with the labels that cover it, or if one does."""
    data = []
    for name, (length, spans) in documents.items():
        for annotator in who:
            said: list[set[str]] = [set() for _ in range(length)]
            for one in spans.get(annotator, ()):
                for start, end in one.pieces:
                    for place in range(start, end):
                        said[place].add(one.label or "")
            if annotator in spans:
                values = ("+".join(sorted(labels)) if label is None else str(label in labels) for labels in said)
                data += [(annotator, f"{name}/{place}", value) for place, value in enumerate(values)]
    return AnnotationTask(data=data)


def shared(documents: Documents, one: str, other: str) -> Documents:
    """Return the documents that both have annotated."""
    return {name: found for name, found in documents.items() if {one, other} <= found[1].keys()}


def scores(documents: Documents, one: str, other: str, label: str | None = None) -> tuple[float, float]:
    """Return exact and overlapping F1 by looking at each span for each."""
    total = exact = overlapping = 0
    for _, spans in documents.values():
        for mine, others in ((spans[one], spans[other]), (spans[other], spans[one])):
            left = [(span.pieces, span.label) for span in others]
            for span in mine:
                if label is not None and span.label != label:
                    continue
                total += 1
                if (span.pieces, span.label) in left:
                    left.remove((span.pieces, span.label))
                    exact += 1
                covered = {place for start, end in span.pieces for place in range(start, end)}
                overlapping += any(
                    not covered.isdisjoint(range(start, end))
                    for rival in others
                    if rival.label == span.label
                    for start, end in rival.pieces
                )
    return exact / total, overlapping / total


def check(documents: Documents) -> None:
    """Compare all figures with those of the other implementation, and of the definitions one by one."""
    found = agreement(documents)
    assert found.overall.alpha == pytest.approx(task(documents, found.annotators).alpha())
    labels = sorted({one.label or "" for _, spans in documents.values() for made in spans.values() for one in made})
    assert sorted(found.labels) == labels
    for label in labels[:3]:
        assert found.labels[label].alpha == pytest.approx(task(documents, found.annotators, label).alpha())
    kappas = []
    for pair in found.pairs:
        both = shared(documents, *pair.annotators)
        assert pair.documents == len(both)
        compare(pair.overall, both, pair.annotators, None)
        for label in [one for one in labels[:3] if one in pair.labels]:
            compare(pair.labels[label], both, pair.annotators, label)
        kappas.append(pair.overall.kappa or 0)
    assert found.overall.kappa == pytest.approx(sum(kappas) / len(kappas))


def compare(figure: Figures, documents: Documents, pair: tuple[str, str], label: str | None) -> None:
    """Compare the figures of two annotators."""
    other = task(documents, pair, label)
    assert figure.kappa == pytest.approx(other.kappa_pairwise(*pair))
    assert figure.alpha == pytest.approx(other.alpha())
    assert (figure.exact_f1, figure.overlap_f1) == pytest.approx(scores(documents, *pair, label))


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_the_other_implementation(seed: int) -> None:
    """On a stand-off file with seeded disagreements, and on spans that overlap at random."""
    length, claims = next(iter(read_brat(LETTER.parent).values()))
    check(annotated({f"letter-{number}": (length, claims) for number in range(3)}, seed))
    chance = random.Random(seed)
    gold = {}
    for number in range(3):
        starts = [chance.randrange(280) for _ in range(25)]
        gold[str(number)] = 300, [claim(at, at + chance.randrange(1, 20), chance.choice(LABELS)) for at in starts]
    check(annotated(gold, seed))


@pytest.mark.timeout(600)
def test_figures_are_those_of_the_other_implementation_on_real_corpora(tmp_path: Path) -> None:
    """Each of the corpora, as three annotators might have disagreed on it; they come from where the packages do."""
    directory = corpora.fetch(tmp_path)
    for seed, corpus in enumerate(sorted(one for one in (directory / "corpora").iterdir() if one.is_dir())):
        gold = {name: found for name, found in read_brat(corpus).items() if found[1] and found[0] < 20_000}
        if gold:
            check(annotated(dict(list(gold.items())[:10]), seed))


def test_a_span_is_matched_once_and_an_overlap_needs_the_same_label() -> None:
    """Duplicates of one annotator do not match one span of the other twice."""
    found = agreement(
        {"d": (20, {"a": [claim(0, 5), claim(0, 5), claim(10, 15)], "b": [claim(0, 5), claim(12, 18, "y")]})}
    )
    (pair,) = found.pairs
    assert (pair.overall.spans, pair.overall.exact_f1, pair.overall.overlap_f1) == (5, 2 / 5, 3 / 5)
    assert (found.labels["y"].exact_f1, found.labels["y"].kappa) == (0.0, 0.0)


def test_who_found_nothing_counts_as_much_as_the_others() -> None:
    """An annotator without a span says of everything that it is outside."""
    found = agreement({"d": (10, {"a": [claim(0, 5)], "b": []})})
    assert (found.overall.exact_f1, found.overall.kappa, found.documents) == (0.0, 0.0, 1)
    nothing = agreement({"d": (10, {"a": [], "b": []})})
    assert nothing.overall == Figures(0, None, None, None, None)
    assert agreement({}).annotators == []


def test_the_cost_goes_by_spans_and_not_by_text() -> None:
    """A text of four million code points is no more work than a line."""
    found = agreement({"d": (4_000_000, {"a": [claim(0, 5), claim(7, 9, None)], "b": [claim(0, 5)]})})
    assert found.code_points == 4_000_000
    assert found.labels["x"].kappa == 1.0
    assert found.labels[""].exact_f1 == 0.0


def test_the_cost_goes_by_spans_however_many_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair is looked at where one of the two begins or ends a span: it was at each such place of anybody."""
    noted = 0
    note = PairTally.note

    def counted(pair: PairTally, one: Said, other: Said, length: int) -> None:
        nonlocal noted
        noted += 1
        note(pair, one, other, length)

    monkeypatch.setattr(PairTally, "note", counted)
    who = [str(number) for number in range(6)]
    nested = {one: [claim(2 * place, 1000 - 2 * place, f"l{place}") for place in range(50)] for one in who}
    found = agreement({"d": (1000, nested)})
    assert (found.overall.kappa, len(found.labels)) == (1.0, 50)
    assert noted == 6 * 50 * 2 * 5


@pytest.mark.parametrize("seed", range(20))
def test_spans_that_overlap_and_repeat_count_as_one_by_one(seed: int) -> None:
    """Deep stacks, the same span twice, and spans that meet: as the other implementation counts."""
    chance = random.Random(seed)
    spans = {
        str(number): [
            claim(start, min(60, start + chance.randrange(1, 40)), chance.choice(LABELS))
            for start in (chance.randrange(59) for _ in range(chance.randrange(25)))
        ]
        for number in range(4)
    }
    check({"d": (60, spans)})


@pytest.mark.parametrize("seed", range(20))
def test_a_cover_meets_what_it_shares_a_code_point_with(seed: int) -> None:
    """As sets of code points do."""
    chance = random.Random(seed)
    pieces = [(at, at + chance.randrange(1, 6)) for at in (chance.randrange(40) for _ in range(chance.randrange(6)))]
    covered = {place for start, end in pieces for place in range(start, end)}
    cover = Cover(pieces)
    for start, end in combinations(range(46), 2):
        assert cover.meets([(start, end)]) == (not covered.isdisjoint(range(start, end)))


def test_labels_are_grouped_by_their_own_spans() -> None:
    """What is outside of one may be inside of another."""
    documents: Documents = {
        "d": (30, {"a": [claim(0, 10, "person"), claim(5, 8, "drug")], "b": [claim(0, 10, "person")]}),
    }
    found = agreement(documents)
    kappas = defaultdict(lambda: None, {label: one.kappa for label, one in found.labels.items()})
    assert (kappas["person"], kappas["drug"]) == (1.0, 0.0)
    check(documents)
