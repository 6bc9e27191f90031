"""What reviewers send: the annotations that they decide on, and labels that change their names."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from service.kinds.document import RawDocument
from service.kinds.mark import Name, Part
from service.kinds.marks import RawAnnotation
from service.kinds.project import LABELS_MAX


class Decided(Part, frozen=True, kw_only=True):
    """An annotation that is decided on: one that is taken as it is, or a new value.

    Attributes:
        take: The id of an annotation.
        value: The members of one, but for `document_id`.
        rests_on: Ids of marks that it was made from, besides the one that is taken.
        ref: A name: ``@`` and the name is its id in arguments of others.
    """

    take: Name | None = None
    value: dict[str, Any] | None = None
    rests_on: list[Name] = msgspec.field(default_factory=list)
    ref: Name | None = None


class Adjudication(Part, frozen=True, kw_only=True):
    """What is decided of a document.

    Attributes:
        decided: All annotations that it is to have; none perhaps.
        reject: Ids of others that become rejected; absent: all others.
        replace: An earlier adjudication goes.
    """

    decided: list[Decided]
    reject: list[Name] | None = None
    replace: bool = False


class Adjudicated(msgspec.Struct, frozen=True):
    """What came of an adjudication.

    Attributes:
        document: As it is now.
        decided: Its annotations that were decided, in the order in which they were sent.
        rejected: Ids of those that became rejected.
    """

    document: RawDocument
    decided: list[RawAnnotation]
    rejected: list[str]


class Renaming(Part, frozen=True, kw_only=True, rename={"old": "from", "new": "to"}):
    """A label's new name."""

    old: Name
    new: Name


class Merging(Part, frozen=True, kw_only=True, rename={"old": "from"}):
    """Labels that become another one."""

    old: Annotated[list[Name], Meta(min_length=1, max_length=LABELS_MAX)]
    into: Name
