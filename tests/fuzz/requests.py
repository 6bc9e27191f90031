"""Draws request number N of a seed: a valid one, changed in its body, header, path, or in its bytes."""

from __future__ import annotations

import random
from typing import NamedTuple

from tests.fuzz.grammar import SHAPES, Shape
from tests.fuzz.values import NUMBERS, TEXTS, TOKENS, encode, mutated

_WEIGHTS = [shape.weight for shape in SHAPES]
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "FOO")
_FIELD_VALUES: dict[str, tuple[str, ...]] = {
    "If-Match": (
        '"1"',
        "*",
        '"1;utf16"',
        'W/"1"',
        '"999999999999999999999"',
        '"',
        '"1", "2"',
        "1",
        "",
        ",",
        '"\xff"',
        '"1' * 200,
    ),
    "If-None-Match": ("*", '"1"', 'W/"1"', "", '"a","b"', '"', "* *", '"1"' * 300),
    "Idempotency-Key": ("k", "k", "k2", '"k"', "", '"', "x" * 255, "x" * 256, "a b", "\xff", '"a\\b"', "@doc@"),
    "Content-Type": (
        "application/json",
        "application/json; charset=utf-8",
        "application/json; charset=utf-7",
        "text/plain",
        "",
        "a",
        "/",
        "application/json;;;=",
        'application/json; charset="',
        "application/merge-patch+json",
        "multipart/form-data; boundary=x",
        "\xff",
        "application/json, text/plain",
    ),
    "Range": (
        "bytes=0-1",
        "bytes=-1",
        "bytes=9999-",
        "bytes=0-1,2-3",
        "x",
        "bytes=" + "0-0," * 200,
        "bytes=9-" + "9" * 900,
    ),
    "If-Range": ('"1"', '"2;content"', 'W/"1"', "", "Wed, 25 Nov 2026 00:00:00 GMT", "\xff"),
    "Content-Range": ("bytes 0-1/2", "x"),
    "Repr-Digest": (
        "sha-256=:AAAA:",
        "sha-256=:A:",
        "md5=:AA==:",
        "sha-256=x",
        ",",
        "",
        "\xff",
        "sha-256=:AAAA:," * 50,
    ),
    "Content-Digest": ("sha-512=:AAAA:", "=::", "a" * 900),
    "Authorization": (
        "Bearer",
        "Bearer ",
        "Bearer x",
        "bearer @token@",
        "Basic YTpi",
        "Bearer @token@ @token@",
        "\xff",
        "Bearer \xe9",
    ),
    "Content-Encoding": ("gzip", "identity", "", "br, gzip", "\xff"),
    "Content-Length": ("0", "1", "-1", "1e3", "99999999999999999999", "5, 5", ""),
    "Transfer-Encoding": ("chunked", "identity", "gzip", "chunked, chunked", ""),
    "Expect": ("100-continue", "x", ""),
    "Accept": ("*/*", "text/html", "", ";q=2", "\xff"),
    "X-Request-ID": ("a", "", "x" * 200, "\xff", "a\tb"),
    "X-HTTP-Method-Override": ("DELETE",),
    "Host": ("", "b", "a:99999", "[::1]", "\xff"),
    "Connection": ("close", "keep-alive", "Upgrade", "x", ""),
    "Upgrade": ("websocket", "h2c"),
    "Cookie": ("a=b", "=;" * 100, "\xff"),
    "Origin": ("null", "http://evil.example"),
}
_PATH_PIECES = (
    "/",
    "//",
    "..",
    "%00",
    "%2f",
    "%ED%A0%80",
    "%FF",
    "%",
    "*",
    "@doc@",
    "@ann@",
    "?",
    "#",
    "é",
    "x" * 300,
    ";a=b",
    "v2",
)
_QUERY_PIECES = (
    "limit=0",
    "limit=-1",
    "limit=1e3",
    f"limit={2**70}",
    "limit=",
    "limit=1&limit=2",
    "cursor=",
    "cursor=%FF",
    "cursor=AAAA",
    "cursor=" + "A" * 300,
    "sort=title",
    "count=maybe",
    "offset_unit=utf8",
    "created_at_ge=x",
    "created_at_lt=9999-99-99T00:00:00Z",
    "confidence_ge=NaN",
    "confidence_ge=1e999",
    "label=%00",
    "label=%ED%A0%80",
    "a=b",
    "&&&",
    "=",
    "%=%",
    "cascade=true",
    "label=" + "x" * 600,
)


class Request(NamedTuple):
    """A request to be sent.

    Attributes:
        method: Of the line; of a request whose bytes were changed, what it had been.
        sent: Its bytes, with ``@doc@`` and its like still in them.
        is_framed: One answer comes, and the connection can be used on unless it says otherwise.
    """

    method: str
    sent: bytes
    is_framed: bool


def draw(seed: int, number: int) -> Request:
    """Return request `number` of a seed; always the same."""
    chance = random.Random(f"{seed}:{number}")
    shape = chance.choices(SHAPES, _WEIGHTS)[0]
    media_type = "application/x-ndjson" if shape.path.startswith("/v1/bulk") else "application/json"
    fields = {"Host": "a", "Authorization": "Bearer @token@", "Content-Type": media_type}
    body = None if shape.body is None else encode(_body(chance, shape))
    method, path = shape.method, shape.path
    if chance.random() < 0.15:
        path = _path(chance, path)
    if chance.random() < 0.05:
        method = chance.choice(_METHODS)
    is_framed = True
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
        name = chance.choice(tuple(_FIELD_VALUES))
        fields[name] = chance.choice(_FIELD_VALUES[name])
        is_framed = is_framed and name not in ("Content-Length", "Transfer-Encoding", "Expect", "Upgrade")
    if body is not None:
        fields.setdefault("Content-Length", "@length@")
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    sent = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + (body or b"")
    if chance.random() < 0.06:
        return Request(method, _garbled(chance, sent), is_framed=False)
    return Request(method, sent, is_framed)


def _body(chance: random.Random, shape: Shape) -> object:
    body = shape.body
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        body = mutated(chance, body)
    return body


def _path(chance: random.Random, path: str) -> str:
    how = chance.randrange(4)
    if how == 0:
        return path + ("&" if "?" in path else "?") + chance.choice(_QUERY_PIECES)
    if how == 1:
        place = chance.randrange(len(path) + 1)
        return path[:place] + chance.choice(_PATH_PIECES) + path[place:]
    if how == 2 and "=" in path:
        name, _, _ = path.rpartition("=")
        value = chance.choice((*TEXTS[:8], *map(str, NUMBERS), "%FF", "%00"))
        return f"{name}={value}".translate({0: "%00", 13: None, 10: None, 32: "%20"})
    parts = path.split("/")
    parts[chance.randrange(1, len(parts))] = chance.choice(_PATH_PIECES)
    return "/".join(parts)


def _garbled(chance: random.Random, sent: bytes) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 5))):
        place = chance.randrange(len(sent) + 1)
        piece = chance.choice(
            (b"", b"\r\n", b"\0", b"\n", b" ", b":", bytes([chance.randrange(256)]), chance.choice(TOKENS))
        )
        sent = sent[:place] + piece + sent[place + chance.choice((0, 1, 1, 2, 20)) :]
    return sent
