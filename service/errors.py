"""Why a request is refused: one class a cause, each with the problem that tells the client (RFC 9457).

The docstring of a class is the text of its page `/problems/<name>`. `service.http.problems` turns them into responses,
in one place, found by class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

_SHOWN_MAX = 100


def shown(value: object) -> str:
    """Return what was found, as far as it is worth telling."""
    return clipped(repr(value))


def clipped(text: str) -> str:
    """Return a text as far as it is worth telling."""
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


class FieldError(msgspec.Struct, frozen=True):
    """One fault in a body.

    Attributes:
        pointer: JSON Pointer (RFC 6901) of the member, ``""`` for the whole body.
        detail: What was found and what was expected.
    """

    pointer: str
    detail: str


class DomainError(Exception):
    """A request that is refused; nothing was changed."""

    status: ClassVar[int] = 422
    name: ClassVar[str] = "unprocessable"
    title: ClassVar[str] = "The request cannot be carried out"

    def __init__(self, detail: str, errors: Sequence[FieldError] = (), **members: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.members = members


class Problem(msgspec.Struct, omit_defaults=True):
    """What is told of an error (RFC 9457)."""

    type: str
    status: int
    title: str
    detail: str
    errors: tuple[FieldError, ...] = ()


RawProblem = Annotated[msgspec.Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/Problem"})]
"""A problem's JSON, within an answer."""


def encode_problem(failure: DomainError) -> bytes:
    """Return the JSON of a problem."""
    # A header field may hold bytes that are no text, and the detail repeats some of it.
    detail = failure.detail.encode("utf-8", "backslashreplace").decode()
    problem = Problem(f"/problems/{failure.name}", failure.status, failure.title, detail, failure.errors)
    if not failure.members:
        return msgspec.json.encode(problem)
    return msgspec.json.encode({**failure.members, **msgspec.to_builtins(problem)})


class MalformedError(DomainError):
    """The body is not JSON, or the request line holds a parameter that is not known or not readable."""

    status, name, title = 400, "malformed", "The request cannot be read"


class UnauthenticatedError(DomainError):
    """There is no valid token. Log in with POST /v1/sessions, or make a key; send `Authorization: Bearer <token>`."""

    status, name, title = 401, "unauthenticated", "Authentication is required"


class ForbiddenError(DomainError):
    """You may see this, but not do that with it."""

    status, name, title = 403, "forbidden", "Not allowed"


class InsufficientScopeError(ForbiddenError):
    """The API key has not the scope that this takes. The detail names it: make a key that has it."""

    name, title = "insufficient-scope", "The API key may not do this"


class NotFoundError(DomainError):
    """It does not exist, or you may not see it."""

    status, name, title = 404, "not-found", "Not found"


class GoneError(DomainError):
    """It existed, you could read it, and it was deleted."""

    status, name, title = 410, "gone", "Deleted"


class PreconditionFailedError(DomainError):
    """The version in `If-Match` is not the current one, or `If-None-Match: *` met an entity that exists. Read again."""

    status, name, title = 412, "precondition-failed", "The entity has changed"


class ConflictError(DomainError):
    """The request contradicts what is stored."""

    status, name, title = 409, "conflict", "Conflict"


class TakenError(ConflictError):
    """A value that must be unique belongs to another entity."""

    name, title = "taken", "Already taken"


class TextInUseError(ConflictError):
    """The text of a document cannot change once a mark points into it. Make a new document with `derived_from`."""

    name, title = "text-in-use", "The text is in use"


class InUseError(ConflictError):
    """Other entities point to this one. Delete them first, or ask for `?cascade=true`."""

    name, title = "in-use", "Other entities point here"


class ImmutableError(ConflictError):
    """This entity cannot be changed in the way that was asked for."""

    name, title = "immutable", "Immutable"


class InFlightError(ConflictError):
    """A request with the same idempotency key has not been answered yet. Try again a little later."""

    name, title = "idempotency-in-flight", "The first request is still under way"


class InvalidError(DomainError):
    """The body does not fit the schema, or breaks a rule; `errors` names the places, of many the first."""

    name, title = "invalid", "The body is not valid"


class TextMismatchError(InvalidError):
    """The `text` that was sent is not the document's text from `start` to `end`, which count Unicode code points."""

    name, title = "text-mismatch", "The text does not match"


class LabelUnknownError(InvalidError):
    """The label is none of the project's, or not for such marks, and the project is closed to others."""

    name, title = "label-unknown", "The label is not known"


class KeyReusedError(DomainError):
    """The idempotency key was used for another request. Keys are for one request and its retries."""

    name, title = "idempotency-key-reused", "The idempotency key belongs to another request"


class CascadeTooLargeError(DomainError):
    """The deletion would take more entities with it than one transaction may."""

    name, title = "cascade-too-large", "Too much would be deleted at once"


class TooManyMarksError(DomainError):
    """The request concerns more marks than it may. The detail tells how to divide it."""

    name, title = "too-many-marks", "Too many marks at once"


class ExportGoneError(DomainError):
    """The export cannot be resumed: it was kept too long ago, or too much was changed meanwhile. Begin a new one."""

    status, name, title = 410, "export-gone", "The export is gone"


class TooManyExportsError(DomainError):
    """As many exports as may be are under way, of yours or of all. Wait as long as `Retry-After` says."""

    status, name, title = 429, "too-many-exports", "Too many exports"


class DigestMismatchError(DomainError):
    """What arrived has not the digest that `Repr-Digest` or `Content-Digest` tells. Send it again."""

    name, title = "digest-mismatch", "The content arrived otherwise than it was sent"


class ContentFailedError(DomainError):
    """The disk did not store the content, or does not give back what was stored. The server's log tells more."""

    status, name, title = 503, "content-failed", "The disk failed at the content"


class TooLargeError(DomainError):
    """The body, or the transaction that it makes, is larger than the limit."""

    status, name, title = 413, "too-large", "Too large"
