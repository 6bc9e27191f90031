"""Decisions: what a command changes, or why it is refused. Pure functions of the state, the time and the command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from service.assigning import TakeNext
from service.commands import (
    Command,
    Create,
    CreateFor,
    Delete,
    Expire,
    LogIn,
    LogOut,
    Register,
    Replace,
    SetMember,
    SetPassword,
    Update,
)
from service.contents import RemoveContent, SettleBlobs, StoreContent
from service.decide.access import acting, require_caller
from service.decide.accounts import delete_user, register, update_user
from service.decide.adjudication import adjudicate
from service.decide.assignments import (
    create_assignment,
    delete_assignment,
    replace_assignment,
    update_assignment,
)
from service.decide.bulk import load
from service.decide.contents import remove_content, settle_blobs, store_content
from service.decide.decision import Context, Decision
from service.decide.documents import (
    create_document,
    create_document_for,
    delete_document,
    replace_document,
    update_document,
)
from service.decide.giving import take_next
from service.decide.idempotency import is_answered, kept, replayed
from service.decide.keys import make_key, revoke_key
from service.decide.labels import change_labels
from service.decide.locks import lock_login
from service.decide.marks import create_mark, create_mark_for, delete_mark, replace_mark, update_mark
from service.decide.offsets import in_utf16
from service.decide.projects import create_project, delete_project, replace_project, set_member, update_project
from service.decide.restoring import end_restore, restore
from service.decide.scopes import require_scope
from service.decide.sessions import expire, log_in, log_out, set_password
from service.decide.transactions import transact
from service.errors import ImmutableError
from service.exports import EndRestore, Restore
from service.logins import LockLogin, MakeKey, RevokeKey
from service.operations import Load, Transact
from service.reviews import Adjudicate, ChangeLabels

Rule = Callable[[Context, Any], Decision]
_WITH_OFFSETS = (Create, Replace, Update)

_RULES: dict[tuple[type[Command], str], Rule] = {
    (Register, ""): register,
    (LogIn, ""): log_in,
    (LogOut, ""): log_out,
    (SetPassword, ""): set_password,
    (MakeKey, ""): make_key,
    (RevokeKey, ""): revoke_key,
    (LockLogin, ""): lock_login,
    (Expire, ""): expire,
    (Update, "user"): update_user,
    (Delete, "user"): delete_user,
    (Create, "project"): create_project,
    (Replace, "project"): replace_project,
    (Update, "project"): update_project,
    (Delete, "project"): delete_project,
    (SetMember, ""): set_member,
    (Adjudicate, ""): adjudicate,
    (ChangeLabels, ""): change_labels,
    (Transact, ""): lambda context, command: transact(context, command, decide),
    (Load, ""): lambda context, command: load(context, command, decide),
    **{(Restore, kind): restore for kind in ("project", "document", "extraction", "annotation", "assignment")},
    (EndRestore, ""): end_restore,
    (StoreContent, ""): store_content,
    (RemoveContent, ""): remove_content,
    (SettleBlobs, ""): settle_blobs,
    (Create, "document"): create_document,
    (CreateFor, "document"): create_document_for,
    (Replace, "document"): replace_document,
    (Update, "document"): update_document,
    (Delete, "document"): delete_document,
    (TakeNext, ""): take_next,
    (Create, "assignment"): create_assignment,
    (Replace, "assignment"): replace_assignment,
    (Update, "assignment"): update_assignment,
    (Delete, "assignment"): delete_assignment,
    **{
        (command, kind): rule
        for kind in ("extraction", "annotation")
        for command, rule in (
            (Create, create_mark),
            (CreateFor, create_mark_for),
            (Replace, replace_mark),
            (Update, update_mark),
            (Delete, delete_mark),
        )
    },
}


def decide(context: Context, command: Command) -> Decision:
    """Return what a command does. A retry under an idempotency key changes nothing and is answered as before.

    Raises:
        DomainError: It is refused; the class tells why.
    """
    kind = getattr(command, "kind", "")
    rule = _RULES.get((type(command), kind))
    if rule is None:
        raise ImmutableError(f"{type(command).__name__} does nothing to {kind or 'this'}: see the API's description.")
    require_scope(context, command)
    context = acting(context, command.actor)
    if isinstance(command, _WITH_OFFSETS) and command.utf16:
        rule = _converting(rule)
    if command.idempotency is None:
        return rule(context, command)
    if command.actor is not None:
        require_caller(context, command.actor)
    answer = replayed(context, command)
    return kept(context, command, rule(context, command)) if answer is None else Decision([], answer)


def foresee(context: Context, command: Command) -> None:
    """Refuse a command that would be refused now, before its body has arrived; nothing comes of it otherwise.

    Under a key that was answered before, the body alone tells if the command is a retry: that is left to `decide`.

    Raises:
        DomainError: It is refused; the class tells why.
    """
    context = acting(context, command.actor)
    require_caller(context, command.actor)
    if not is_answered(context, command):
        decide(context, msgspec.structs.replace(command, idempotency=None))


def _converting(rule: Rule) -> Rule:
    return lambda context, command: in_utf16(context, command, rule)
