"""Decisions: what a command changes, or why it is refused. Pure functions of the state, the time and the command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from service.commands import Command, Create, Delete, LogIn, Register
from service.decide.accounts import log_in, register
from service.decide.decision import Context, Decision
from service.decide.documents import create_document, delete_document
from service.decide.marks import create_annotation, create_extraction, delete_mark

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
    return _RULES[type(command), getattr(command, "kind", "")](context, command)
