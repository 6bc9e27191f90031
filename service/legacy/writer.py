"""Creates what a plan says, through the engine: the one path of all mutations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from service import bodies, clock
from service.commands import LOCAL_ADMIN, Command, CreateFor, Invalid, Register, Update
from service.engine import Engine
from service.errors import DomainError, shown
from service.ids import IdSource
from service.kinds.account import USER, UserDraft
from service.kinds.document import DOCUMENT, DocumentDraft
from service.kinds.marks import ANNOTATION, EXTRACTION, AnnotationDraft, ExtractionDraft
from service.legacy.mapping import Item, Reference
from service.legacy.plan import Step
from service.legacy.report import LeftOut
from service.passwords import UNUSABLE
from service.settings import Settings
from service.state.state import State
from wal.change import Change
from wal.log import Log

_OPERATION = "annolog import legacy"
_AHEAD_BYTES = 4 * 1024 * 1024
_DRAFTS: dict[str, type[msgspec.Struct]] = {
    USER.name: UserDraft,
    DOCUMENT.name: DocumentDraft,
    EXTRACTION.name: ExtractionDraft,
    ANNOTATION.name: AnnotationDraft,
}
_PREFIXES = {kind.name: kind.prefix for kind in (USER, DOCUMENT, EXTRACTION, ANNOTATION)}


class _MissingError(Exception):
    """What an item refers to is not there."""


class Ahead:
    """A log that is waited for later: an import tells nobody of anything before all of it is durable.

    Args:
        log: Ready.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._waited = log.bytes
        self.room = log.room
        self.admit = log.admit

    @property
    def sequence(self) -> int:
        """Of the last record that was appended."""
        return self._log.sequence

    @property
    def durable(self) -> int:
        """Of the last record that is known to be synced."""
        return self._log.durable

    @property
    def time(self) -> int:
        """Of the last record that was appended."""
        return self._log.time

    @property
    def is_filling(self) -> bool:
        """There is no room yet."""
        return self._log.is_filling

    def append(self, changes: Sequence[Change], *, time: int, actor: str | None, operation: str) -> int:
        """Queue a record and return its sequence."""
        return self._log.append(changes, time=time, actor=actor, operation=operation)

    async def wait(self, sequence: int) -> None:
        """Return at once, or when so much is not durable that it should be."""
        if self._log.bytes - self._waited >= _AHEAD_BYTES:
            await self._log.wait(sequence)
            self._waited = self._log.bytes


class Writer:
    """Creates entities as the local administrator, at the times that they were created.

    Args:
        state: Of the log.
        log: Empty.
        settings: Limits.

    Attributes:
        left_out: What was refused.
        imported: What was not, by kind.
        users: The id of each user in the file → the one here.
    """

    def __init__(self, state: State, log: Ahead, settings: Settings) -> None:
        self.left_out: list[LeftOut] = []
        self.imported: Counter[str] = Counter()
        self.users: dict[str, str] = {}
        self._now = 0
        self._state = state
        self._settings = settings
        self._engine = Engine(state, log, lambda: self._now, settings.limits)
        self._ids = IdSource(lambda: self._now)
        self._new: dict[Reference, str] = {}

    async def create(self, step: Step) -> None:
        """Create an entity, or say why it cannot be."""
        item = step.item
        self._now = step.time
        new_id = self._ids.new(_PREFIXES[item.entry.kind])
        try:
            await self._engine.submit(self._command(item, new_id, step.time))
        except DomainError as error:
            reason = " ".join([error.detail, *(f"{one.pointer or '/'}: {one.detail}." for one in error.errors)])
            self._leave_out(item, reason)
        except _MissingError as error:
            self._leave_out(item, str(error))
        else:
            self._keep(item, new_id)

    async def ensure_admin(self) -> list[str]:
        """Make the oldest user an administrator if none is; returns what was done."""
        users = self._state.tables[USER.name]
        members = users.ids(users.select({}))
        if not members or users.select({"role": ("admin",)}):
            return []
        chosen = next((key for key in members if not users.row(key).disabled), members[0])
        self._now = clock.now()
        update = Update(actor=LOCAL_ADMIN, operation=_OPERATION, kind=USER.name, id=chosen, patch={"role": "admin"})
        await self._engine.submit(update)
        row = users.row(chosen)
        who = (
            "the oldest, is one now, and disabled as all are"
            if row.disabled
            else "the oldest who is not disabled, is one now"
        )
        return [f"The file has no administrator: {row.email}, {who}."]

    def _keep(self, item: Item, new_id: str) -> None:
        self.imported[item.entry.kind] += 1
        if item.reference is not None:
            self._new[item.reference] = new_id
            if item.entry.kind == USER.name:
                self.users[item.reference[1]] = new_id

    def _leave_out(self, item: Item, reason: str) -> None:
        self.left_out.append(LeftOut(kind=item.entry.kind, place=item.entry.place, reason=reason))

    def _command(self, item: Item, new_id: str, time: int) -> Command:
        kind = item.entry.kind
        found = {member: self._found(reference) for member, reference in item.references.items()}
        if kind == USER.name:
            return Register(
                actor=LOCAL_ADMIN,
                operation=_OPERATION,
                new_id=new_id,
                draft=self._draft(kind, item.draft(time)),
                password_hash=item.password_hash,
                loopback=True,
                open=True,
                reset_required=item.password_hash == UNUSABLE,
            )
        own = found.pop("owner_id", None) or found.pop("author_id", None)
        if own is None and kind == DOCUMENT.name:
            raise _MissingError("no owner found, expected the id of a user")
        # Who put it there is not told: whoever owns the document.
        user_id = own or self._state.tables[DOCUMENT.name].row(found["document_id"]).owner_id
        draft = self._draft(kind, {**item.draft(time), **found})
        return CreateFor(
            actor=LOCAL_ADMIN, operation=_OPERATION, kind=kind, new_id=new_id, draft=draft, user_id=user_id
        )

    def _found(self, reference: Reference) -> str:
        if reference not in self._new:
            kind, key = reference
            raise _MissingError(f"{kind} {shown(key)}, to which it belongs, is not in the file or was left out")
        return self._new[reference]

    def _draft(self, kind: str, members: dict[str, Any]) -> msgspec.Struct | Invalid:
        # As a request's body: the rules of the API hold here too.
        return bodies.decode(msgspec.json.encode(members), _DRAFTS[kind], self._settings.limits)
