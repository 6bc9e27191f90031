"""What a raw request is, and how its bytes are put together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

BODY_BYTES = 4096
HEADER_LINE_BYTES = 1024
HEADERS_MAX = 20


class Ending(Enum):
    """What the client does once it has sent everything."""

    WAIT = "reads"
    HALF = "closes its half, then reads"
    AFTER = "reads, then closes its half"
    CLOSE = "closes, without reading"
    RESET = "resets, without reading"


@dataclass(frozen=True)
class Case:
    """A hostile client.

    Attributes:
        name: Of the case.
        sent: Its bytes; a pause comes between two parts.
        statuses: Of all the answers that it gets, in order.
        why: They are these.
        stays: The connection can be used on after that; else the server closes it.
        created: Documents that are there afterwards because of it, at least and at most.
        ending: What the client does then.
    """

    name: str
    sent: tuple[bytes, ...]
    statuses: tuple[int, ...]
    why: str
    stays: bool = False
    created: tuple[int, int] = (0, 0)
    ending: Ending = Ending.WAIT


JSON = b'{"title":"t"}'
SMUGGLED = b'{"title":"smuggled"}'
HOST = "Host: a"
TYPE = "Content-Type: application/json"
OWN_TOKEN = "@token@".ljust(43, "@")
"""Stands for the token of the session, and is as long."""
TOKEN = f"Authorization: Bearer {OWN_TOKEN}"
CHUNKED = "Transfer-Encoding: chunked"


def head(line: str, *fields: str | bytes) -> bytes:
    """Return a request line and header fields as they are."""
    encoded = (field if isinstance(field, bytes) else field.encode() for field in fields)
    return b"\r\n".join((line.encode("latin-1"), *encoded)) + b"\r\n\r\n"


def create(*fields: str | bytes, body: bytes = JSON, version: str = "1.1") -> bytes:
    """Return a request that creates a document, with these header fields besides those that it needs."""
    return head(f"POST /v1/documents HTTP/{version}", HOST, TOKEN, TYPE, *fields) + body


def sized(body: bytes = JSON, *fields: str | bytes) -> bytes:
    """Return the same with the right length."""
    return create(f"Content-Length: {len(body)}", *fields, body=body)


def chunked(chunks: bytes, *fields: str | bytes) -> bytes:
    """Return the same with a body in chunks, which are given as they are."""
    return create(CHUNKED, *fields, body=chunks)


def get(target: str, *fields: str | bytes, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    """Return a request without a body, nor a host."""
    return head(f"{method} {target} {version}", *fields)


LIVEZ = get("/livez", HOST)
WHOLE = b"%x\r\n%b\r\n0\r\n\r\n" % (len(JSON), JSON)
INNER = sized(SMUGGLED)
LENGTH = f"Content-Length: {len(JSON)}"


def created(name: str, sent: bytes, why: str) -> Case:
    """Return a case that creates one document, after which the connection goes on."""
    return Case(name, (sent,), (201,), why, stays=True, created=(1, 1))
