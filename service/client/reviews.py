"""Reviews, as the client sees them: comparison, adjudication, agreement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import hdrs

from service.client.collection import decoded, if_match
from service.client.transport import Request, Transport, new_key
from service.client.types import Annotation, Document, Part


class Decided(Part, frozen=True, kw_only=True):
    """An annotation that is decided on.

    Attributes:
        take: The id of an annotation that is taken as it is.
        value: Or the members of a new one.
        rests_on: Ids of marks that it was made from, besides the one that is taken.
        ref: A name: ``@`` and the name is its id in arguments of others.
    """

    take: str | None = None
    value: dict[str, Any] | None = None
    rests_on: tuple[str, ...] = ()
    ref: str | None = None


class Adjudicated(msgspec.Struct, frozen=True, kw_only=True):
    """What an adjudication has done. `rejected`: ids."""

    document: Document
    decided: tuple[Annotation, ...]
    rejected: tuple[str, ...]


class ComparisonItem(msgspec.Struct, frozen=True, kw_only=True):
    """Annotations that belong together: an agreement, a disagreement, or what only one annotator has."""

    kind: str
    annotations: tuple[Annotation, ...]
    type: str
    start: int | None = None
    end: int | None = None
    differs: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A document's annotations side by side; how many items there are of each kind, and the items."""

    document_id: str
    annotators: tuple[str, ...]
    agreements: int
    disagreements: int
    only_one: int
    items: tuple[ComparisonItem, ...]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How far some annotators agree; None where a figure is not defined."""

    spans: int
    exact_f1: float | None = None
    overlap_f1: float | None = None
    kappa: float | None = None
    alpha: float | None = None


class PairFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of two annotators, on the documents that both have annotated."""

    annotators: tuple[str, str]
    documents: int
    overall: Figures
    labels: dict[str, Figures]


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a project; `labels`: of each alone, spans without one at ``""``."""

    project_id: str
    annotators: tuple[str, ...]
    documents: int
    code_points: int
    overall: Figures
    labels: dict[str, Figures]
    pairs: tuple[PairFigures, ...]


class Reviews:
    """What reviewers and owners do.

    Args:
        transport: To the server.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def compare(self, document_id: str, annotators: Sequence[str] = (), *, attributes: bool = True) -> Comparison:
        """Return what annotators have put on a document, side by side.

        Args:
            document_id: Of the document.
            annotators: Users' ids, two or more; none: everybody who has annotated it.
            attributes: Annotations whose attributes differ do not agree.
        """
        path = f"/v1/documents/{quote(document_id, safe='')}/comparison"
        query = [("annotator", one) for one in annotators] + ([] if attributes else [("attributes", "false")])
        answer = await self._transport.send(Request(method=hdrs.METH_GET, path=path, query=query))
        return decoded(answer, Comparison, f"GET {path}")

    async def adjudicate(
        self,
        document_id: str,
        decided: Sequence[Decided],
        *,
        reject: Sequence[str] | None = None,
        replace: bool = False,
        version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Adjudicated:
        """Decide which annotations a document has, and end its review.

        Args:
            document_id: Of the document.
            decided: All that it is to have.
            reject: Ids of annotations that become rejected; None: all others.
            replace: An earlier adjudication goes.
            version: Refuse with 412 if the document is not at this version.
            idempotency_key: A new one if there is none.
        """
        path = f"/v1/documents/{quote(document_id, safe='')}/adjudication"
        body: dict[str, Any] = {"decided": list(decided), "replace": replace}
        if reject is not None:
            body["reject"] = list(reject)
        request = Request(
            method=hdrs.METH_POST,
            path=path,
            body=msgspec.json.encode(body),
            headers=if_match(version),
            idempotency_key=idempotency_key or new_key(),
        )
        return decoded(await self._transport.send(request), Adjudicated, f"POST {path}")

    async def agreement(
        self, project_id: str, *, annotators: Sequence[str] = (), labels: Sequence[str] = ()
    ) -> Agreement:
        """Return how far the annotators of a project agree; all of them on all labels, or some."""
        path = f"/v1/projects/{quote(project_id, safe='')}/agreement"
        query = [("annotator", one) for one in annotators] + [("label", one) for one in labels]
        answer = await self._transport.send(Request(method=hdrs.METH_GET, path=path, query=query))
        return decoded(answer, Agreement, f"GET {path}")
