"""Header fields in the description: those that requests take, and those that answers hold."""

from __future__ import annotations

from typing import Any

from service.http import examples
from service.http.digests import DIGEST_PATTERN, repr_digest
from service.http.endpoint import Endpoint
from service.http.idempotency import HEADER, KEY_LENGTH_MAX, KEY_PATTERN

DIGEST_EXAMPLE = repr_digest(examples.SHA256)
ANSWERED: dict[str, dict[str, Any]] = {
    "ETag": {"description": "The entity's version.", "required": True, "schema": {"type": "string"}},
    "Location": {
        "description": "The path of what was created.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Link": {"description": 'The next page, with `rel="next"`.', "schema": {"type": "string"}},
    "Content-Location": {
        "description": "The path of what the answer tells of: the document.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Content-Range": {
        "description": "Which bytes these are, and of how many: `bytes 0-99/1000`.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Content-Disposition": {
        "description": "That it is to be stored under a name, and not to be shown.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Accept-Ranges": {
        "description": "That parts can be asked for.",
        "required": True,
        "schema": {"type": "string", "enum": ["bytes"]},
    },
    "Repr-Digest": {
        "description": "The SHA-256 of the whole content (RFC 9530).",
        "required": True,
        "schema": {"type": "string"},
    },
    "Export-Id": {
        "description": "By which the export is resumed.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Export-Sequence": {
        "description": "The sequence that it is as of.",
        "required": True,
        "schema": {"type": "integer"},
    },
    "Export-Lines": {
        "description": "How many lines all of it has, without the last one, which ends it.",
        "required": True,
        "schema": {"type": "integer"},
    },
    "Idempotency-Replayed": {
        "description": "The answer was given before, to the same idempotency key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Vary": {
        "description": "The header fields of the request that the answer depends on.",
        "required": True,
        "schema": {"type": "string"},
    },
    "X-Request-ID": {
        "description": "The request's id: that which was sent, or a new one.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "Bearer.", "required": True, "schema": {"type": "string"}},
}
"""Name → how it is described."""

OF_STATUS = {
    401: ("WWW-Authenticate",),
    416: ("Content-Range",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
"""Status → the header fields of its problems."""

SENT: dict[str, dict[str, Any]] = {
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": 'Only if the version is one of these entity tags, such as `"3"`, or if it exists: `*`.',
        "schema": {"type": "string"},
        "example": "*",
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Answer 304 if the entity tag is one of these.",
        "schema": {"type": "string"},
        "example": '"99"',
    },
    "CreateOnly": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Only if it does not exist.",
        "schema": {"type": "string", "enum": ["*"]},
    },
    "Range": {
        "name": "Range",
        "in": "header",
        "description": "One range of bytes, such as `bytes=0-99`; several, or another unit, get all of them.",
        "schema": {"type": "string"},
        "example": "bytes=0-10",
    },
    "IfRange": {
        "name": "If-Range",
        "in": "header",
        "description": "The entity tag that the range is of; if it is another by now, all bytes are told.",
        "schema": {"type": "string"},
    },
    "ReprDigest": {
        "name": "Repr-Digest",
        "in": "header",
        "description": "The SHA-256 or SHA-512 of what is sent (RFC 9530), which is verified.",
        "schema": {"type": "string", "pattern": DIGEST_PATTERN},
        "example": DIGEST_EXAMPLE,
    },
    "IdempotencyKey": {
        "name": HEADER,
        "in": "header",
        "description": "A name for this request: sent again under it, it gets the first answer again.",
        "schema": {"type": "string", "pattern": KEY_PATTERN, "maxLength": KEY_LENGTH_MAX},
    },
}
"""Name of a component → the parameter."""


def sent(endpoint: Endpoint) -> list[str]:
    """Return the components of the header fields that an endpoint takes."""
    names = []
    if endpoint.conditional:
        names.append("IfMatch")
        if endpoint.is_read:
            names.append("IfNoneMatch")
        elif endpoint.method == "PUT":
            names.append("CreateOnly")
    if endpoint.takes_key:
        names.append("IdempotencyKey")
    return [*names, *endpoint.takes]
