"""Answers in a content coding (RFC 9110, section 8.4): gzip or zstd, where the settings say so.

What may not be compressed, and why, is told in decision 14: an answer that holds a secret, and a refusal, which repeats
what was sent.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache

from aiohttp import hdrs, web

from service.http.conditions import field
from service.http.cors import vary
from service.http.endpoint import Endpoint
from service.http.response import Response
from service.settings import CompressionSettings

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_ELEMENT = re.compile(r"\s*([\w*.-]+)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.ASCII | re.IGNORECASE)
_GZIP_LEVEL = 5
_ZSTD_LEVEL = 3
# What takes longer than a few requests do would keep the others waiting.
_BYTES_ON_LOOP_MAX = 32 * 1024
_REMEMBERED = 256
_ERRORS_FROM = 400
_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, _GZIP_LEVEL, mtime=0),
    "zstd": lambda body: zstd.compress(body, _ZSTD_LEVEL),
}


class Compression:
    """Compresses answers.

    Args:
        settings: Which codings, and from which size on.
    """

    def __init__(self, settings: CompressionSettings) -> None:
        self._codings = tuple(settings.codings.split())
        self._bytes_min = settings.bytes_min

    async def apply(self, request: web.Request, endpoint: Endpoint, response: web.StreamResponse) -> None:
        """Compress a response if it is large enough and the client takes a coding; tell caches that it may be."""
        if endpoint.holds_secret or endpoint.is_stream or response.status >= _ERRORS_FROM:
            return
        if not isinstance(response, Response):
            return
        vary(response, hdrs.ACCEPT_ENCODING)
        accepted = field(request, hdrs.ACCEPT_ENCODING)
        coding = None if accepted is None else _chosen(accepted, self._codings)
        if coding is None:
            return
        if response.status == web.HTTPNotModified.status_code:
            _keep_tag(request, response, coding)
            return
        body = response.body
        if body is None or len(body) < self._bytes_min:
            return
        encode = _ENCODERS[coding]
        is_small = len(body) <= _BYTES_ON_LOOP_MAX
        response.body = encode(body) if is_small else await asyncio.to_thread(encode, body)
        response.headers[hdrs.CONTENT_ENCODING] = coding
        if hdrs.ETAG in response.headers:
            # Other bytes are another representation, and a strong tag names one.
            response.headers[hdrs.ETAG] = _coded(response.headers[hdrs.ETAG], coding)


def _keep_tag(request: web.Request, response: Response, coding: str) -> None:
    """Answer 304 with the tag of the representation that the client has."""
    coded = _coded(response.headers.get(hdrs.ETAG, '""'), coding)
    if coded in (field(request, hdrs.IF_NONE_MATCH) or ""):
        response.headers[hdrs.ETAG] = coded


def _coded(tag: str, coding: str) -> str:
    return f'{tag[:-1]};{coding}"'


@lru_cache(maxsize=_REMEMBERED)
def _chosen(accepted: str, codings: tuple[str, ...]) -> str | None:
    weights: dict[str, float] = {}
    for element in accepted.split(","):
        found = _ELEMENT.fullmatch(element)
        if found is not None:
            weights[found[1].lower()] = 1.0 if found[2] is None else float(found[2])
    found_weights = {coding: weights.get(coding, weights.get("*", 0.0)) for coding in codings}
    best = max(codings, key=lambda coding: found_weights[coding])
    return best if found_weights[best] > 0 else None
