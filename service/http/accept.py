"""Which of the media types that there are a client wants: `Accept` (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from functools import lru_cache

from aiohttp import hdrs, web

from service.http.conditions import field
from service.http.failures import NotAcceptableError

_ANYTHING = "*/*"
_ANY_ALONE = [_ANYTHING]
_NONE: list[str] = []
# One range; parameters other than the weight are passed over, as no media type here has any that matters.
_RANGE = re.compile(r"\s*([!#$%&'*+.^_`|~\w-]+/[!#$%&'*+.^_`|~\w-]+)\s*((?:;[^,]*)?)", re.ASCII)
_WEIGHT = re.compile(r";\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*(?:;|$)", re.IGNORECASE)
_REMEMBERED = 256


def prefers(request: web.Request, *offers: str) -> str | None:
    """Return the media type of those on offer that a client likes best, the first of equals; None if it takes none."""
    lines = request.headers.getall(hdrs.ACCEPT, _NONE)
    # What most clients send is not worth a look-up.
    if not lines or lines == _ANY_ALONE:
        return offers[0]
    return _chosen(", ".join(lines), offers)


def require_acceptable(request: web.Request, offers: tuple[str, ...]) -> None:
    """Make sure that a client takes one of the media types of an answer, before anything is done.

    Raises:
        NotAcceptableError: It takes none of them.
    """
    if offers and prefers(request, *offers) is None:
        accepted = field(request, hdrs.ACCEPT)
        raise NotAcceptableError(f"Accept is {accepted!r}, and the answer is {' or '.join(offers)}.")


@lru_cache(maxsize=_REMEMBERED)
def _chosen(accepted: str, offers: tuple[str, ...]) -> str | None:
    ranges: dict[str, float] = {}
    for element in accepted.split(","):
        found = _RANGE.fullmatch(element)
        if found is not None:
            weight = _WEIGHT.search(found[2])
            ranges[found[1].lower()] = 1.0 if weight is None else float(weight[1])
    if not ranges:
        # Nothing that can be read says nothing.
        return offers[0]
    weights = {offer: _weight(offer, ranges) for offer in offers}
    best = max(weights, key=lambda offer: weights[offer])
    return best if weights[best] > 0 else None


def _weight(offer: str, ranges: dict[str, float]) -> float:
    # The most specific range counts.
    for one in (offer, f"{offer.partition('/')[0]}/*", _ANYTHING):
        if one in ranges:
            return ranges[one]
    return 0.0
