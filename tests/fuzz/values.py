"""JSON that is not what was expected: values from a pool of nasty ones, put anywhere into valid bodies."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

_LEVELS_MAX = 3
DEPTHS = (1, 5, 60, 64, 65, 200, 2000)


class Token(bytes):
    """JSON as it is to be sent, sound or not."""


class Pairs(list[tuple[str, Any]]):
    """An object whose names may be there twice."""


TOKENS = tuple(
    Token(text)
    for text in (
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"-1e999",
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"0x1",
        b"1e",
        b"tru",
        b"undefined",
        b"",
        b"9" * 400,
        b"-" + b"9" * 25,
        b"18446744073709551616",
        b"9223372036854775808",
        b"1e308",
        b"1E400",
        b"-0",
        b"-0.0",
        b"0." + b"1" * 300,
        rb'"\ud800"',
        rb'"\udc00\ud800"',
        rb'"\u0000"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        rb'"\x"',
        b'"',
        b"'a'",
        b'"a',
        b"\xef\xbb\xbf1",
        b"/**/1",
        b"[1,]",
        b'{"a":}',
        b'{"a" 1}',
        b"{1:2}",
        b"\0",
        b"\t\r\n ",
        b"nullnull",
    )
)
NUMBERS = (
    0,
    1,
    -1,
    2,
    5,
    11,
    12,
    255,
    2**31,
    2**53,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63),
    0.0,
    0.5,
    1.5,
    -0.1,
    1e300,
)
TEXTS = (
    "",
    " ",
    "\0",
    "\x7f",
    "a",
    "Marie",
    "@doc@",
    "@ann@",
    "@user@",
    "@other@",
    "ada@example.org",
    "ADA@EXAMPLE.ORG",
    "person",
    "span",
    "relation",
    "proposed",
    "\u202e\u2066",
    "\U0001f469\u200d\U0001f52c",
    "e\u0301",
    "\u017f",
    "İ",
    "ß",
    "/",
    "..",
    "%00",
    "null",
    "\r\nX: y",
    "2026-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "0001-01-01T00:00:00+23:59",
    "x" * 501,
    "x" * 1001,
    "é" * 5000,
    "x" * 40_000,
)
NAMES = (
    "id",
    "version",
    "created_at",
    "owner_id",
    "author_id",
    "role",
    "disabled",
    "title",
    "text",
    "start",
    "end",
    "metadata",
    "label",
    "document_id",
    "type",
    "attributes",
    "arguments",
    "fragments",
    "regions",
    "status",
    "password",
    "email",
    "",
    "\0",
    "__proto__",
    "a/b~c",
    "é",
    "x" * 600,
)


def nasty(chance: random.Random, level: int = 0) -> Any:
    """Draw a value that nobody expected."""
    kinds: list[Callable[[random.Random, int], Any]] = [_token, _number, _number, _text, _text, _empty, _deep]
    if level < _LEVELS_MAX:
        kinds += [_list, _object, _object]
    return chance.choice(kinds)(chance, level)


def _token(chance: random.Random, _level: int) -> Any:
    return chance.choice(TOKENS)


def _number(chance: random.Random, _level: int) -> Any:
    return chance.choice(NUMBERS)


def _text(chance: random.Random, _level: int) -> Any:
    return chance.choice(TEXTS)


def _empty(chance: random.Random, _level: int) -> Any:
    return chance.choice((None, True, False, [], {}))


def _deep(chance: random.Random, _level: int) -> Any:
    depth = chance.choice(DEPTHS)
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return Token(opening * depth + b"1" + closing * chance.choice((depth, depth, depth - 1)))


def _list(chance: random.Random, level: int) -> Any:
    return [nasty(chance, level + 1) for _ in range(chance.choice((1, 2, 3, 50)))]


def _object(chance: random.Random, level: int) -> Any:
    return Pairs((chance.choice(NAMES), nasty(chance, level + 1)) for _ in range(chance.randrange(1, 5)))


def mutated(chance: random.Random, value: Any) -> Any:
    """Return a value with one change somewhere in it."""
    if isinstance(value, dict | Pairs) and value and chance.random() < 0.9:
        return Pairs(_members(chance, list(value.items() if isinstance(value, dict) else value)))
    if isinstance(value, list) and value and not isinstance(value, Pairs) and chance.random() < 0.8:
        place = chance.randrange(len(value))
        return [*value[:place], mutated(chance, value[place]), *value[place + chance.randrange(2) :]]
    if isinstance(value, str) and chance.random() < 0.3:
        place = chance.randrange(len(value) + 1)
        return value[:place] + chance.choice(TEXTS) + value[place:]
    if isinstance(value, int) and chance.random() < 0.4:
        return value + chance.choice((-1, 1, 10, 2**31))
    return nasty(chance)


def _members(chance: random.Random, members: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    place = chance.randrange(len(members))
    name, value = members[place]
    how = chance.randrange(10)
    if how == 0:
        del members[place]
    elif how == 1:
        members.append((name, mutated(chance, value)))
    elif how == 2:
        members[place] = (chance.choice(NAMES), value)
    elif how == 3:
        members.insert(place, (chance.choice(NAMES), nasty(chance)))
    else:
        members[place] = (name, mutated(chance, value))
    return members


def encode(value: Any) -> bytes:
    """Return the bytes of a value, with tokens as they are."""
    if isinstance(value, Token):
        return bytes(value)
    if isinstance(value, Pairs):
        return b"{%b}" % b",".join(_string(name) + b":" + encode(member) for name, member in value)
    if isinstance(value, dict):
        return encode(Pairs(value.items()))
    if isinstance(value, list):
        return b"[%b]" % b",".join(map(encode, value))
    return _string(value) if isinstance(value, str) else json.dumps(value).encode()


def _string(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")
