"""Bodies, what is expected of them, and what happens to connections: pauses, ends, pipelines, other protocols."""

from __future__ import annotations

import gzip
import zlib

from tests.raw.case import (
    BODY_BYTES,
    CHUNKED,
    HEADER_LINE_BYTES,
    HEADERS_MAX,
    HOST,
    INNER,
    JSON,
    LENGTH,
    LIVEZ,
    OWN_TOKEN,
    TOKEN,
    TYPE,
    WHOLE,
    Case,
    Ending,
    chunked,
    create,
    created,
    get,
    head,
    sized,
)

_BOMB = gzip.compress(bytes(3_000_000))
_LARGEST = b'{"title":"t"}'.ljust(BODY_BYTES)
_GONE = "who closes its half before the answer is taken to be gone"
_EXPECT = "Expect: 100-continue"


def _typed(media_type: str | bytes, body: bytes = JSON) -> bytes:
    field = media_type if isinstance(media_type, bytes) else media_type.encode()
    length = f"Content-Length: {len(body)}"
    return head("POST /v1/documents HTTP/1.1", HOST, TOKEN, length, b"Content-Type: " + field) + body


BODIES = (
    Case("body: a gzip bomb", (sized(_BOMB, "Content-Encoding: gzip"),), (415,), "codings are refused", stays=True),
    Case(
        "body: a deflate bomb",
        (sized(zlib.compress(bytes(3_000_000)), "Content-Encoding: deflate"),),
        (415,),
        "so",
        stays=True,
    ),
    Case("body: an unknown coding", (sized(JSON, "Content-Encoding: x"),), (415,), "codings are refused", stays=True),
    Case("body: two codings", (sized(JSON, "Content-Encoding: identity, gzip"),), (415,), "so is a list", stays=True),
    Case(
        "body: two codings in two lines",
        (sized(_BOMB, "Content-Encoding: identity", "Content-Encoding: gzip"),),
        (415,),
        "the second line counts too",
        stays=True,
    ),
    created("body: identity", sized(JSON, "Content-Encoding: Identity"), "that is none"),
    created("body: UTF-8", _typed("application/json; charset=UTF-8"), "names of charsets have no case"),
    created("body: UTF-8, quoted", _typed('application/json;charset="utf-8"'), "as RFC 9110 lets it be"),
    Case("body: Latin-1", (_typed("application/json; charset=latin-1"),), (415,), "JSON is UTF-8", stays=True),
    Case("body: UTF-16", (_typed("application/json; charset=utf-16"),), (415,), "JSON is UTF-8", stays=True),
    Case(
        "body: a charset that is none", (_typed("application/json; charset=rot13"),), (415,), "so is this", stays=True
    ),
    Case("body: no media type", (_typed(""),), (415,), "it is not guessed", stays=True),
    Case("body: two media types", (create(LENGTH, "Content-Type: text/plain"),), (400,), "which of them?"),
    Case("body: a form", (_typed("application/x-www-form-urlencoded", b"title=t"),), (415,), "not taken", stays=True),
    Case("body: bytes in the media type", (_typed(b"application/json\xff"),), (415,), "not taken", stays=True),
    created("body: as large as may be", sized(_LARGEST), "the limit is taken"),
    Case("body: one byte too large", (sized(_LARGEST + b" "),), (413,), "one past the limit", stays=True),
    created("body: in chunks, as large as may be", chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (BODY_BYTES, _LARGEST)), "taken"),
    Case(
        "body: in chunks, one byte too large",
        (chunked(b"%x\r\n%b \r\n0\r\n\r\n" % (BODY_BYTES + 1, _LARGEST)),),
        (413,),
        "one past the limit",
        stays=True,
    ),
    Case(
        "body: a length that nobody has",
        (create("Content-Length: 1000000000000", body=b"{"),),
        (413,),
        "not awaited",
        ending=Ending.AFTER,
    ),
    Case("body: for GET", (get("/livez", HOST, LENGTH) + JSON,), (200,), "it is passed over", stays=True),
    Case(
        "body: a request in that of GET",
        (get("/livez", HOST, f"Content-Length: {len(INNER)}") + INNER,),
        (200,),
        "so",
        stays=True,
    ),
    Case("body: in chunks for GET", (get("/livez", HOST, CHUNKED) + WHOLE,), (200,), "it is passed over", stays=True),
    Case(
        "body: behind a refusal",
        (create(LENGTH).replace(OWN_TOKEN.encode(), b"x"),),
        (401,),
        "it is passed over",
        stays=True,
    ),
    Case(
        "header: a line as long as may be",
        (head("GET /livez HTTP/1.1", HOST, "X: " + "a" * HEADER_LINE_BYTES),),
        (200,),
        "the limit is taken",
        stays=True,
    ),
    Case(
        "header: a line one byte too long",
        (head("GET /livez HTTP/1.1", HOST, "X: " + "a" * (HEADER_LINE_BYTES + 1)) + INNER,),
        (400,),
        "one past the limit",
    ),
    Case(
        "header: a name that is too long",
        (head("GET /livez HTTP/1.1", HOST, "X" * 9 * HEADER_LINE_BYTES + ": a") + INNER,),
        (400,),
        "names have the limit too",
    ),
    Case(
        "header: as many fields as may be",
        (head("GET /livez HTTP/1.1", HOST, *["X: a"] * (HEADERS_MAX - 1)),),
        (200,),
        "the limit is taken",
        stays=True,
    ),
    Case(
        "header: one field too many",
        (head("GET /livez HTTP/1.1", HOST, *["X: a"] * HEADERS_MAX) + INNER,),
        (400,),
        "one past the limit",
    ),
    Case("header: a megabyte", (b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1_000_000,), (400,), "not kept"),
)

EXPECTATIONS = (
    Case(
        "expect: 100-continue, and the body with it",
        (sized(JSON, _EXPECT),),
        (201,),
        "nothing to wait for",
        stays=True,
        created=(1, 1),
    ),
    Case(
        "expect: 100-continue, and the body when asked",
        (create(LENGTH, _EXPECT, body=b""), JSON),
        (100, 201),
        "it is asked for",
        stays=True,
        created=(1, 1),
    ),
    Case(
        "expect: 100-continue, upper case",
        (create(LENGTH, "Expect: 100-CONTINUE", body=b""), JSON),
        (100, 201),
        "expectations have no case",
        stays=True,
        created=(1, 1),
    ),
    Case(
        "expect: 100-continue without a token",
        (create(LENGTH, _EXPECT, body=b"").replace(OWN_TOKEN.encode(), b"x"),),
        (401,),
        "the body is not asked for",
        ending=Ending.AFTER,
    ),
    Case(
        "expect: 100-continue for a body that is too large",
        (create("Content-Length: 9999999", _EXPECT, body=b""),),
        (413,),
        "the body is not asked for",
        ending=Ending.AFTER,
    ),
    Case(
        "expect: something else",
        (create(LENGTH, "Expect: 200-ok", body=b""),),
        (417,),
        "it cannot be met",
        ending=Ending.AFTER,
    ),
    Case("expect: something else, where nothing is", (get("/x", HOST, "Expect: x"),), (417,), "a problem too"),
    Case(
        "expect: something else, for OPTIONS",
        (get("/livez", HOST, "Expect: x", method="OPTIONS"),),
        (417,),
        "a problem too",
    ),
    Case("expect: on GET", (get("/livez", HOST, _EXPECT),), (200,), "there is no body to ask for", stays=True),
    Case(
        "expect: in HTTP/1.0",
        (create(LENGTH, _EXPECT, version="1.0"),),
        (201,),
        "that version has none",
        created=(1, 1),
    ),
)

_TEN = [get(f"/livez?{number}", HOST) for number in range(10)]
_UPGRADE = "Connection: Upgrade"

CONNECTIONS = (
    Case("pipeline: ten", (b"".join(_TEN),), (200,) * 10, "each in order", stays=True),
    Case(
        "pipeline: ten, one does not parse",
        (sized() * 5 + b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + sized() * 4,),
        (400,),
        "what comes together with what does not parse is refused with it, and not done",
    ),
    Case(
        "pipeline: five, then one that does not parse",
        (b"".join(_TEN[:5]), b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + INNER),
        (200,) * 5 + (400,),
        "those before are answered, those behind are not read",
    ),
    Case(
        "pipeline: ten, one is refused",
        (b"".join([*_TEN[:5], sized(b"{"), *_TEN[5:9]]),),
        (200,) * 5 + (400,) + (200,) * 4,
        "its end is clear",
        stays=True,
    ),
    Case(
        "pipeline: ten changes, one is refused",
        (sized() * 5 + sized(b"[]") + sized() * 4,),
        (201,) * 5 + (422,) + (201,) * 4,
        "each by itself",
        stays=True,
        created=(9, 9),
    ),
    Case(
        "pipeline: one asks to close",
        (LIVEZ + get("/livez", HOST, "Connection: close"), INNER),
        (200, 200),
        "what comes later is not read",
    ),
    Case("early end: nothing", (b"",), (), "nothing was asked", ending=Ending.HALF),
    Case("early end: in the request line", (b"POST /v1/docu",), (), "no request", ending=Ending.HALF),
    Case("early end: in the header", (sized()[:60],), (), "no request", ending=Ending.HALF),
    Case("early end: before the body", (create(LENGTH, body=b""),), (), _GONE, ending=Ending.HALF),
    Case("early end: in the body", (sized()[:-3],), (), _GONE, ending=Ending.HALF),
    Case("early end: in a chunk", (chunked(WHOLE[:8]),), (), _GONE, ending=Ending.HALF),
    Case("early end: before the last chunk", (chunked(WHOLE[:-5]),), (), _GONE, ending=Ending.HALF),
    Case("early end: within the trailers", (chunked(WHOLE[:-2] + b"X: "),), (), _GONE, ending=Ending.HALF),
    Case("early end: right behind the body", (sized(),), (), _GONE, ending=Ending.HALF, created=(0, 1)),
    *(
        Case(f"{how.name.lower()}: {where}", (sent,), (), "nobody reads", created=(0, most), ending=how)
        for how in (Ending.CLOSE, Ending.RESET)
        for where, sent, most in (
            ("at once", b"", 0),
            ("in the header", sized()[:60], 0),
            ("before the body", create(LENGTH, body=b""), 0),
            ("in the body", sized()[:-3], 0),
            ("in a chunk", chunked(WHOLE[:8]), 0),
            ("without reading the answer", sized(), 1),
            ("without reading ten answers", sized() * 10, 10),
        )
    ),
    Case("slow: nothing", (b"",), (), "a connection may not idle"),
    Case("slow: a header without an end", (b"POST /v1/documents HTTP/1.1\r\nHost: a\r\n",), (), "no request in time"),
    Case("slow: no body", (create(LENGTH, body=b""),), (408,), "no body in time", ending=Ending.AFTER),
    Case("slow: half a body", (sized()[:-3],), (408,), "no body in time", ending=Ending.AFTER),
    Case("slow: no last chunk", (chunked(WHOLE[:-5]),), (408,), "no body in time", ending=Ending.AFTER),
    Case(
        "slow: a body in two parts",
        (sized()[:-3], sized()[-3:]),
        (201,),
        "in time",
        stays=True,
        created=(1, 1),
    ),
    Case("slow: a header in two parts", (LIVEZ[:9], LIVEZ[9:]), (200,), "in time", stays=True),
    Case(
        "upgrade: websocket",
        (get("/livez", HOST, _UPGRADE, "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x"),),
        (200,),
        "it is passed over, as RFC 9110 lets it be",
        stays=True,
    ),
    Case("upgrade: h2c", (get("/livez", HOST, _UPGRADE, "Upgrade: h2c"),), (200,), "so is this", stays=True),
    Case(
        "upgrade: a request behind it",
        (get("/livez", HOST, _UPGRADE, "Upgrade: websocket") + LIVEZ,),
        (200, 200),
        "it is a request like any other",
        stays=True,
    ),
    created("upgrade: with a body", sized(JSON, _UPGRADE, "Upgrade: websocket"), "the body is the body"),
    Case(
        "a header of a proxy",
        (head("GET /v1/me HTTP/1.1", HOST, "X-Forwarded-For: 127.0.0.1", TYPE),),
        (401,),
        "none is trusted",
        stays=True,
    ),
)
