"""What an endpoint is: one entry that routes, checks of requests and the description of the API are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from typing import Any, Literal

from aiohttp.typedefs import Handler

from service.errors import DomainError
from service.http.query import Parameter
from service.kinds.account import Scope

API = "/v1/"
JSON_TYPE = "application/json"
MERGE_PATCH_TYPE = "application/merge-patch+json"
TEXT_TYPE = "text/plain"
HTML_TYPE = "text/html"
LINES_TYPE = "application/x-ndjson"
BYTES_TYPE = "application/octet-stream"
ANY_TYPE = "*/*"
_OF_LOGINS = frozenset({"sessions", "api-keys"})
Access = Literal["anybody", "may_log_in", "caller"]


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a request holds.

    Attributes:
        type: What the JSON is decoded to; `bytes` where it is none.
        example: One that fits it; shown, and sent by tests. Of lines a list of them.
        media_types: Those that are taken.
        is_patch: It is a merge patch of `type`.
        is_lines: It is JSON line by line, each `type`.
        is_secret: It holds a password, or asks for a token: a smaller limit counts, and no idempotency key.
    """

    type: type
    example: Any
    media_types: tuple[str, ...] = (JSON_TYPE,)
    is_patch: bool = False
    is_lines: bool = False
    is_secret: bool = False


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer that is no refusal.

    Attributes:
        status: Of HTTP.
        description: When it is given.
        type: What its JSON is, None without one.
        lines: What each line of it may be, where it is JSON line by line.
        example: Of it; of lines a list of them.
        media_types: Of its body, none without one; the first is the one that is given unless another is wanted.
        headers: Names of its header fields; see `service.contract.headers`.
    """

    status: int
    description: str
    type: Any = None
    lines: tuple[Any, ...] = ()
    example: Any = None
    media_types: tuple[str, ...] = (JSON_TYPE,)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Deprecation:
    """That an endpoint should not be used any more (RFC 9745), and until when it is there (RFC 8594).

    Attributes:
        since: When that was decided, with an offset from UTC.
        sunset: When it may go, a year later at the earliest; None: it stays.
        instead: What is to be used, for the description.
    """

    since: datetime
    instead: str
    sunset: datetime | None = None

    @cached_property
    def headers(self) -> dict[str, str]:
        """The header fields of its answers, but for `Link`."""
        found = {"Deprecation": f"@{int(self.since.timestamp())}"}
        return found if self.sunset is None else {**found, "Sunset": format_datetime(self.sunset.astimezone(UTC), True)}


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A method of a path.

    Attributes:
        method: Of HTTP; GET answers HEAD too.
        path: With names in braces.
        handler: What answers; of one endpoint only.
        operation: Its id in the description, by which clients that are made from it name it.
        summary: What it does, in a line.
        replies: The answers that are no refusals.
        query: Its parameters; another one is refused.
        body: What the request holds, None if nothing.
        refuses: Problems besides those that follow from the rest (`service.contract.refusals`).
        access: Who may ask at all: `anybody` without a token, `may_log_in` with or without, `caller` with one.
        scope: That an API key needs; `session`: no key may; None: every key may.
        takes_key: `Idempotency-Key` counts.
        conditional: `If-Match` and `If-None-Match` count.
        takes: Further header fields that count, as components (`service.contract.headers.SENT`).
        is_stream: Its body or its answers are passed on piece by piece: no answer of it is compressed.
        description: More about it, if a line is not enough.
        deprecation: It should not be used any more.
    """

    method: str
    path: str
    handler: Handler
    operation: str
    summary: str
    replies: Sequence[Reply]
    query: tuple[Parameter, ...] = ()
    body: Body | None = None
    refuses: tuple[type[DomainError], ...] = ()
    access: Access = "caller"
    scope: Scope | Literal["session"] | None = None
    takes_key: bool = False
    conditional: bool = False
    takes: tuple[str, ...] = ()
    is_stream: bool = False
    description: str = ""
    deprecation: Deprecation | None = None

    @property
    def is_public(self) -> bool:
        """Nobody needs to be logged in for it."""
        return self.access != "caller"

    @property
    def holds_secret(self) -> bool:
        """Its answers may hold a secret, or are about logins: they are never compressed."""
        return self.tag in _OF_LOGINS or (self.body is not None and self.body.is_secret)

    @property
    def is_read(self) -> bool:
        """It changes nothing."""
        return self.method == "GET"

    @property
    def names(self) -> list[str]:
        """The names in its path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @cached_property
    def offers(self) -> tuple[str, ...]:
        """The media types of its answers; none where it may be any."""
        found = tuple(dict.fromkeys(one for reply in self.replies for one in reply.media_types))
        return () if ANY_TYPE in found else found

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """Its parameters by their names."""
        return {parameter.name: parameter for parameter in self.query}

    @property
    def tag(self) -> str:
        """Under which it stands in the description: the first step of its path."""
        return self.path.removeprefix(API).partition("/")[0] if self.path.startswith(API) else "server"


def done(description: str = "Done.") -> Reply:
    """Return the reply that holds nothing."""
    return Reply(status=204, description=description, media_types=(), headers=("Idempotency-Replayed",))
