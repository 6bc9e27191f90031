"""Commands whose offsets count UTF-16 units: converted before they are decided, and their answers after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from service.commands import Create, Invalid, Replace, Update
from service.decide.access import require_user
from service.decide.decision import Context, Decision
from service.offsets import Utf16

Converted = Create | Replace | Update


def in_utf16(context: Context, command: Converted, rule: Callable[[Context, Any], Decision]) -> Decision:
    """Decide a command whose offsets count UTF-16 units.

    Raises:
        DomainError: As the rule does.
        InvalidError: An offset lies within a character.
    """
    text = _text(context, command)
    if text is None:
        # Nothing to convert by: the rule says what is wrong, if anything is.
        return rule(context, command)
    units = Utf16(text)
    decision = rule(context, _inward(units, command))
    outcome = decision.outcome
    return Decision(decision.changes, msgspec.structs.replace(outcome, body=units.outward(outcome.body)))


def _text(context: Context, command: Converted) -> str | None:
    """Return the text that the offsets point into, None if there is none that the user may see."""
    sent = command.patch if isinstance(command, Update) else command.draft
    if isinstance(sent, Invalid):
        return None
    if command.kind == "document":
        given = sent.get("text") if isinstance(command, Update) else sent.text
        if isinstance(given, str):
            return given
    document_id = _document_id(context, command, sent)
    row = None if document_id is None else context.state.tables["document"].row(document_id)
    if document_id is None or row is None or row.owner_id != require_user(context, command.actor):
        return None
    return context.state.text(document_id)


def _document_id(context: Context, command: Converted, sent: Any) -> str | None:
    if command.kind == "document":
        return None if isinstance(command, Create) else command.id
    if isinstance(command, Update):
        row = context.state.tables[command.kind].row(command.id)
        return None if row is None else str(row.document_id)
    return str(sent.document_id)


def _inward(units: Utf16, command: Converted) -> Converted:
    if isinstance(command, Update):
        return msgspec.structs.replace(command, patch=units.inward(command.patch))
    members = units.inward(msgspec.to_builtins(command.draft))
    return msgspec.structs.replace(command, draft=msgspec.convert(members, type(command.draft)))
