"""Reading a request's body: the right media type, not too large, not too slow."""

from __future__ import annotations

import asyncio

from aiohttp import HttpVersion11, hdrs, web

from service.errors import TooLargeError
from service.http.call import CALL
from service.http.endpoint import Body
from service.http.failures import ExpectationError, MediaTypeError, TooSlowError

_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})


async def read_body(request: web.Request) -> bytes:
    """Return the body of a request, which its endpoint declares.

    Raises:
        MediaTypeError: It is of another media type, charset or content coding.
        TooLargeError: It is larger than the limit.
        TooSlowError: It did not arrive in time.
        StoppingError: The server stopped meanwhile.
        ExpectationError: The client expects what is not known.
    """
    media_type_of(request)
    services = request[CALL].services
    limits = services.settings.limits
    largest = limits.credentials_bytes if _declared(request).is_secret else limits.body_bytes
    length = request.content_length
    if length is not None and length > largest:
        raise TooLargeError(f"The body has {length} bytes, the limit is {largest}.")
    try:
        if request.content.is_eof():  # it came along with the header, as small ones do: nothing to wait for
            return await _read(request, largest)
        await say_continue(request)
        async with asyncio.timeout(limits.body_seconds) as deadline:
            with services.gate.awaiting(deadline):
                return await _read(request, largest)
    except TimeoutError:
        services.gate.enter()
        raise TooSlowError(f"The body did not arrive within {limits.body_seconds} seconds.") from None


async def _read(request: web.Request, largest: int) -> bytes:
    """Read a body up to its limit: one that comes in chunks does not say its size before its end."""
    pieces, size = [], 0
    while piece := await request.content.readany():
        pieces.append(piece)
        size += len(piece)
        if size > largest:
            raise TooLargeError(f"The body has more than {largest} bytes, which is the limit.")
    return b"".join(pieces)


def _declared(request: web.Request) -> Body:
    body = request[CALL].endpoint.body
    if body is None:
        raise AssertionError(f"the endpoint {request[CALL].endpoint.operation} declares no body, and reads one")
    return body


async def say_continue(request: web.Request) -> None:
    """Ask a client that waits to be asked for its body; who is refused before need not send it.

    Raises:
        ExpectationError: The client expects something else.
    """
    expected = request.headers.get(hdrs.EXPECT)
    if expected is None or request.version < HttpVersion11:
        return
    if expected.lower() != "100-continue":
        raise ExpectationError(f"Expect is {expected!r}, only 100-continue can be met.")
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # What was sent is no part of the response, which is yet to begin.
    request.writer.output_size = 0


def require_plain(request: web.Request) -> None:
    """Make sure that a body comes as it is.

    Raises:
        MediaTypeError: It is coded.
    """
    for name, plain in ((hdrs.CONTENT_ENCODING, "identity"), (hdrs.TRANSFER_ENCODING, "chunked")):
        # All lines count: a second one must not hide behind the first.
        coding = ", ".join(request.headers.getall(name, (plain,)))
        if coding.lower() != plain:
            headers = {"Accept-Encoding": "identity"}
            raise MediaTypeError(f"{name} is {coding!r}, only {plain} is taken; send the body as it is.", headers)


def media_type_of(request: web.Request) -> str:
    """Return the media type of a body, in lower case and without parameters.

    Raises:
        MediaTypeError: It is none that the endpoint takes, or its charset or content coding is not taken.
    """
    require_plain(request)
    media_types = _declared(request).media_types
    header = request.headers.get(hdrs.CONTENT_TYPE, "")
    if header in media_types:
        return header
    media_type = header.partition(";")[0].strip().lower()
    if media_type not in media_types or (request.charset or "utf-8").lower() not in _CHARSETS:
        wanted = ", ".join(sorted(media_types))
        found = repr(header) if header else "none"
        name = "Accept-Patch" if request.method == hdrs.METH_PATCH else "Accept"
        raise MediaTypeError(f"The Content-Type is {found}, expected {wanted} in UTF-8.", {name: wanted})
    return media_type
