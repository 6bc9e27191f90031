"""Who has annotated which document, whether it was assigned to them or not: so that nobody reviews their own work.

Like `service.state.supply`, whose part it is, it follows from what is stored: made anew at each start, kept by `apply`.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

from pyroaring import BitMap

from service.kinds.document import DOCUMENT
from service.kinds.marks import ANNOTATION
from service.state.table import Table

_NONE = BitMap()


class Authors:
    """Of each author the documents with an annotation of theirs, as a bitmap of rows.

    Args:
        tables: By kind.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self._documents: dict[str, BitMap] = {}

    def of(self, user_id: str) -> BitMap:
        """Return the documents that a user has annotated; not to be changed."""
        return self._documents.get(user_id, _NONE)

    def change(self, key: str, before: Any) -> None:
        """Learn that an annotation has come, was changed or is gone.

        Its author and its document never change, so only the first that comes and the last that goes count.

        Args:
            key: Of the annotation.
            before: Its row as it was, None if it is new.
        """
        table = self._tables[ANNOTATION.name]
        if before is None:
            row = table.row(key)
            documents = self._documents.get(row.author_id)
            if documents is None:
                documents = self._documents[row.author_id] = BitMap()
            documents.add(self._number(row.document_id))
        elif table.number(key) is None and not self._is_author(before):
            documents = self._documents[before.author_id]
            documents.discard(self._number(before.document_id))
            if not documents:
                del self._documents[before.author_id]

    def load(self) -> None:
        """Learn that the tables are loaded; there was nothing before."""
        table = self._tables[ANNOTATION.name]
        # The indexes tell both without a single entity being decoded.
        author_ids = []
        author_of = array("L", bytes(array("L").itemsize * (table.end - table.base)))
        for place, (author_id, rows) in enumerate(table.values("author_id")):
            author_ids.append(author_id)
            for row in rows:
                author_of[row - table.base] = place
        found: list[list[int]] = [[] for _ in author_ids]
        for document_id, rows in table.values("document_id"):
            number = self._number(document_id)
            for place in {author_of[row - table.base] for row in rows}:
                found[place].append(number)
        self._documents = {one: BitMap(numbers) for one, numbers in zip(author_ids, found, strict=True)}

    def _is_author(self, row: Any) -> bool:
        filters = {"document_id": (row.document_id,), "author_id": (row.author_id,)}
        return bool(self._tables[ANNOTATION.name].select(filters))

    def _number(self, document_id: str) -> int:
        number = self._tables[DOCUMENT.name].number(document_id)
        if number is None:
            raise AssertionError(f"{document_id} is annotated and is not there")
        return number
