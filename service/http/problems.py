"""Errors become responses, here and nowhere else, found by class: RFC 9457 problems, each with a page that explains it.

Every error is first turned into a `DomainError`, which knows its status, name and title.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import structlog
from aiohttp import hdrs, web

import service.passwords
import wal.errors
from service.errors import DomainError, MalformedError, TooLargeError, encode_problem
from service.http import failures
from service.http.response import Response

_logger = structlog.get_logger(__name__)
_RETRY_SECONDS = "1"
MEDIA_TYPE = "application/problem+json"


def respond(error: BaseException, request: str) -> Response:
    """Return the response for an error.

    Args:
        error: Whatever ended the request.
        request: The id under which an error of the server's own is logged.
    """
    failure = failure_of(error, request)
    headers = {hdrs.CONTENT_TYPE: MEDIA_TYPE, **_headers(failure)}
    response = Response(status=failure.status, body=encode_problem(failure), headers=headers)
    if isinstance(failure, failures.TooSlowError | failures.StoppingError):
        response.force_close()
    return response


def failure_of(error: BaseException, request: str) -> DomainError:
    """Return what an error means to the client; one of the server's own is logged under the request's id."""
    failure = to_failure(error)
    if isinstance(failure, failures.InternalError):
        _logger.error("request failed", request=request, exc_info=error)
    return failure


def to_failure(error: BaseException) -> DomainError:
    """Return the domain error that an error means to the client."""
    if isinstance(error, DomainError):
        return error
    for cause in type(error).__mro__:
        if cause in _MEANINGS:
            return _MEANINGS[cause](error)
    return failures.InternalError("The server failed to carry out the request. Its log tells why.")


def pages() -> dict[str, type[DomainError]]:
    """Return every problem by name."""
    kinds: tuple[type[DomainError], ...] = (DomainError, *_descendants(DomainError))
    return {kind.name: kind for kind in kinds if kind is not failures.HttpError}


def _descendants(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


def _headers(failure: DomainError) -> dict[str, str]:
    headers = dict(failure.headers) if isinstance(failure, failures.HttpError) else {}
    if failure.status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = "Bearer"
    elif failure.status in (web.HTTPServiceUnavailable.status_code, web.HTTPTooManyRequests.status_code):
        headers.setdefault("Retry-After", _RETRY_SECONDS)
    return headers


def _not_allowed(error: web.HTTPMethodNotAllowed) -> DomainError:
    allowed = ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))
    return failures.MethodError(f"{error.method} is not possible here, only {allowed}.", {"Allow": allowed})


def _other_http(error: web.HTTPException) -> DomainError:
    if web.HTTPBadRequest.status_code <= error.status < web.HTTPInternalServerError.status_code:
        return MalformedError(error.text or error.reason)
    return failures.InternalError(error.reason)


_MEANINGS: dict[type, Callable[..., DomainError]] = {
    wal.errors.OutcomeUnknownError: lambda error: failures.UnknownOutcomeError(str(error)),
    wal.errors.PoisonedError: lambda error: failures.LogFailedError(str(error)),
    wal.errors.NoRoomError: lambda error: failures.FullError(str(error)),
    wal.errors.ClosedError: lambda error: failures.StoppingError(str(error)),
    wal.errors.RecordTooLargeError: lambda error: TooLargeError(str(error)),
    service.passwords.BusyError: lambda error: failures.BusyError(str(error)),
    web.HTTPNotFound: lambda _: failures.NoPathError("There is nothing at this path."),
    web.HTTPMethodNotAllowed: _not_allowed,
    web.HTTPRequestEntityTooLarge: lambda error: TooLargeError(error.text),
    web.HTTPExpectationFailed: lambda error: failures.ExpectationError(error.text),
    web.HTTPException: _other_http,
    web.RequestPayloadError: lambda error: MalformedError(f"The body cannot be read: {error}."),
    # Nobody is there to read the answer; it is no fault of the server's.
    ConnectionError: lambda error: MalformedError(f"The connection was lost: {error}."),
}
