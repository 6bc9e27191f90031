"""What clients did and what they were told: the only thing that the checker knows.

A *stamp* is a value that no other request carries. It is written into the entity, so an entity tells which request
made its present version.

What holds nothing but values (`gc=False`) cannot be in a cycle; without a million of them the collector has less to do.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Action = Literal["create", "put", "update", "delete", "get", "list", "survey"]
OUTCOME_UNKNOWN = "outcome-unknown"
_SUCCESS = range(200, 300)
_READS = ("get", "list", "survey")


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An entity as an answer showed it.

    Attributes:
        id: The entity's.
        version: The entity's.
        stamp: Of the request that made this version.
        label: The value by which lists find it.
        document_id: Of an annotation.
        digest: Of the entity's JSON, a document's text left out.
        text: The digest of a document's text, empty where the answer leaves it out.
    """

    id: str
    version: int
    stamp: str
    label: str = ""
    document_id: str = ""
    digest: str = ""
    text: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A response.

    Attributes:
        at: When it had arrived, in seconds since the drill began.
        status: Of HTTP.
        problem: The problem's name, empty if it is none.
        replayed: The server says that it gave this answer before.
        shown: The entity, or those of a list.
        total: How many a list counts.
        complete: The list shows all of them.
        cursor: Of the list's next page, empty if there is none.
        body: The digest of the whole body.
    """

    at: float
    status: int
    problem: str = ""
    replayed: bool = False
    shown: tuple[Shown, ...] = ()
    total: int | None = None
    complete: bool = False
    cursor: str = ""
    body: str = ""

    @property
    def is_success(self) -> bool:
        """It was carried out."""
        return self.status in _SUCCESS

    @property
    def is_open(self) -> bool:
        """The server does not know whether it was carried out."""
        return self.problem == OUTCOME_UNKNOWN


class Retry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The same request, sent again under the same idempotency key; None: nobody answered."""

    invoked: float
    answer: Answer | None


class Operation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A request of a client.

    Attributes:
        number: Counts all of them, from 1.
        round: In which it was sent.
        client: Who sent it.
        user: Whose session it was.
        action: What it asked for.
        collection: Of which entities.
        id: The entity's, empty for a creation under an id that the server gives.
        document_id: The document that an annotation belongs to.
        stamp: What it writes, empty if it writes nothing.
        label: What it writes beside it.
        text: The digest of the text that it writes.
        expects: The version in `If-Match`.
        create_only: It says `If-None-Match: *`.
        filter: Of a list: field and value.
        key: The idempotency key.
        invoked: When it was sent, in seconds since the drill began.
        answer: The first one; None if the connection ended without.
        retries: In order.
    """

    number: int
    round: int
    client: str
    user: int
    action: Action
    collection: str
    id: str = ""
    document_id: str = ""
    stamp: str = ""
    label: str = ""
    text: str = ""
    expects: int | None = None
    create_only: bool = False
    filter: tuple[str, str] | None = None
    key: str = ""
    invoked: float = 0.0
    answer: Answer | None = None
    retries: list[Retry] = []

    @property
    def is_read(self) -> bool:
        """It changes nothing."""
        return self.action in _READS

    @property
    def is_acknowledged(self) -> bool:
        """It was answered with success at once."""
        return self.answer is not None and self.answer.is_success

    @property
    def is_unknown(self) -> bool:
        """Nobody said whether it was carried out."""
        return self.answer is None or self.answer.is_open

    @property
    def resolution(self) -> Retry | None:
        """The first retry that tells what became of it."""
        return next((one for one in self.retries if one.answer is not None and not one.answer.is_open), None)

    @property
    def is_kept(self) -> bool:
        """Nobody acknowledged it, and it was there after the restart."""
        retry = self.resolution
        return self.is_unknown and retry is not None and retry.answer is not None and retry.answer.replayed


class Effect(msgspec.Struct, frozen=True):
    """A mutation that was carried out: when at the earliest, when at the latest, and what it left.

    Attributes:
        operation: That asked for it.
        begin: It did not happen before.
        end: It had happened by then.
        shown: The entity after it, None for a deletion.
    """

    operation: Operation
    begin: float
    end: float
    shown: Shown | None


def effect_of(operation: Operation) -> Effect | None:
    """Return what a mutation did, None if it was not carried out, or nobody knows yet."""
    if operation.is_read:
        return None
    if operation.is_acknowledged and operation.answer is not None:
        return Effect(operation, operation.invoked, operation.answer.at, _only(operation.answer))
    retry = operation.resolution
    if not operation.is_unknown or retry is None or retry.answer is None or not retry.answer.is_success:
        return None
    # Replayed, it had been carried out before the server died; else the retry itself did it.
    replayed = retry.answer.replayed
    begin, end = (operation.invoked, retry.invoked) if replayed else (retry.invoked, retry.answer.at)
    return Effect(operation, begin, end, _only(retry.answer))


def _only(answer: Answer) -> Shown | None:
    return answer.shown[0] if answer.shown else None
