"""Secrets that requests carry: bearer tokens, told once and stored hashed."""

from __future__ import annotations

import hashlib
import secrets

from aiohttp import hdrs, web

from service.errors import UnauthenticatedError

_SCHEME = "bearer"
_TOKEN_BYTES = 32
_TOKEN_LENGTH_MAX = 512


def token_of(request: web.Request) -> str | None:
    """Return the bearer token that a request carries, None if there is no header for one.

    Raises:
        UnauthenticatedError: The header holds something else, or there is more than one.
    """
    found = request.headers.getall(hdrs.AUTHORIZATION, ())
    if not found:
        return None
    if len(found) > 1:
        # A proxy might have looked at another one.
        raise UnauthenticatedError(f"There are {len(found)} Authorization headers, expected one.")
    scheme, _, token = found[0].partition(" ")
    if scheme.lower() != _SCHEME or not 0 < len(token) <= _TOKEN_LENGTH_MAX:
        raise UnauthenticatedError("The Authorization header is not of the form 'Bearer <token>'.")
    return token


def new_token() -> str:
    """Return a secret for a session or an API key."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hash_token(token: str) -> str:
    """Return what is stored in place of a token: SHA-256 in hex. Tokens are random, so it needs no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class SetupToken:
    """Lets the first user register where registration is closed. It is told once, at a start without users."""

    def __init__(self) -> None:
        self._hash: str | None = None

    def issue(self) -> str:
        """Return a new token; one before it counts no more."""
        token = new_token()
        self._hash = hash_token(token)
        return token

    def is_sent(self, request: web.Request) -> bool:
        """Tell if a request carries it.

        Raises:
            UnauthenticatedError: There is a header that holds no token.
        """
        token = token_of(request)
        if token is None or self._hash is None:
            return False
        return secrets.compare_digest(hash_token(token), self._hash)
