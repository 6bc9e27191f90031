"""Why a request fails before or around the domain: what HTTP, the log and the life of the process refuse.

They are domain errors of their own, so that every problem is found, rendered and documented in one way.
"""

from __future__ import annotations

from collections.abc import Mapping

from service.errors import DomainError, UnauthenticatedError


class HttpError(DomainError):
    """A refusal that needs header fields of its own."""

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.headers = headers or {}


class WrongCredentialsError(UnauthenticatedError):
    """The e-mail address or the password is wrong, or the user is disabled. It is not told which."""

    name, title = "wrong-credentials", "Wrong e-mail address or password"


class NoPathError(HttpError):
    """There is nothing at this path, whatever the method. The API lives below `/v1`."""

    status, name, title = 404, "no-such-path", "No such path"


class MethodError(HttpError):
    """The path exists, but not with this method. `Allow` lists those that it has."""

    status, name, title = 405, "method-not-allowed", "Method not allowed"


class NotAcceptableError(HttpError):
    """`Accept` names none of the media types that the answer comes in. Nothing was done."""

    status, name, title = 406, "not-acceptable", "Not acceptable"


class TooSlowError(HttpError):
    """The body did not arrive in time. The connection is closed."""

    status, name, title = 408, "too-slow", "The body took too long"


class MediaTypeError(HttpError):
    """The body's media type or content coding is not one that this path takes. The detail names those that it does."""

    status, name, title = 415, "unsupported-media-type", "Unsupported media type"


class RangeError(HttpError):
    """There are no bytes in the range that was asked for. `Content-Range` tells how many there are."""

    status, name, title = 416, "range-not-satisfiable", "Nothing in this range"


class ExpectationError(HttpError):
    """`Expect` asks for something other than `100-continue`."""

    status, name, title = 417, "expectation-failed", "Expectation failed"


class TooManyError(HttpError):
    """Too many attempts. Wait as long as `Retry-After` says."""

    status, name, title = 429, "too-many-requests", "Too many requests"


class InternalError(HttpError):
    """The server is at fault. The log of the server holds the cause, under the `X-Request-ID` of the response."""

    status, name, title = 500, "internal", "Internal error"


class StoppingError(HttpError):
    """The server is shutting down. Nothing was changed: try again, under the same idempotency key if there was one."""

    status, name, title = 503, "shutting-down", "The server is shutting down"


class NotReadyError(HttpError):
    """The server is replaying its log and takes requests when that is done."""

    status, name, title = 503, "not-ready", "The server is starting"


class BusyError(HttpError):
    """More passwords are waiting to be compared than the server allows. Nothing was changed: try again."""

    status, name, title = 503, "busy", "The server is busy"


class UnknownOutcomeError(HttpError):
    """The disk failed. What was asked for may be stored or not: try again under the same idempotency key."""

    status, name, title = 503, "outcome-unknown", "The outcome is not known"


class LogFailedError(HttpError):
    """The disk failed earlier, and the server takes nothing more until it is started again. Nothing was changed."""

    status, name, title = 503, "log-failed", "The log has failed"


class FullError(HttpError):
    """The disk has no room, or only for the log. Nothing was changed; reads go on, and writes come back with room."""

    status, name, title = 507, "no-room", "The disk is full"
