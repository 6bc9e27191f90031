"""Edits that rest on what was read: nobody else's change is lost, and what is in conflict is told with both sides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from service.client.edits import Edit
from service.client.errors import ProblemError
from service.client.transport import new_key
from service.client.types import Entity

E = TypeVar("E", bound=Entity)
M = TypeVar("M", bound=Edit)
R_co = TypeVar("R_co", bound=Entity, covariant=True)
_PRECONDITION_FAILED = 412
_encode = msgspec.json.Encoder(order="deterministic").encode


class Update(Protocol[R_co]):
    """Sends a merge patch for a version, under a key."""

    def __call__(
        self, entity_id: str, changes: Mapping[str, Any], *, version: int, idempotency_key: str
    ) -> Awaitable[R_co]:
        """Return the entity after it."""


class EditConflictError(ProblemError, Generic[E, M]):
    """Somebody else has changed the entity since it was read. Nothing was changed by this edit.

    Args:
        refusal: Of the server.
        before: What was read at first.
        theirs: The entity as it is now.
        mine: What it should have become.
        changes: The merge patch between `before` and `mine`.
    """

    def __init__(self, refusal: ProblemError, before: E, theirs: E, mine: M, changes: dict[str, Any]) -> None:
        # The refusal is told as it is, and its text was made from these.
        super().__init__("edit", refusal.problem, refusal.members, refusal.idempotency_key)
        self.args = refusal.args
        self.before = before
        self.theirs = theirs
        self.mine = mine
        self.changes = changes


class Editing(Generic[E, M]):
    """One edit: an entity is read, changed in the block of ``async with``, and sent at its end.

    What is sent is a merge patch with the members that changed, for the version that was read. If none has changed, or
    if the block ends with an exception, nothing is sent.

    Args:
        get: Reads an entity.
        update: Sends the changes.
        entity_id: Of the entity.
        edit: What of it can be edited.
        idempotency_key: Under which the changes are sent; a new one if there is none.

    Attributes:
        before: The entity as it was read.
        after: As it is once the block has ended, the same as `before` if nothing was sent.
        changes: What was sent, empty if nothing was.
    """

    def __init__(
        self,
        get: Callable[[str], Awaitable[E]],
        update: Update[E],
        entity_id: str,
        edit: type[M],
        *,
        idempotency_key: str | None = None,
    ) -> None:
        self._get = get
        self._update = update
        self._id = entity_id
        self._edit = edit
        self._key = idempotency_key or new_key()
        self._mine: M | None = None
        self._was: dict[str, Any] = {}
        self._before: E | None = None
        self._after: E | None = None
        self.changes: dict[str, Any] = {}

    @property
    def before(self) -> E:
        """The entity as it was read.

        Raises:
            RuntimeError: It was not read yet.
        """
        return _known(self._before, "was not read yet: its block has not begun")

    @property
    def after(self) -> E:
        """The entity as it is now.

        Raises:
            RuntimeError: The block has not ended, or not well.
        """
        return _known(self._after, "has no outcome: its block has not ended, or ended with an error")

    async def __aenter__(self) -> M:
        """Read the entity; raises what `get` does, and RuntimeError if this edit was begun before."""
        if self._before is not None:
            raise RuntimeError("An edit is for one block: ask for another one.")
        self._before = await self._get(self._id)
        # Through JSON, so that nothing of it is shared with what was read.
        self._mine = msgspec.json.decode(msgspec.json.encode(self._before), type=self._edit)
        self._was = msgspec.to_builtins(self._mine)
        return self._mine

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Send what has changed.

        Raises:
            EditConflictError: The entity has another version by now.
            ProblemError: The server refuses, as it does when the entity was deleted meanwhile.
            ConnectionLostError: It was sent or not: `update` with `changes`, the version and this key tells.
        """
        if kind is not None or self._mine is None:
            return
        changes = difference(self._was, msgspec.to_builtins(self._mine))
        if not changes:
            self._after = self.before
            return
        self.changes = changes
        try:
            self._after = await self._update(self._id, changes, version=self.before.version, idempotency_key=self._key)
        except ProblemError as refusal:
            if refusal.status != _PRECONDITION_FAILED:
                raise
            theirs = await self._get(self._id)
            raise EditConflictError(refusal, self.before, theirs, self._mine, changes) from refusal


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the smallest merge patch (RFC 7396) that makes `after` of `before`.

    Null and absent are the same here, as they are to the server.
    """
    changes: dict[str, Any] = {}
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            inner = difference(old, new)
            if inner:
                changes[name] = inner
        elif not _is_same(old, new):
            changes[name] = new
    return changes


def _is_same(old: object, new: object) -> bool:
    # 1, 1.0 and true are equal in Python, and not the same to who reads the entity.
    return _encode(old) == _encode(new)


def _known(entity: E | None, why: str) -> E:
    if entity is None:
        raise RuntimeError(f"The edit {why}.")
    return entity
