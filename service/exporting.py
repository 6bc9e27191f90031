"""Exports: everything of a project, a document or a user, as of one sequence, line by line, while writes go on.

What is exported is a frozen state (`service.state.frozen`): opening one takes a moment whatever its size, and values
are shared with the state, so a stream costs the chunk that is on its way and the values that change meanwhile. It stays
for a while after a stream has ended, so that a client that lost its connection gets the rest, as of the same sequence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from functools import partial
from itertools import accumulate
from typing import Self

import msgspec
from pyroaring import BitMap

from service.commands import Actor, Query
from service.decide.access import (
    hides_others,
    is_admin,
    require_document,
    require_project,
    require_user,
    role_in,
    scopes_of,
)
from service.decide.decision import Context
from service.decide.visibility import visible
from service.errors import ExportGoneError, ForbiddenError, TooManyExportsError
from service.exports import OpenExport, ResumeExport, Stream
from service.kinds.account import USER
from service.kinds.assignment import ASSIGNMENT
from service.kinds.document import DOCUMENT, TEXT, with_text
from service.kinds.marks import ANNOTATION, EXTRACTION
from service.kinds.project import PROJECT
from service.settings import LimitSettings
from service.slices import SLICE_SECONDS
from service.state.frozen import Frozen, FrozenLostError
from service.state.state import State

ORDER = (PROJECT.name, DOCUMENT.name, EXTRACTION.name, ANNOTATION.name, ASSIGNMENT.name)
"""The kinds of an export, each behind those that it points to."""
CHUNK_BYTES = 64 * 1024
Grants = dict[str, tuple[str | None, bool]]
Basis = tuple[int, str | None, int]


class _Held:
    """An export that can be read.

    Attributes:
        user_id: Whose it is.
        frozen: What it tells.
        grants: By which it was opened: whoever has others now gets no more of it.
        basis: What they rested on when they were looked at last.
        streams: How many are under way; as long as any is, it is not let go.
        expiry: Lets it go, once none is.
    """

    def __init__(self, user_id: str, frozen: Frozen, grants: Grants, basis: Basis) -> None:
        self.user_id = user_id
        self.frozen = frozen
        self.grants = grants
        self.basis = basis
        self.streams = 0
        self.expiry: asyncio.TimerHandle | None = None
        self._ends = list(accumulate(len(frozen.tables[kind].rows) for kind in ORDER))

    @property
    def lines(self) -> int:
        """How many it has."""
        return self._ends[-1]

    def from_line(self, line: int) -> Iterator[bytes]:
        """Yield its lines, from one on."""
        begin = 0
        for kind, end in zip(ORDER, self._ends, strict=True):
            if max(line, begin) < end:
                yield from self._of_kind(kind, max(line, begin) - begin)
            begin = end

    def _of_kind(self, kind: str, place: int) -> Iterator[bytes]:
        table = self.frozen.tables[kind]
        head = b'{"op":"create","kind":"%s","id":"' % kind.encode()
        texts = self.frozen.tables[TEXT.name] if kind == DOCUMENT.name else None
        for row in table.rows.iter_equal_or_larger(table.rows[place]):
            id_, value = table.at(row)
            text = None if texts is None else texts.value(id_)
            yield b'%s%s","value":%s}\n' % (head, id_.encode(), value if text is None else with_text(value, text))


class _Chunks:
    """The pieces of a stream.

    A generator alone would not do: closing one that was not begun runs nothing of it.

    Args:
        pieces: Which they are.
        ended: Called once, when the stream is read to its end, fails, or is closed.
    """

    def __init__(self, pieces: AsyncGenerator[bytes, None], ended: Callable[[], None]) -> None:
        self._pieces = pieces
        self._ended: Callable[[], None] | None = ended

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except BaseException:
            self._end()
            raise

    async def aclose(self) -> None:
        """End it."""
        await self._pieces.aclose()
        self._end()

    def _end(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()


class Exporting:
    """Opens, keeps and resumes exports.

    Args:
        state: Read only.
        context: Gives what is decided on at the moment, for who asks.
    """

    def __init__(self, state: State, context: Callable[[Actor | None], Context]) -> None:
        self._state = state
        self._context = context
        self._held: dict[str, _Held] = {}

    def open(self, query: OpenExport) -> Stream:
        """Return a new export.

        Raises:
            NotFoundError: There is no such project or document that the actor may see.
            TooManyExportsError: As many as may be are under way, the actor's or all.
        """
        context = self._context(query.actor)
        user_id = require_user(context, query.actor)
        rows, scopes = _selected(self._state, context, user_id, query)
        self._make_room(user_id, context.limits)
        frozen = Frozen(self._state, rows, context.limits.export_kept_bytes, {TEXT.name: DOCUMENT.name})
        grants, basis = _grants(context, user_id, scopes), _basis(context, user_id, frozen)
        held = self._held[query.export_id] = _Held(user_id, frozen, grants, basis)
        return self._stream(query, held, 0)

    def resume(self, query: ResumeExport) -> Stream:
        """Return the rest of an export.

        Raises:
            ExportGoneError: It is not kept any more, or is somebody else's.
        """
        context = self._context(query.actor)
        user_id = require_user(context, query.actor)
        held = self._held.get(query.export_id)
        if held is None or held.user_id != user_id or query.lines > held.lines:
            raise ExportGoneError(
                f"There is no export {query.export_id} of yours with {query.lines} lines; it is kept for "
                f"{context.limits.export_keep_seconds:g} s and not beyond a restart. Begin again without `resume`."
            )
        return self._stream(query, held, query.lines)

    def _make_room(self, user_id: str, limits: LimitSettings) -> None:
        """Let an export go that only waits to be resumed, if its place is needed: the user's oldest, else anybody's."""
        own = [key for key, held in self._held.items() if held.user_id == user_id]
        has_all = len(own) >= limits.exports_of_user_max
        if not has_all and len(self._held) < limits.exports_max:
            return
        replaceable = own if has_all else [*own, *self._held]
        idle = next((key for key in replaceable if self._held[key].streams == 0), None)
        if idle is None:
            found = f"{len(own)} exports of yours" if has_all else f"{len(self._held)} exports"
            raise TooManyExportsError(f"{found} are under way, which is the limit. Try again later.")
        self._let_go(idle)

    def _stream(self, query: OpenExport | ResumeExport, held: _Held, line: int) -> Stream:
        # It counts from now on, not from its first piece: what it is of must not be let go before that.
        held.streams += 1
        if held.expiry is not None:
            held.expiry.cancel()
        chunks = _Chunks(self._pieces(query, held, line), partial(self._ended, query.export_id, held))
        return Stream(query.export_id, held.frozen.sequence, held.lines, chunks)

    def _ended(self, key: str, held: _Held) -> None:
        """Count a stream less; without any, an export is kept for a while."""
        held.streams -= 1
        if held.streams == 0:
            seconds = self._context(None).limits.export_keep_seconds
            held.expiry = asyncio.get_running_loop().call_later(seconds, self._let_go, key)

    async def _pieces(self, query: OpenExport | ResumeExport, held: _Held, line: int) -> AsyncGenerator[bytes, None]:
        lines = held.from_line(line)
        while piece := self._piece(query, held, lines):
            yield piece
            await asyncio.sleep(0)
        yield msgspec.json.encode({"done": True, "lines": held.lines, "sequence": held.frozen.sequence}) + b"\n"

    def _piece(self, query: Query, held: _Held, lines: Iterator[bytes]) -> bytes:
        """Return some lines, none at the end; takes a few milliseconds."""
        context = self._context(query.actor)
        basis = _basis(context, require_user(context, query.actor), held.frozen)
        if basis != held.basis:
            if _grants(context, held.user_id, held.grants) != held.grants:
                raise ForbiddenError("What you may see has changed since this export began. Begin again.")
            held.basis = basis
        until, size, parts = time.perf_counter() + SLICE_SECONDS, 0, []
        try:
            for part in lines:
                parts.append(part)
                size += len(part)
                if size >= CHUNK_BYTES or time.perf_counter() >= until:
                    break
        except FrozenLostError as error:
            raise ExportGoneError(
                "More was changed during this export than is kept for it (limits.export_kept_bytes). Begin again."
            ) from error
        return b"".join(parts)

    def _let_go(self, key: str) -> None:
        """Keep an export of which no stream is under way no more."""
        held = self._held.pop(key)
        if held.expiry is not None:
            held.expiry.cancel()
        held.frozen.release()


def _grants(context: Context, user_id: str, scopes: tuple[str, ...] | Grants) -> Grants:
    """Return what a user is in some scopes, and if others' annotations are hidden from them there."""
    return {scope: (role_in(context, user_id, scope), hides_others(context, user_id, scope)) for scope in scopes}


def _basis(context: Context, user_id: str, frozen: Frozen) -> Basis:
    """Return what a user's grants rest on: as long as it is the same, so are they, and there may be many to look at.

    It is the account, what it may do by the key that it asks by, and the projects. One that is new is none of those
    that an export is of, unless that was removed before.
    """
    account = context.state.tables[USER.name].sequence(user_id)
    return account, context.plain_id, frozen.tables[PROJECT.name].changes


def _selected(
    state: State, context: Context, user_id: str, query: OpenExport
) -> tuple[dict[str, BitMap], tuple[str, ...]]:
    """Return the rows of each kind that a user may see of what is asked for, and the scopes that they are of."""
    tables = state.tables
    documents: tuple[str, ...] | None = None
    filters: dict[str, tuple[str, ...]]
    scopes: tuple[str, ...]
    if query.document_id is not None:
        scopes = (str(require_document(context, user_id, query.document_id).scope),)
        documents = (query.document_id,)
        filters = {"document_id": documents}
        projects, own = BitMap(), tables[DOCUMENT.name].select({}, only=query.document_id)
    elif query.project_id is not None:
        require_project(context, user_id, query.project_id)
        scopes = (query.project_id,)
        filters = {"document.scope": scopes}
        projects = tables[PROJECT.name].select({}, only=query.project_id)
        own = tables[DOCUMENT.name].select({"scope": scopes})
    else:
        scopes = scopes_of(context, user_id)
        filters = {}
        projects = tables[PROJECT.name].select({} if is_admin(context, user_id) else {"member": (user_id,)})
        own = tables[DOCUMENT.name].select({"scope": scopes})
    assigned = {"document_id": documents} if documents else {"project_id": scopes}
    given = tables[ASSIGNMENT.name].select(assigned)
    rows = {PROJECT.name: projects, DOCUMENT.name: own, ASSIGNMENT.name: given}
    for kind in (EXTRACTION.name, ANNOTATION.name):
        rows[kind] = tables[kind].select(filters, any_of=visible(context, user_id, kind, documents))
    return rows, scopes
