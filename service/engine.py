"""The engine: commands and queries in, encoded bytes out. Handlers know this and never the state.

There is one path for mutations: admit, decide, append, apply, wait. Between the first and the wait there is no
`await`, and that is the isolation. A change is applied at once, so that the next command sees it; whatever is told
of it waits until it is durable, refusals too.
"""

from __future__ import annotations

import msgspec

from service import commands
from service.assigning import DocumentProgress, Progress
from service.clock import format_time
from service.commands import LOCAL_ADMIN, Actor, Command, Entity, Outcome, Page, Query
from service.dangling import dangling
from service.decide import decide, foresee
from service.decide.access import (
    absent,
    acting,
    is_hidden,
    require_account,
    require_caller,
    require_project,
    require_user,
    role_in,
)
from service.decide.decision import Context, actor_id
from service.decide.idempotency import chunk_lines
from service.decide.keys import keys_of, owner_of
from service.decide.locks import locked_us
from service.decide.restoring import require_admin
from service.decide.sessions import sessions_of
from service.decide.visibility import filters_of
from service.errors import CascadeTooLargeError, DomainError, MalformedError, TooLargeError, UnauthenticatedError
from service.exporting import Exporting
from service.exports import Dangling, OpenExport, ResumeExport, Stream
from service.kinds.document import with_text
from service.logins import Administers, Keys, Locks, OpenKey
from service.operations import Chunk, Load, Step
from service.outward import in_utf16
from service.progress import progress_of, progress_of_documents
from service.reviewing import Reviewing
from service.reviews import Agree, Compare
from service.seams import Clock, Log
from service.settings import LimitSettings
from service.slices import in_slices
from service.state.state import State
from service.timing import durable
from wal.change import Change
from wal.errors import RecordTooLargeError


class Engine:
    """Decides commands and answers queries.

    Args:
        state: As recovery left it.
        log: Ready.
        clock: Gives microseconds since 1970 UTC.
        limits: Of texts and deletions.
    """

    def __init__(self, state: State, log: Log, clock: Clock, limits: LimitSettings) -> None:
        self._state = state
        self._log = log
        self._clock = clock
        self._limits = limits
        self._reviewing = Reviewing(state, self._context)
        self._exporting = Exporting(state, self._context)

    async def submit(self, command: Command) -> Outcome:
        """Carry out a command; what it answers is durable.

        Raises:
            DomainError: It is refused, and nothing was changed.
            WalError: The log takes no more, or the outcome is unknown.
        """
        if self._log.is_filling:
            # Writers are faster than segments are prepared: they wait here, before anything is decided.
            await self._log.room()
        self._log.admit()
        try:
            # Who asks is what `decide` looks up first.
            context = self._context(None)
            outcome, sequence = self._carry_out(context, command)
        except DomainError:
            # The refusal rests on the state, of which some may not be durable yet.
            await durable(self._log, self._state.sequence)
            raise
        await durable(self._log, sequence)
        if outcome.replayed and command.idempotency is not None:
            # It tells the record of then.
            sequence = self._state.tables["idempotency"].sequence(command.idempotency.id)
        return msgspec.structs.replace(outcome, sequence=sequence)

    async def chunk(self, query: Chunk) -> int | None:
        """Return how many lines of a bulk load were answered under an idempotency key, None if none were.

        Raises:
            UnauthenticatedError: Nobody is logged in.
        """
        context = self._context(query.actor)
        try:
            require_caller(context, query.actor)
        except DomainError:
            await durable(self._log, self._state.sequence)
            raise
        # What was found is told when it is submitted; that nothing was found is not told at all.
        return chunk_lines(context, query.id)

    async def foresee(self, command: Command) -> None:
        """Refuse what would be refused now, before a body is waited for; raises as `submit`, and nothing is changed."""
        if self._log.is_filling:
            await self._log.room()
        try:
            self._log.admit()
            foresee(self._context(None), command)
        except DomainError:
            await durable(self._log, self._state.sequence)
            raise

    async def get(self, query: commands.Get) -> Entity:
        """Return an entity that the actor may see.

        Raises:
            UnauthenticatedError: Nobody is logged in.
            NotFoundError: There is none that the actor may see.
        """
        try:
            entity, sequence = self._get(query)
        except DomainError:
            await durable(self._log, self._state.sequence)
            raise
        await durable(self._log, sequence)
        return entity

    async def page(self, query: commands.List) -> Page:
        """Return a page of what the actor may see, in the order of creation.

        Raises:
            UnauthenticatedError: Nobody is logged in.
            NotFoundError: It asks for marks of a document that the actor may not see.
            MalformedError: No index serves a filter.
        """
        try:
            return self._list(query)
        finally:
            await durable(self._log, self._state.sequence)

    async def compare(self, query: Compare) -> bytes:
        """Return a document's annotations side by side, as JSON; raises as `Reviewing.compare`."""
        try:
            return await self._reviewing.compare(query)
        finally:
            await durable(self._log, self._state.sequence)

    async def agree(self, query: Agree) -> bytes:
        """Return how far a project's annotators agree, as JSON; raises as `Reviewing.agree`."""
        try:
            return await self._reviewing.agree(query)
        finally:
            await durable(self._log, self._state.sequence)

    async def progress(self, query: Progress) -> bytes:
        """Return how far a project is, as JSON; raises as `service.progress.progress_of`."""
        try:
            return progress_of(self._context(query.actor), query)
        finally:
            await durable(self._log, self._state.sequence)

    async def document_progress(self, query: DocumentProgress) -> Page:
        """Return how far the documents of a page are; raises as `progress`."""
        try:
            context = self._context(query.actor)
            require_project(context, require_user(context, query.actor), query.project_id)
            page = self._list(query.documents)
            return msgspec.structs.replace(page, items=progress_of_documents(context, page.items))
        finally:
            await durable(self._log, self._state.sequence)

    async def export(self, query: OpenExport | ResumeExport) -> Stream:
        """Begin or resume an export; raises as `Exporting.open` and `Exporting.resume`."""
        try:
            exporting = self._exporting
            stream = exporting.open(query) if isinstance(query, OpenExport) else exporting.resume(query)
        except DomainError:
            await durable(self._log, self._state.sequence)
            raise
        try:
            await durable(self._log, self._state.sequence)
        except BaseException:
            # Nobody learns of the stream, so nobody else closes it.
            await stream.chunks.aclose()
            raise
        return stream

    async def dangling(self, query: Dangling) -> list[str]:
        """Return which annotations are pointed to and are not there.

        Raises:
            UnauthenticatedError: Nobody is logged in.
            ForbiddenError: It is no administrator who asks.
        """
        try:
            require_admin(self._context(query.actor), query.actor)
            return await in_slices(dangling(self._state, query.ids))
        finally:
            await self._log.wait(self._state.sequence)

    async def settled(self) -> None:
        """Return once everything that the state holds now is durable."""
        await durable(self._log, self._state.sequence)

    async def authenticate(self, query: commands.Authenticate) -> Actor:
        """Return whose token it is.

        Raises:
            UnauthenticatedError: It is nobody's, or the session or the API key has ended.
        """
        actor = owner_of(self._state, query.token_hash)
        if actor is None:
            await durable(self._log, self._state.sequence)
            raise UnauthenticatedError("The token is not known. Log in with POST /v1/sessions.")
        return actor

    async def sessions(self, query: commands.Sessions) -> list[commands.OpenSession]:
        """Return the actor's sessions.

        Raises:
            UnauthenticatedError: Nobody is logged in.
            ForbiddenError: It is the local administrator, who has none, or an API key.
        """
        try:
            return sessions_of(self._context(query.actor), query.actor)
        finally:
            await durable(self._log, self._state.sequence)

    async def keys(self, query: Keys) -> list[OpenKey]:
        """Return the actor's API keys; raises as `sessions`."""
        try:
            return keys_of(self._context(query.actor), query.actor)
        finally:
            await durable(self._log, self._state.sequence)

    async def administers(self, query: Administers) -> bool:
        """Tell if the actor asks as an administrator.

        Raises:
            UnauthenticatedError: Nobody is logged in.
        """
        try:
            return require_caller(self._context(query.actor), query.actor).is_admin
        finally:
            await durable(self._log, self._state.sequence)

    async def locked_us(self, query: Locks) -> int:
        """Return for how many microseconds one of some locks of logins lasts, 0 if none does."""
        try:
            return locked_us(self._state, self._context(None).now, query.ids)
        finally:
            await durable(self._log, self._state.sequence)

    async def credential(self, query: commands.CredentialOf) -> commands.Credential | None:
        """Return the stored hash of a user's password, for the login handler alone; None if there is no such user."""
        user_id = query.user_id or self._state.tables["user"].holder("email", (query.email or "").casefold())
        row = None if user_id is None else self._state.tables["credential"].row(user_id)
        await durable(self._log, self._state.sequence)
        if user_id is None or row is None:
            return None
        return commands.Credential(user_id, row.password_hash, row.generation)

    def _context(self, actor: Actor | None) -> Context:
        # What is stored never goes back in time, whatever the clock does.
        return acting(Context(self._state, max(self._clock(), self._log.time), self._limits), actor)

    def _carry_out(self, context: Context, command: Command) -> tuple[Outcome, int]:
        """Decide a command and append what it changes; returns its outcome and the sequence that it rests on."""
        decision = decide(context, command)
        try:
            return decision.outcome, self._append(decision.changes, context.now, command)
        except TooLargeError as error:
            if not isinstance(command, Load) or (len(command.steps) == 1 and command.steps[0].fault is not None):
                raise
            # Of a bulk load fewer lines are tried; one that a record cannot hold is refused.
            half = command.steps[: len(command.steps) // 2] or (Step(fault=error, line=command.steps[0].line),)
            return self._carry_out(context, msgspec.structs.replace(command, steps=half))

    def _append(self, changes: list[Change], now: int, command: Command) -> int:
        if not changes:
            # A retry's answer, or nothing to expire: it rests on what was applied before.
            return self._state.sequence
        try:
            operation, actor = command.operation, actor_id(command.actor)
            sequence = self._log.append(changes, time=now, actor=actor, operation=operation)
        except RecordTooLargeError as error:
            if isinstance(command, commands.Delete):
                # The log keeps what was deleted, so a deletion can be too large by its bytes as well as by its number.
                raise CascadeTooLargeError(
                    f"What would be deleted takes at least {error.size} bytes in the log, the limit is {error.limit}. "
                    "Delete some of its parts first: marks of a document, documents of a user."
                ) from error
            raise TooLargeError(str(error)) from error
        self._state.apply(sequence, self._log.time, changes)
        return sequence

    def _get(self, query: commands.Get) -> tuple[Entity, int]:
        context = self._context(query.actor)
        caller = require_caller(context, query.actor)
        context = msgspec.structs.replace(context, caller=caller)
        table = self._state.tables[query.kind]
        row, value = table.row(query.id), table.value(query.id)
        marks = [table.sequence(query.id), *self._actor_marks(query)]
        if query.kind == "user":
            row = require_account(context, caller, query.id)
            return Entity(query.id, row.version, value or b""), max(marks)
        user_id = require_user(context, query.actor)
        if row is None or value is None:
            raise absent(context, user_id, query.kind, query.id)
        if query.kind == "project":
            require_project(context, user_id, query.id)
            return Entity(query.id, row.version, value), max(marks)
        document_id = query.id if query.kind == "document" else getattr(row, "document_id", None)
        if document_id is not None:
            scope = self._require_seen(context, user_id, query, document_id)
            tables = self._state.tables
            marks += [tables["document"].sequence(document_id), tables["project"].sequence(scope)]
            if is_hidden(context, user_id, query.kind, row):
                raise absent(context, user_id, query.kind, query.id)
        if query.kind == "document":
            text = None if query.bare else self._state.tables["text"].value(query.id)
            value = value if text is None else with_text(value, text)
        if query.utf16 and document_id is not None:
            (value,) = in_utf16(self._state, [value], self._limits.page_bytes)
        return Entity(query.id, row.version, value), max(marks)

    def _require_seen(self, context: Context, user_id: str, query: commands.Get, document_id: str) -> str:
        """Return the scope of a document that is read, or whose mark is."""
        row = self._state.tables["document"].row(document_id)
        if row is None or role_in(context, user_id, row.scope) is None:
            # Not the document's error: that a mark exists, and where, is private too.
            raise absent(context, user_id, query.kind, query.id)
        return str(row.scope)

    def _actor_marks(self, query: Query) -> tuple[int, int]:
        actor = query.actor
        if actor == LOCAL_ADMIN:
            return 0, 0
        if actor is None or actor.user_id is None:
            raise AssertionError("an actor that was required is there")
        tables = self._state.tables
        kind, key = ("session", actor.session_id) if actor.key_id is None else ("api_key", actor.key_id)
        return tables["user"].sequence(actor.user_id), tables[kind].sequence(key or "")

    def _list(self, query: commands.List) -> Page:
        context = self._context(query.actor)
        caller = require_caller(context, query.actor)
        context = msgspec.structs.replace(context, caller=caller)
        table = self._state.tables[query.kind]
        kind = table.kind
        unknown = [name for name in query.filters if name not in kind.filters]
        unknown += [name for name in query.at_least if name not in kind.ranges]
        if unknown:
            served = ", ".join(kind.filters + kind.ranges)
            raise MalformedError(f"{unknown[0]!r} is no filter of {query.kind}s; these are: {served}.")
        is_users = query.kind == "user"
        filters, any_of = (_folded(query), ()) if is_users else filters_of(context, query)
        since, until = (None if at is None else format_time(at) for at in (query.created_at_ge, query.created_at_lt))
        only = caller.user_id or "" if is_users and not caller.is_admin else None
        rows = table.select(filters, at_least=query.at_least, since=since, until=until, only=only, any_of=any_of)
        bytes_max = self._limits.page_bytes
        items, after = table.page(rows, query.after, query.limit, bytes_max, descending=query.descending)
        if query.utf16 and not is_users:
            told = in_utf16(self._state, items, bytes_max)
            if len(told) < len(items):
                # The page ends before the others: this is where the next one begins.
                _, after = table.page(rows, query.after, len(told), bytes_max, descending=query.descending)
            items = told
        return Page(items, after, len(rows) if query.count else None)


def _folded(query: commands.List) -> dict[str, tuple[str, ...]]:
    """Return the filters of a list of users; e-mail addresses are stored case-folded."""
    return {
        name: tuple(value.casefold() for value in values) if name == "email" else values
        for name, values in query.filters.items()
    }
