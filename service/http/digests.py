"""Digest fields (RFC 9530): what a client says of a body that it sends, and what it is told of one that it gets."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Callable

from aiohttp import web

from service.errors import DigestMismatchError, MalformedError
from service.http.conditions import field

REPR_DIGEST = "Repr-Digest"
CONTENT_DIGEST = "Content-Digest"
_ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512"}
# A member of a dictionary of RFC 9651 whose value is bytes, with parameters, which mean nothing here.
_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*=*):(?:;[^,]*)?\s*(?:,|$)")

_BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_TOLD = rf"[a-z*][a-z0-9_.*-]*=:{_BASE64}:"
DIGEST_PATTERN = rf"^({_TOLD}(, {_TOLD})*)?$"
"""What the fields may be, as the description tells it."""


def told_digests(request: web.Request) -> list[tuple[str, str, bytes]]:
    """Return what a client says of the content that it sends: field, name of the digest in `hashlib`, digest.

    A content comes without codings and as a whole, so both fields tell the same. Other digests are passed over.

    Raises:
        MalformedError: A field cannot be read.
    """
    found = []
    for name in (REPR_DIGEST, CONTENT_DIGEST):
        header = field(request, name) or ""
        position = 0
        while position < len(header):
            member = _MEMBER.match(header, position)
            if member is None:
                raise MalformedError(f"{name} is {header!r}, expected for example sha-256=:…: with base64 in between.")
            if member[1] in _ALGORITHMS:
                found.append((name, _ALGORITHMS[member[1]], _decoded(name, member[2])))
            position = member.end()
    return found


def require_digests(told: list[tuple[str, str, bytes]], computed: Callable[[str], bytes]) -> None:
    """Make sure that what arrived is what was sent.

    Args:
        told: As `told_digests` found it.
        computed: Gives a digest of what arrived.

    Raises:
        DigestMismatchError: It is not.
    """
    for name, algorithm, digest in told:
        arrived = computed(algorithm)
        if arrived != digest:
            raise DigestMismatchError(
                f"{name} tells the {algorithm} {digest.hex()}, and what arrived has {arrived.hex()}."
            )


def repr_digest(sha256: str) -> str:
    """Return the field that tells the digest of a representation, which is given in hex."""
    return f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:"


def _decoded(name: str, text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error as error:
        raise MalformedError(f"{name} holds {text!r}, which is no base64: {error}.") from error
