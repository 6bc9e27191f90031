"""Requests as bytes: encoded before they are due, so that sending one costs little."""

from __future__ import annotations

from typing import Any

import msgspec

from service.load.connection import Address

_JSON = "application/json"


class Encoder:
    """Makes requests to one server as one user.

    Args:
        address: Of the server.
        token: Of a session or an API key; empty for none.
    """

    def __init__(self, address: Address, token: str = "") -> None:
        self._address = address
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self._fields = f"Host: {address.authority}\r\n{authorization}"

    def get(self, path: str) -> bytes:
        """Return a GET."""
        return f"GET {self._address.prefix}{path} HTTP/1.1\r\n{self._fields}\r\n".encode()

    def post(self, path: str, value: Any, media_type: str = _JSON) -> bytes:
        """Return a POST of a value as JSON, or of bytes as they are."""
        body = value if isinstance(value, bytes) else msgspec.json.encode(value)
        head = (
            f"POST {self._address.prefix}{path} HTTP/1.1\r\n{self._fields}"
            f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body
