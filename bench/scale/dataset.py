"""The data: so many marks, 50 a document, 30 labels, 100 authors, as a state or as a data directory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from service import clock
from service.clock import format_time
from service.commands import Actor
from service.http.tokens import hash_token
from service.ids import IdSource
from service.kinds import KINDS
from service.kinds.account import Session, User
from service.kinds.document import Document, Text
from service.kinds.marks import Annotation, Extraction, Source
from service.settings import load
from service.state.state import State, index_fields
from wal.change import Change
from wal.compactor import Compactor
from wal.opening import open_log
from wal.settings import CompactionSettings

LABELS, AUTHORS, MARKS_A_DOCUMENT = 30, 100, 50
TEXT = "Marie Curie met Albert Einstein in Geneva. "
START_US = 1_700_000_000_000_000
STEP_US = 1000
NEVER_US = 4_000_000_000_000_000
ACTOR = Actor(user_id="user_0", session_id="sess_0")
TOKEN = "a token that only a benchmark has"
_TOGETHER = 2000
Kind = Literal["annotation", "extraction"]


def changes(size: int, kind: Kind = "annotation") -> Iterator[list[Change]]:
    """Yield what each record changes: a user who is logged in, and their documents with so many marks in all."""
    ids = IdSource(clock.now)
    user = User(id="user_0", email="a@example.org", name="", role="admin", **_head(0))
    session = Session(id="sess_0", user_id="user_0", token_hash=hash_token(TOKEN), expires_at=NEVER_US)
    yield [_put("user", user), _put("session", session)]
    for number in range(max(1, size // MARKS_A_DOCUMENT)):
        document_id, first = ids.new("doc"), number * MARKS_A_DOCUMENT
        members: dict[str, Any] = {
            "owner_id": "user_0",
            "title": f"Letter {number}",
            "metadata": {},
            "length": len(TEXT),
        }
        document = Document(id=document_id, **members, **_head(first))
        yield [_put("document", document), _put("text", Text(TEXT), document_id)]
        for mark in range(first, min(size, first + MARKS_A_DOCUMENT)):
            yield [_put(kind, _mark(kind, ids, document_id, mark))]


def build(size: int, kind: Kind = "annotation") -> State:
    """Return a state with so many marks."""
    state = State(KINDS)
    for changed in changes(size, kind):
        state.apply(state.sequence + 1, START_US, changed)
    return state


def make_directory(path: Path, size: int, *, snapshot: bool) -> None:
    """Make a data directory with so many annotations, each a record of its own, as clients would create them.

    Args:
        path: It is made.
        size: How many.
        snapshot: Fold them into a snapshot; else there is the log alone.
    """
    asyncio.run(_make_directory(path, size, snapshot=snapshot))


async def _make_directory(path: Path, size: int, *, snapshot: bool) -> None:
    state = State(KINDS)
    log, report = await open_log(path, load().log, state)
    sequence = 0
    for number, changed in enumerate(changes(size)):
        await log.room()
        sequence = log.append(changed, time=START_US + number * STEP_US, actor=None, operation="bench")
        state.apply(sequence, log.time, changed)
        if number % _TOGETHER == 0:
            await log.wait(sequence)
    await log.wait(sequence)
    if snapshot:
        compactor = Compactor(log, path, CompactionSettings(), index_fields(KINDS), epoch=report.epoch)
        await compactor.compact()
    await log.close()


def _put(kind: str, entity: msgspec.Struct, key: str | None = None) -> Change:
    id_ = str(getattr(entity, "id", key))
    return Change(b"", f"{kind}.created", kind, id_, 1, 0, msgspec.json.encode(entity))


def _mark(kind: Kind, ids: IdSource, document_id: str, mark: int) -> Annotation | Extraction:
    fields: dict[str, Any] = {
        "document_id": document_id,
        "type": "span",
        "status": ("proposed", "accepted", "rejected")[mark % 3],
        "attributes": {},
        "label": f"label {mark % LABELS}",
        "start": 0,
        "end": 11,
        "text": "Marie Curie",
        **_head(mark),
    }
    if kind == "annotation":
        return Annotation(id=ids.new("ann"), author_id=f"user_{mark * 7 % AUTHORS:026d}", **fields)
    # Numbers that no tenth or hundredth divides, spread evenly.
    return Extraction(id=ids.new("ext"), source=Source(name="model"), confidence=mark * 7919 % 9973 / 9973, **fields)


def _head(number: int) -> dict[str, Any]:
    at = format_time(START_US + number * STEP_US)
    return {"version": 1, "created_at": at, "updated_at": at}
