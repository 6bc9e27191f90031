"""The figures of a project's agreement, as they are served."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

import msgspec

from service.agreement.coefficients import Coincidences, f1, kappa
from service.agreement.tally import OUTSIDE, Matches, PairTally, Tally


class Figures(msgspec.Struct, frozen=True):
    """How far some annotators agree; None where a figure is not defined.

    Attributes:
        spans: Of all of them, once for each pair.
        exact_f1: F1 of spans with the same place and label.
        overlap_f1: The share of spans of which the other covers a code point with the same label.
        kappa: Cohen's, over code points; of several pairs the mean (Light's).
        alpha: Krippendorff's, nominal, over code points.
    """

    spans: int
    exact_f1: float | None
    overlap_f1: float | None
    kappa: float | None
    alpha: float | None


class PairFigures(msgspec.Struct, frozen=True):
    """The figures of two annotators, on the documents that both have annotated. `labels`: of each alone."""

    annotators: tuple[str, str]
    documents: int
    overall: Figures
    labels: dict[str, Figures]


class Agreement(msgspec.Struct, frozen=True):
    """The figures of a project.

    Attributes:
        project_id: Of the project.
        annotators: Those who share a document with another one.
        documents: That at least two have annotated.
        code_points: Of their texts.
        overall: Of all labels.
        labels: Of each alone; spans without one are at ``""``.
        pairs: Of each two, in the order of their ids.
    """

    project_id: str
    annotators: list[str]
    documents: int
    code_points: int
    overall: Figures
    labels: dict[str, Figures]
    pairs: list[PairFigures]


def figures(project_id: str, tally: Tally) -> Generator[None, None, Agreement]:
    """Return the figures of what was counted, in steps."""
    pairs = []
    for annotators, pair in sorted(tally.pairs.items()):
        labels = {}
        for label in sorted({*pair.matches, *pair.covered}):
            yield
            labels[label] = _of_label(pair, label)
        yield
        pairs.append(PairFigures(annotators, pair.documents, _of_pair(pair), labels))
    of_labels = {}
    for label in sorted(tally.of_label):
        yield
        having = [pair.labels[label] for pair in pairs if label in pair.labels]
        matches = (pair.matches[label] for pair in tally.pairs.values() if label in pair.matches)
        of_labels[label] = _figures(matches, _mean(having), _with_rest(tally, label).alpha())
    matches = (one for pair in tally.pairs.values() for one in pair.matches.values())
    overall = _figures(matches, _mean([pair.overall for pair in pairs]), tally.coincidences.alpha())
    names = sorted({name for annotators in tally.pairs for name in annotators})
    return Agreement(project_id, names, tally.documents, tally.units, overall, of_labels, pairs)


def _figures(matches: Iterable[Matches], kappa_: float | None, alpha: float | None) -> Figures:
    found = Matches()
    for one in matches:
        found.add(one)
    return Figures(found.total, f1(found.exact, found.total), f1(found.overlapping, found.total), kappa_, alpha)


def _mean(of: Iterable[Figures]) -> float | None:
    known = [one.kappa for one in of if one.kappa is not None]
    return sum(known) / len(known) if known else None


def _of_pair(pair: PairTally) -> Figures:
    # Of what neither says anything, both say the same.
    silent = pair.units - sum(pair.first.values())
    agreed = pair.agreed + silent
    first, second = ({**said, OUTSIDE: said[OUTSIDE] + silent} for said in (pair.first, pair.second))
    return _figures(pair.matches.values(), kappa(agreed, first, second), _alpha(agreed, first, second))


def _of_label(pair: PairTally, label: str) -> Figures:
    one, other, both = pair.covered.get(label, (0, 0, 0))
    agreed = pair.units - (one - both) - (other - both)
    first, second = ({True: covered, False: pair.units - covered} for covered in (one, other))
    matches = [pair.matches[label]] if label in pair.matches else []
    return _figures(matches, kappa(agreed, first, second), _alpha(agreed, first, second))


def _alpha(agreed: int, first: Mapping[Any, int], second: Mapping[Any, int]) -> float | None:
    found = Coincidences()
    found.add_two(agreed, first, second)
    return found.alpha()


def _with_rest(tally: Tally, label: str) -> Coincidences:
    """Return what was said of one label, with the code points that nobody covers with it."""
    found = tally.of_label[label]
    rest = sum(tally.coincidences.values.values()) - sum(found.values.values())
    whole = Coincidences()
    whole.add_all(found)
    whole.values[False] += rest
    return whole
