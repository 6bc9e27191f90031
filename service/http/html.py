"""Pages for people: they come with the package, ask no other host for anything, and run no script but their own."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from importlib.resources import files

from aiohttp import hdrs
from multidict import istr

from service.http.response import Response

_CSP = istr("Content-Security-Policy")
_REFERRER = istr("Referrer-Policy")
_PLACE = re.compile(r"/\*([A-Z]+)\*/")
_CODE = re.compile(r"`([^`]*)`")


def prose(text: str) -> str:
    """Return a text as HTML: paragraphs, and what stands in backticks as code."""
    paragraphs = [" ".join(one.split()) for one in text.split("\n\n")]
    return "\n".join("<p>" + _CODE.sub(r"<code>\1</code>", html.escape(one)) + "</p>" for one in paragraphs)


def render(name: str, parts: Mapping[str, str]) -> str:
    """Return a page of the package with its parts filled in.

    Args:
        name: Of the file.
        parts: Place, such as ``TITLE`` → HTML; style and script are filled in besides.
    """
    folder = files("service.http").joinpath("pages")
    template = folder.joinpath(f"{name}.html").read_text(encoding="utf-8")
    style = folder.joinpath("style.css").read_text(encoding="utf-8")
    script = folder.joinpath(f"{name}.js").read_text(encoding="utf-8") if "/*SCRIPT*/" in template else ""
    filled = {"STYLE": style, "SCRIPT": script, **parts}
    return _PLACE.sub(lambda place: filled[place[1]], template)


def respond(page: str) -> Response:
    """Return the response for a page, with a policy that lets it use what it holds and ask this server."""
    sources = {
        element: " ".join(_hash(text) for text in re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL))
        for element in ("script", "style")
    }
    script, style = sources["script"] or "'none'", sources["style"]
    policy = (
        f"default-src 'none'; script-src {script}; style-src {style}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Response(
        body=page.encode(),
        headers={
            hdrs.CONTENT_TYPE: "text/html; charset=utf-8",
            _CSP: policy,
            _REFERRER: "no-referrer",
            hdrs.CACHE_CONTROL: "no-cache",
        },
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
