"""Idempotency keys: a retry under the same key gets the first answer again (IETF draft, header `Idempotency-Key`)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import hdrs, web
from multidict import istr

from service.commands import Actor, IdempotencyKey
from service.errors import InFlightError, MalformedError
from service.http.conditions import field

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_HEADER = istr(HEADER)
KEY_LENGTH_MAX = 255
# Bare, or quoted as a string of RFC 9651; the length is checked apart, for a message of its own.
_FORM = re.compile(r'[\x21\x23-\x7e]+|"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"')
KEY_PATTERN = rf"^({_FORM.pattern})$"
"""What the header may be, as the description tells it; the length is at most `KEY_LENGTH_MAX`."""
_ESCAPE = re.compile(r"\\(.)")
_DIGEST_BYTES = 16


def key_of(request: web.Request, actor: Actor | None, body: bytes) -> IdempotencyKey | None:
    """Return the key of a request, None if the client sent none.

    Args:
        request: The header, and what the fingerprint covers.
        actor: Whose key it is: keys of others never meet.
        body: As it was received.

    Raises:
        MalformedError: The header cannot be read.
    """
    lines = request.headers.getall(_HEADER, ())
    if not lines:
        return None
    if len(lines) > 1:
        raise MalformedError(f"{HEADER} is there {len(lines)} times, expected once.")
    owner = "" if actor is None or actor.user_id is None else actor.user_id
    identity = (owner, request.method, request.rel_url.raw_path, _parse(lines[0]))
    conditions = (field(request, name) or "" for name in (hdrs.IF_MATCH, hdrs.IF_NONE_MATCH))
    essence = (request.method, str(request.rel_url), request.content_type, *conditions)
    return IdempotencyKey(id=_digest(identity, b""), fingerprint=_digest(essence, body))


@contextmanager
def flight(in_flight: set[str], key: IdempotencyKey | None) -> Iterator[None]:
    """Hold a key while its request is under way.

    Raises:
        InFlightError: Another request holds it.
    """
    if key is None:
        yield
        return
    if key.id in in_flight:
        raise InFlightError("A request under this idempotency key is still under way. Try again a little later.")
    in_flight.add(key.id)
    try:
        yield
    finally:
        in_flight.discard(key.id)


def _parse(header: str) -> str:
    value = header.strip()
    form = _FORM.fullmatch(value)
    if form is None or len(value) > KEY_LENGTH_MAX:
        raise MalformedError(
            f"{HEADER} is {header[:KEY_LENGTH_MAX]!r}, expected 1 to {KEY_LENGTH_MAX} printable ASCII characters, "
            "bare and without spaces, or in double quotes."
        )
    return value if form[1] is None else _ESCAPE.sub(r"\1", form[1])


def _digest(parts: tuple[str, ...], body: bytes) -> str:
    head = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(b"%d\0%b%b" % (len(head), head, body), digest_size=_DIGEST_BYTES).hexdigest()
