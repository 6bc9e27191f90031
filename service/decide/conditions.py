"""Preconditions: what the client believes of an entity before it changes it."""

from __future__ import annotations

from service.commands import Conditions, Delete, Replace, SetMember, Update
from service.contents import RemoveContent, StoreContent
from service.decide.decision import Context
from service.decide.idempotency import refuse_reused_key
from service.errors import PreconditionFailedError
from service.reviews import Adjudicate, ChangeLabels

Conditional = Replace | Update | Delete | SetMember | Adjudicate | ChangeLabels | StoreContent | RemoveContent


def require_conditions(context: Context, command: Conditional, version: int | None) -> None:
    """Check the idempotency key, then the preconditions; call it when access is clear and before any rule.

    Args:
        context: Of the decision.
        command: Whose conditions.
        version: Of the entity, None if there is none.

    Raises:
        KeyReusedError: The key belongs to another request.
        PreconditionFailedError: A condition does not hold.
    """
    refuse_reused_key(context, command)
    _check(command.conditions, command.id, version)


def _check(conditions: Conditions, key: str, version: int | None) -> None:
    if conditions.create_only and version is not None:
        raise PreconditionFailedError(f"{key} exists, in version {version}; If-None-Match: * says that it must not.")
    wanted = conditions.if_match
    if wanted is None or (version is not None and (not wanted or version in wanted)):
        return
    if version is None:
        raise PreconditionFailedError(f"{key} does not exist, If-Match says that it does.")
    raise PreconditionFailedError(f"{key} has version {version}, If-Match asks for {_listed(wanted)}. Read it again.")


def _listed(versions: tuple[int, ...]) -> str:
    return " or ".join(map(str, versions))
