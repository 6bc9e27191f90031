"""Commands whose offsets count UTF-16 units: converted before they are decided, and their answers after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from service.commands import Create, Invalid, Replace, Update
from service.decide.access import require_user, role_in
from service.decide.decision import Context, Decision
from service.errors import InvalidError
from service.offsets import Utf16

Converted = Create | Replace | Update


def in_utf16(context: Context, command: Converted, rule: Callable[[Context, Any], Decision]) -> Decision:
    """Decide a command whose offsets count UTF-16 units.

    Raises:
        DomainError: As the rule does, also for an offset within a character.
    """
    units = _offsets(context, command)
    if units is None:
        # Nothing to convert by: the rule says what is wrong, if anything is.
        return rule(context, command)
    decision = rule(context, _inward(units, command))
    outcome = decision.outcome
    return Decision(decision.changes, msgspec.structs.replace(outcome, body=units.outward(outcome.body)))


def _offsets(context: Context, command: Converted) -> Utf16 | None:
    """Return the offsets of the text that is pointed into, None if there is none that the user may see."""
    sent = command.patch if isinstance(command, Update) else command.draft
    if isinstance(sent, Invalid):
        return None
    if command.kind == "document":
        given = sent.get("text") if isinstance(command, Update) else sent.text
        if isinstance(given, str):
            return Utf16(given)
    document_id = _document_id(context, command, sent)
    row = None if document_id is None else context.state.tables["document"].row(document_id)
    if document_id is None or row is None or role_in(context, require_user(context, command.actor), row.scope) is None:
        return None
    return context.state.offsets(document_id)


def _document_id(context: Context, command: Converted, sent: Any) -> str | None:
    if command.kind == "document":
        return None if isinstance(command, Create) else command.id
    if isinstance(command, Update):
        row = context.state.tables[command.kind].row(command.id)
        return None if row is None else str(row.document_id)
    return str(sent.document_id)


def _inward(units: Utf16, command: Converted) -> Converted:
    # What does not fit is said by the rule, after access and preconditions.
    if isinstance(command, Update):
        return msgspec.structs.replace(command, patch=_converted(units, command.patch))
    members = _converted(units, msgspec.to_builtins(command.draft))
    draft = members if isinstance(members, Invalid) else msgspec.convert(members, type(command.draft))
    return msgspec.structs.replace(command, draft=draft)


def _converted(units: Utf16, members: dict[str, Any]) -> dict[str, Any] | Invalid:
    try:
        return units.inward(members)
    except InvalidError as error:
        return Invalid(tuple(error.errors), error.detail)
