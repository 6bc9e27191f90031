"""Registration and login."""

from __future__ import annotations

from service.clock import format_time
from service.commands import LogIn, Outcome, Register
from service.decide.decision import Context, Decision, created, outcome_of, require_valid, updated
from service.errors import FieldError, ForbiddenError, TakenError, UnauthenticatedError
from service.kinds.account import CREDENTIAL, SESSION, USER, Credential, Role, Session, User, UserDraft


def register(context: Context, command: Register) -> Decision:
    """Create a user; the first one, from this machine, is an administrator.

    Raises:
        ForbiddenError: Registration is closed.
        InvalidError: The body does not fit the schema.
        TakenError: The e-mail address belongs to a user.
    """
    users = context.state.tables["user"]
    if not command.open:
        raise ForbiddenError("Registration is closed here. Ask an administrator for an account.")
    draft: UserDraft = require_valid(command.draft)
    email = draft.email.casefold()
    if users.holder("email", email) is not None:
        raise TakenError(f"{email} is registered already.", [FieldError("/email", "belongs to a user")])
    role: Role = "admin" if command.loopback and not len(users) else "member"
    time = format_time(context.now)
    user = User(id=command.new_id, version=1, created_at=time, updated_at=time, email=email, name=draft.name, role=role)
    credential = Credential(id=user.id, password_hash=command.password_hash)
    change = created(context, USER, user.id, user)
    return Decision([change, created(context, CREDENTIAL, user.id, credential)], outcome_of(USER, change, 201))


def log_in(context: Context, command: LogIn) -> Decision:
    """Open a session for a user whose password was verified.

    Raises:
        UnauthenticatedError: The credential has changed since, or the account is gone or disabled.
    """
    user = context.state.tables["user"].row(command.user_id)
    sequence = context.state.tables["credential"].sequence(command.user_id)
    if user is None or user.disabled or sequence != command.credential_sequence:
        raise UnauthenticatedError("The e-mail address or the password is wrong.")
    session = Session(
        id=command.session_id,
        user_id=command.user_id,
        token_hash=command.token_hash,
        expires_at=context.now + command.lifetime_us,
    )
    changes = [created(context, SESSION, session.id, session)]
    if command.rehashed is not None:
        credential = Credential(id=command.user_id, password_hash=command.rehashed)
        changes.append(updated(context, CREDENTIAL, command.user_id, credential))
    return Decision(changes, Outcome(status=201, kind=SESSION.name, id=session.id))
