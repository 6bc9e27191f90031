"""Where a request ends: lengths, transfer codings, chunks, header fields. What is unclear must not be guessed."""

from __future__ import annotations

from tests.raw.case import (
    CHUNKED,
    HEADER_LINE_BYTES,
    HEADERS_MAX,
    HOST,
    INNER,
    JSON,
    LENGTH,
    LIVEZ,
    TOKEN,
    WHOLE,
    Case,
    chunked,
    create,
    created,
    head,
)

_UNCLEAR = "where the next request begins is not clear"


def _framing(name: str, sent: bytes, why: str = _UNCLEAR) -> Case:
    """Return a case that is refused, and what stands behind it is not read as a request."""
    return Case(name, (sent + INNER,), (400,), why)


LENGTHS = (
    *tuple(
        _framing(f"length: {name}", create(f"Content-Length:{value}".encode("latin-1")))
        for name, value in {
            "signed": " +13",
            "minus zero": " -0",
            "hex": " 0xd",
            "twice in one line": " 13, 13",
            "different in one line": " 13, 0",
            "space within": " 1 3",
            "fraction": " 13.0",
            "exponent": " 1e1",
            "empty": "",
            "blank": " ",
            "another script's digits": " Ù¡Ù£",
            "superscript": " 1³",
            "a parameter": " 13;x=1",
            "underscore": " 1_3",
            "zero byte behind": " 13\x00",
            "vertical tab": " \x0b13",
            "2^64 + 13": f" {2**64 + 13}",
        }.items()
    ),
    _framing("length: two that differ", create(LENGTH, "Content-Length: 0")),
    _framing("length: two that differ, the smaller first", create("Content-Length: 0", LENGTH)),
    _framing("length: space before the colon", create(f"Content-Length : {len(JSON)}")),
    _framing("length: tab before the colon", create(f"Content-Length\t: {len(JSON)}")),
    _framing("length: folded", create(f"Content-Length:\r\n {len(JSON)}")),
    created("length: leading zeros", create(f"Content-Length: 000{len(JSON)}"), "they are digits all the same"),
    created("length: blanks around it", create(f"Content-Length: \t{len(JSON)} \t"), "optional white space"),
)

CODINGS = (
    Case("CL.TE", (create("Content-Length: 5", CHUNKED, body=b"0\r\n\r\n" + INNER),), (400,), "both lengths are there"),
    Case("TE.CL", (create(CHUNKED, "Content-Length: 5", body=b"0\r\n\r\n" + INNER),), (400,), "both lengths are there"),
    *(
        _framing(f"coding: {name}", create(*fields, body=WHOLE))
        for name, fields in {
            "two lines": (CHUNKED, "Transfer-Encoding: identity"),
            "two lines, the other way round": ("Transfer-Encoding: identity", CHUNKED),
            "chunked is not the last": ("Transfer-Encoding: chunked, identity",),
            "chunked twice": ("Transfer-Encoding: chunked, chunked",),
            "chunked in two lines": (CHUNKED, CHUNKED),
            "gzip": ("Transfer-Encoding: gzip",),
            "vertical tab": ("Transfer-Encoding: \x0bchunked",),
            "zero byte": ("Transfer-Encoding: chunked\0",),
            "quoted": ('Transfer-Encoding: "chunked"',),
            "a parameter": ("Transfer-Encoding: chunked;x=1",),
            "space before the colon": ("Transfer-Encoding : chunked",),
            "behind a bare line feed": ("X: x\nTransfer-Encoding: chunked",),
            "behind a bare carriage return": ("X: x\rTransfer-Encoding: chunked",),
            "folded": ("Transfer-Encoding:\r\n chunked",),
            "part of a word": ("Transfer-Encoding: xchunked",),
            "empty": ("Transfer-Encoding:",),
        }.items()
    ),
    Case(
        "coding: gzip, then chunked",
        (create("Transfer-Encoding: gzip, chunked", body=WHOLE),),
        (415,),
        "the end is clear, and what is within is not taken",
        stays=True,
    ),
    created("coding: upper case", create("Transfer-Encoding: CHUNKED", body=WHOLE), "names of codings have no case"),
    created("coding: behind a tab", create("Transfer-Encoding:\tchunked", body=WHOLE), "optional white space"),
    Case(
        "coding in HTTP/1.0",
        (create(CHUNKED, version="1.0", body=WHOLE + INNER),),
        (400,),
        "that version has no chunks: a proxy would see another end",
    ),
)

CHUNKS = (
    *tuple(
        Case(f"chunks: {name}", (chunked(chunks + INNER),), (400,), _UNCLEAR)
        for name, chunks in {
            "size over 64 bits": b"1000000000000000d\r\n" + JSON + b"\r\n0\r\n\r\n",
            "negative size": b"-d\r\n" + JSON + b"\r\n0\r\n\r\n",
            "signed size": b"+d\r\n" + JSON + b"\r\n0\r\n\r\n",
            "size with 0x": b"0xd\r\n" + JSON + b"\r\n0\r\n\r\n",
            "space before the size": b" d\r\n" + JSON + b"\r\n0\r\n\r\n",
            "no size": b"\r\n" + JSON + b"\r\n0\r\n\r\n",
            "underscore in the size": b"0_d\r\n" + JSON + b"\r\n0\r\n\r\n",
            "data longer than its size": b"5\r\n" + JSON + b"\r\n0\r\n\r\n",
            "data without its end": b"d\r\n" + JSON + b"0\r\n\r\n",
            "line feed behind the size": b"d\n" + JSON + b"\r\n0\r\n\r\n",
            "line feed behind the data": b"d\r\n" + JSON + b"\n0\r\n\r\n",
            "carriage return behind the size": b"d\r" + JSON + b"\r\n0\r\n\r\n",
            "zero byte in an extension": b"d;a=\x00\r\n" + JSON + b"\r\n0\r\n\r\n",
            "line feed in an extension": b"d;a=\nb\r\n" + JSON + b"\r\n0\r\n\r\n",
            "a trailer without a colon": b"d\r\n" + JSON + b"\r\n0\r\nX\r\n\r\n",
            "more trailers than fields may be": b"d\r\n"
            + JSON
            + b"\r\n0\r\n"
            + b"X: 1\r\n" * 2 * HEADERS_MAX
            + b"\r\n",
        }.items()
    ),
    created("chunks: an extension", chunked(b'd;a="b";c\r\n' + JSON + b"\r\n0\r\n\r\n"), "they are passed over"),
    created("chunks: leading zeros", chunked(b"000000d\r\n" + JSON + b"\r\n000\r\n\r\n"), "they are digits"),
    created(
        "chunks: one byte each", chunked(b"".join(b"1\r\n%c\r\n" % c for c in JSON) + b"0\r\n\r\n"), "all the same"
    ),
    created(
        "chunks: trailers that would be other header fields",
        chunked(b"d\r\n" + JSON + b"\r\n0\r\nX-Request-ID: b\r\nAuthorization: Bearer x\r\n\r\n"),
        "trailers are no header fields",
    ),
    created(
        "chunks: an extension of many kilobytes",
        chunked(b"d;" + b"a" * 64 * HEADER_LINE_BYTES + b"\r\n" + JSON + b"\r\n0\r\n\r\n"),
        "it is kept nowhere, and bounded by the time that a body has",
    ),
    Case(
        "chunks: a trailer with a length",
        (chunked(b"d\r\n" + JSON + b"\r\n0\r\nContent-Length: 99\r\n\r\n" + INNER),),
        (400,),
        _UNCLEAR,
    ),
    Case("chunks: none", (chunked(b"0\r\n\r\n"),), (400,), "nothing is not JSON; the end is clear", stays=True),
)

FIELDS = (
    *tuple(
        Case(
            f"field: {name}", (head("GET /livez HTTP/1.1", HOST, field) + INNER,), (400,), "it could mean another field"
        )
        for name, field in {
            "no colon": b"X",
            "no name": b": x",
            "zero byte in the name": b"X\x00Y: x",
            "zero byte in the value": b"X: \x00",
            "a bracket in the name": b"X(: x",
            "bytes in the name": b"X\xff: x",
            "line feed within": b"X: a\nY: b",
            "carriage return within": b"X: a\rY: b",
            "folded": b"X: a\r\n b",
            "two carriage returns": b"X: a\r",
        }.items()
    ),
    Case(
        "field: a blank before the first", (head("GET /livez HTTP/1.1", " X: y", HOST),), (400,), "it would be folded"
    ),
    Case(
        "field: Latin-1 in the value", (head("GET /livez HTTP/1.1", HOST, b"X: \xe9"),), (200,), "RFC 9110", stays=True
    ),
    Case(
        "field: bytes that are no text in a condition",
        (head("GET /v1/me HTTP/1.1", HOST, TOKEN, b'If-Match: "\xff"'),),
        (412,),
        "another tag, which the problem can tell",
        stays=True,
    ),
    Case("field: no value", (head("GET /livez HTTP/1.1", HOST, "X:"),), (200,), "RFC 9110", stays=True),
    Case("two lines that end in line feeds", (b"GET /livez HTTP/1.1\nHost: a\n\n",), (400,), "RFC 9112 lets us refuse"),
    Case("an empty line before the request", (b"\r\n" + LIVEZ,), (200,), "RFC 9112 wants it passed over", stays=True),
)
