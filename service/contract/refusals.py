"""Which problems an endpoint may answer: what follows from its entry in the table, and what the entry names itself."""

from __future__ import annotations

from service.errors import (
    DomainError,
    ForbiddenError,
    InFlightError,
    InsufficientScopeError,
    InvalidError,
    KeyReusedError,
    MalformedError,
    NotFoundError,
    PreconditionFailedError,
    TooLargeError,
    UnauthenticatedError,
)
from service.http.endpoint import API, Endpoint
from service.http.failures import (
    ExpectationError,
    FullError,
    InternalError,
    LogFailedError,
    MediaTypeError,
    NoPathError,
    NotAcceptableError,
    NotReadyError,
    StoppingError,
    TooSlowError,
    UnknownOutcomeError,
)

Refusal = type[DomainError]
ANYWHERE: tuple[Refusal, ...] = (MalformedError, InternalError)
BEHIND_THE_GATE: tuple[Refusal, ...] = (NotReadyError, StoppingError, LogFailedError, UnknownOutcomeError)
OF_BODIES: tuple[Refusal, ...] = (
    TooSlowError,
    TooLargeError,
    MediaTypeError,
    ExpectationError,
    InvalidError,
)
OF_CHANGES: tuple[Refusal, ...] = (ForbiddenError, FullError)


def refusals(endpoint: Endpoint) -> list[Refusal]:
    """Return the problems that an endpoint may answer, ordered by status and name."""
    is_gated = endpoint.path.startswith(API)
    needs_scope = endpoint.scope not in (None, "session")
    follows: list[tuple[bool, tuple[Refusal, ...]]] = [
        (True, ANYWHERE),
        (is_gated, BEHIND_THE_GATE),
        (is_gated and endpoint.access != "anybody", (UnauthenticatedError,)),
        (is_gated and not endpoint.is_read, OF_CHANGES),
        (bool(endpoint.names), (NoPathError, NotFoundError)),
        (endpoint.body is not None, OF_BODIES),
        (bool(endpoint.offers), (NotAcceptableError,)),
        (endpoint.scope == "session", (ForbiddenError,)),
        (needs_scope, (InsufficientScopeError,)),
        (endpoint.takes_key, (InFlightError, KeyReusedError)),
        (endpoint.conditional, (PreconditionFailedError,)),
    ]
    found = {*endpoint.refuses, *(kind for applies, kinds in follows if applies for kind in kinds)}
    return sorted(found, key=lambda kind: (kind.status, kind.name))
