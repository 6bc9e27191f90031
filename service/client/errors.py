"""Why a call of the client failed."""

from __future__ import annotations

from typing import Any

import msgspec


class FieldFault(msgspec.Struct, frozen=True):
    """One fault in what was sent: `pointer` is the JSON Pointer of the member."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an error response (RFC 9457)."""

    type: str
    status: int
    title: str = ""
    detail: str = ""
    errors: tuple[FieldFault, ...] = ()


class ClientError(Exception):
    """A call that failed."""


class ConnectionLostError(ClientError):
    """No answer arrived, at any of the tries: a mutation may have been carried out or not.

    The same call under the same idempotency key is safe, and tells.

    Args:
        call: Method and path.
        tries: How many there were.
        cause: What happened at the last one.
        idempotency_key: Under which the request was sent.
    """

    def __init__(self, call: str, tries: int, cause: BaseException, idempotency_key: str | None) -> None:
        what = str(cause) or type(cause).__name__
        super().__init__(f"{call}: no answer after {tries} tries, the last one: {what}.")
        self.tries = tries
        self.idempotency_key = idempotency_key


class ProblemError(ClientError):
    """The server refused.

    Args:
        call: Method and path.
        problem: What the server said.
        members: Its whole body, with members that only some problems have.
        idempotency_key: Under which the request was sent.

    Attributes:
        name: The last part of the problem's type, for example ``text-mismatch``.
    """

    def __init__(
        self, call: str, problem: Problem, members: dict[str, Any], idempotency_key: str | None = None
    ) -> None:
        places = "".join(f" {fault.pointer or 'body'}: {fault.detail}." for fault in problem.errors)
        self.name = problem.type.rpartition("/")[2]
        super().__init__(f"{call}: {problem.status} {self.name}. {problem.detail}{places}")
        self.problem = problem
        self.members = members
        self.idempotency_key = idempotency_key

    @property
    def type(self) -> str:
        """The problem's type, a path of the server that explains it."""
        return self.problem.type

    @property
    def status(self) -> int:
        """The status of the response."""
        return self.problem.status

    @property
    def detail(self) -> str:
        """What was found and what was expected."""
        return self.problem.detail

    @property
    def errors(self) -> tuple[FieldFault, ...]:
        """Each place that is at fault."""
        return self.problem.errors


class ContentChangedError(ClientError):
    """The document changed while its content was downloaded, so that the rest of it may be that of another one."""

    def __init__(self, call: str) -> None:
        super().__init__(f"{call}: the document changed after the connection was lost. Download it again.")


class ContentDamagedError(ClientError):
    """What was downloaded has not the digest that the server told. Do not use it, and download it again."""

    def __init__(self, call: str, found: str, expected: str) -> None:
        super().__init__(f"{call}: what arrived has the digest {found}, the server told {expected}.")


class UnexpectedAnswerError(ClientError):
    """What answered does not speak this API: another service, a proxy, or a much newer version.

    Args:
        call: Method and path.
        status: Of the response.
        found: What is wrong with it.
    """

    def __init__(self, call: str, status: int, found: str) -> None:
        super().__init__(f"{call}: status {status}, {found}. Is this the address of an Annolog server?")
        self.status = status
