"""What an operator does on the server's machine: adding users, listing them, their roles, their passwords.

It goes the way of all mutations, as the local administrator. `service.control` carries it to a server that runs.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from service.commands import LOCAL_ADMIN, Command, List, Outcome, Page, Register, SetPassword, Update
from service.errors import MalformedError, NotFoundError
from service.ids import IdSource
from service.kinds.account import UserDraft
from service.passwords import Passwords

_OPERATION = "annolog user"
_PAGE_SIZE = 1000


class UserRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked.

    Attributes:
        operation: What to do.
        email: Of the user, but for a list.
        name: Of a new user.
        role: Of a new user, or the new one.
        password: Of a new user, or the new one.
    """

    operation: Literal["add", "list", "role", "reset-password"]
    email: str = ""
    name: str = ""
    role: Literal["admin", "member"] = "member"
    password: str = ""


class Engine(Protocol):
    """What it asks of the engine."""

    async def submit(self, command: Command) -> Outcome:
        """Carry out a command."""
        ...

    async def page(self, query: List) -> Page:
        """Return a page of a list."""
        ...


async def carry_out(engine: Engine, passwords: Passwords, ids: IdSource, request: UserRequest) -> list[msgspec.Raw]:
    """Do what is asked and return the users that it is about, as they are afterwards.

    Raises:
        DomainError: It is refused, for example because there is no such user.
        WalError: The log takes no more, or the outcome is unknown.
    """
    if request.operation == "add":
        register = Register(
            actor=LOCAL_ADMIN,
            operation=_OPERATION,
            new_id=ids.new("user"),
            draft=_draft(request),
            password_hash=await passwords.hash(request.password),
            loopback=True,
            open=True,
        )
        return [msgspec.Raw((await engine.submit(register)).body)]
    if request.operation == "list":
        return await _all(engine)
    user_id = await _id_of(engine, request.email)
    if request.operation == "role":
        update = Update(actor=LOCAL_ADMIN, operation=_OPERATION, kind="user", id=user_id, patch={"role": request.role})
        return [msgspec.Raw((await engine.submit(update)).body)]
    reset = SetPassword(
        actor=LOCAL_ADMIN,
        operation=_OPERATION,
        user_id=user_id,
        password_hash=await passwords.hash(request.password),
        credential_generation=None,
    )
    await engine.submit(reset)
    return await _found(engine, request.email)


async def _all(engine: Engine) -> list[msgspec.Raw]:
    users: list[msgspec.Raw] = []
    after: int | None = None
    while True:
        page = await engine.page(List(actor=LOCAL_ADMIN, kind="user", filters={}, after=after, limit=_PAGE_SIZE))
        users += map(msgspec.Raw, page.items)
        if page.next is None:
            return users
        after = page.next


async def _found(engine: Engine, email: str) -> list[msgspec.Raw]:
    page = await engine.page(List(actor=LOCAL_ADMIN, kind="user", filters={"email": (email,)}))
    return [msgspec.Raw(item) for item in page.items]


def _draft(request: UserRequest) -> UserDraft:
    members = {"email": request.email, "name": request.name, "role": request.role}
    try:
        # The rules of the API hold here too.
        return msgspec.convert(members, UserDraft)
    except msgspec.ValidationError as error:
        raise MalformedError(f"{request.email!r} cannot be added: {error}.") from error


class _Identified(msgspec.Struct):
    id: str


async def _id_of(engine: Engine, email: str) -> str:
    found = await _found(engine, email)
    if not found:
        raise NotFoundError(f"There is no user with the e-mail address {email!r}. `annolog user list` shows all.")
    return msgspec.json.decode(found[0], type=_Identified).id
