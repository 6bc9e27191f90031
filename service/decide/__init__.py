"""Decisions: what a command changes, or why it is refused. Pure functions of the state, the time and the command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from service.commands import UNCONDITIONAL, Command, Create, Delete, LogIn, Register
from service.decide.accounts import log_in, register
from service.decide.decision import Context, Decision
from service.decide.documents import create_document, delete_document
from service.decide.marks import create_annotation, create_extraction, delete_mark
from service.errors import ImmutableError, MalformedError

Rule = Callable[[Context, Any], Decision]

_RULES: dict[tuple[type[Command], str], Rule] = {
    (Register, ""): register,
    (LogIn, ""): log_in,
    (Create, "document"): create_document,
    (Create, "extraction"): create_extraction,
    (Create, "annotation"): create_annotation,
    (Delete, "document"): delete_document,
    (Delete, "extraction"): delete_mark,
    (Delete, "annotation"): delete_mark,
}


def decide(context: Context, command: Command) -> Decision:
    """Return what a command does.

    Raises:
        DomainError: It is refused; the class tells why.
    """
    _require_supported(command)
    kind = getattr(command, "kind", "")
    rule = _RULES.get((type(command), kind))
    if rule is None:
        raise ImmutableError(f"This release does not know how to {type(command).__name__} {kind or 'that'}.")
    return rule(context, command)


def _require_supported(command: Command) -> None:
    """Refuse what this release would otherwise leave out silently."""
    if command.idempotency is not None:
        raise MalformedError("This release keeps no idempotency keys. Send the request without one.")
    if getattr(command, "conditions", UNCONDITIONAL) != UNCONDITIONAL:
        raise MalformedError("This release checks no preconditions. Send the request without If-Match.")
    if getattr(command, "utf16", False):
        raise MalformedError("This release counts offsets in code points only.")
