"""What reviewers read: comparisons and agreement. Both take a while, so they go in slices, on bytes that never change.

What was read is as of several moments, each document's annotations of one or a few. Whoever may not read it any more at
the end is told nothing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from itertools import islice

import msgspec

from service.agreement.comparison import Comparison, Entry, compare
from service.agreement.figures import Agreement, figures
from service.agreement.spans import Claim, decode_claim
from service.agreement.tally import Tally
from service.commands import Actor
from service.decide.access import require_document, require_project, require_user
from service.decide.decision import Context
from service.decide.roles import Action
from service.errors import TooManyMarksError
from service.kinds.marks import ANNOTATION
from service.reviews import Agree, Compare
from service.slices import in_slices
from service.state.state import State

_BATCH = 500
_ANNOTATORS_MIN = 2


class _Document(msgspec.Struct):
    """What agreement needs of a document."""

    id: str
    length: int | None = None


_decode_document = msgspec.json.Decoder(_Document).decode


class Reviewing:
    """Answers what reviewers ask.

    Args:
        state: Read only.
        context: Gives what is decided on at the moment, for who asks.
    """

    def __init__(self, state: State, context: Callable[[Actor | None], Context]) -> None:
        self._state = state
        self._context = context
        self._one_at_a_time = asyncio.Lock()

    async def compare(self, query: Compare) -> bytes:
        """Return a document's annotations side by side, as JSON.

        Raises:
            NotFoundError: There is no such document that the actor may see.
            ForbiddenError: They may not review it.
            TooManyMarksError: It has too many annotations.
        """
        self._require_document(query)
        values = self._values(query)
        steps = self._comparison(query, values)
        found = await in_slices(steps)
        self._require_document(query)
        return msgspec.json.encode(found)

    async def agree(self, query: Agree) -> bytes:
        """Return how far a project's annotators agree, as JSON. One such question is answered after the other.

        Raises:
            NotFoundError: There is no such project that the actor may see.
            ForbiddenError: They may not review it.
            TooManyMarksError: It has too many annotations, annotators or labels.
        """
        self._require_project(query)
        async with self._one_at_a_time:
            found = await in_slices(self._agreement(query))
        self._require_project(query)
        return msgspec.json.encode(found)

    def _require_document(self, query: Compare) -> None:
        context = self._context(query.actor)
        require_document(context, require_user(context, query.actor), query.document_id, Action.REVIEW)

    def _require_project(self, query: Agree) -> None:
        context = self._context(query.actor)
        require_project(context, require_user(context, query.actor), query.project_id, Action.REVIEW)

    def _values(self, query: Compare) -> list[bytes]:
        table, limits = self._state.tables[ANNOTATION.name], self._context(query.actor).limits
        rows = table.select(_filters("document_id", query.document_id, query.annotators))
        if len(rows) > limits.comparison_max:
            raise TooManyMarksError(
                f"{query.document_id} has {len(rows)} annotations, and {limits.comparison_max} can be compared. "
                "Name fewer annotators: ?annotator=ID&annotator=ID."
            )
        values = [value for _, value in table.walk(rows, None)]
        size = sum(map(len, values))
        if size > limits.body_bytes:
            raise TooManyMarksError(
                f"The annotations of {query.document_id} take {size} bytes, and {limits.body_bytes} can be compared. "
                "Name fewer annotators: ?annotator=ID&annotator=ID."
            )
        return values

    def _comparison(self, query: Compare, values: list[bytes]) -> Generator[None, None, Comparison]:
        units = self._state.offsets(query.document_id) if query.utf16 else None
        entries = []
        for value in values:
            yield
            claim = decode_claim(value)
            if not claim.is_decided:
                entries.append(Entry(claim, value if units is None else units.outward(value)))
        authors = query.annotators or tuple(sorted({entry.claim.author_id for entry in entries}))
        offset = int if units is None else units.units
        return (yield from compare(query.document_id, authors, entries, offset, attributes=query.attributes))

    def _agreement(self, query: Agree) -> Generator[None, None, Agreement]:
        self._require_countable(query)
        limits = self._context(query.actor).limits
        tally = Tally()
        annotators: set[str] = set()
        labels: set[str] = set()
        for document in self._documents(query.project_id):
            yield
            spans: dict[str, list[Claim]] = defaultdict(list)
            for claim in self._claims(document.id, query):
                yield
                own = spans[claim.author_id]
                is_counted = not query.labels or (claim.label or "") in query.labels
                if claim.type == "span" and claim.verdict != "rejected" and is_counted:
                    labels.add(claim.label or "")
                    own.append(claim)
            if document.length is None or len(spans) < _ANNOTATORS_MIN:
                continue
            annotators |= spans.keys()
            if len(annotators) > limits.agreement_annotators_max:
                raise _too_many("annotators", limits.agreement_annotators_max, "annotator=ID&annotator=ID")
            if len(labels) > limits.agreement_labels_max:
                raise _too_many("labels", limits.agreement_labels_max, "label=NAME&label=NAME")
            for _ in tally.add(document.length, spans):
                yield
                _require_few(tally, limits.agreement_combinations_max)
            _require_few(tally, limits.agreement_combinations_max)
        return (yield from figures(query.project_id, tally))

    def _require_countable(self, query: Agree) -> None:
        limit = self._context(query.actor).limits.agreement_max
        found = self._state.tables[ANNOTATION.name].select(
            _filters("document.scope", query.project_id, query.annotators)
        )
        if len(found) > limit:
            raise TooManyMarksError(
                f"{query.project_id} has {len(found)} annotations, and agreement is told of {limit} at most. "
                "Name fewer annotators: ?annotator=ID&annotator=ID."
            )

    def _documents(self, project_id: str) -> Iterator[_Document]:
        """Yield the documents of a project; it may change meanwhile."""
        table = self._state.tables["document"]
        after = None
        while batch := list(islice(table.walk(table.select({"project_id": (project_id,)}), after), _BATCH)):
            after = batch[-1][0]
            for _, value in batch:
                yield _decode_document(value)

    def _claims(self, document_id: str, query: Agree) -> Iterator[Claim]:
        """Yield what annotators, and not adjudications, say of a document; it may change meanwhile."""
        table = self._state.tables[ANNOTATION.name]
        filters = _filters("document_id", document_id, query.annotators)
        after = None
        while batch := list(islice(table.walk(table.select(filters), after), _BATCH)):
            after = batch[-1][0]
            for _, value in batch:
                claim = decode_claim(value)
                if not claim.is_decided:
                    yield claim


def _filters(name: str, value: str, annotators: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {name: (value,), "author_id": annotators} if annotators else {name: (value,)}


def _require_few(tally: Tally, limit: int) -> None:
    if tally.combinations > limit:
        raise _too_many("sets of labels of spans that overlap", limit, "label=NAME&label=NAME")


def _too_many(what: str, limit: int, parameters: str) -> TooManyMarksError:
    return TooManyMarksError(
        f"There are more than {limit} {what}, which is the limit. Name some of them: ?{parameters}."
    )
