"""What can be asked of the engine about reviews and labels: commands and queries like those of `service.commands`."""

from __future__ import annotations

from typing import Any

from service.commands import UNCONDITIONAL, Command, Conditions, Query


class Adjudicate(Command, frozen=True, kw_only=True):
    """Decide which annotations a document has, and end its review.

    Attributes:
        id: The document's.
        new_ids: For the annotations that are decided, as many as the draft has, or as may be.
        draft: `service.kinds.review.Adjudication`, or `Invalid`.
        conditions: On the document's version.
        utf16: Offsets count UTF-16 units, in the draft and in the answer.
    """

    id: str
    new_ids: tuple[str, ...]
    draft: Any
    conditions: Conditions = UNCONDITIONAL
    utf16: bool = False


class ChangeLabels(Command, frozen=True, kw_only=True):
    """Rename a label of a project, or merge several, in the project's labels and in every mark.

    Attributes:
        id: The project's.
        draft: `service.kinds.review.Renaming` or `Merging`, or `Invalid`.
        conditions: On the project's version.
    """

    id: str
    draft: Any
    conditions: Conditions = UNCONDITIONAL


class Compare(Query, frozen=True, kw_only=True):
    """What several annotators have put on a document, side by side.

    Attributes:
        document_id: Of the document.
        annotators: Users' ids; none: everybody who has annotated it.
        attributes: Marks whose attributes differ do not agree.
        utf16: Offsets are to be told in UTF-16 units.
    """

    document_id: str
    annotators: tuple[str, ...] = ()
    attributes: bool = True
    utf16: bool = False


class Agree(Query, frozen=True, kw_only=True):
    """How far the annotators of a project agree.

    Attributes:
        project_id: Of the project.
        annotators: Users' ids; none: everybody who has annotated.
        labels: Those that count; none: all of them.
    """

    project_id: str
    annotators: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
