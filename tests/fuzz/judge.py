"""What must hold for every answer, whatever was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping

from service.http import problems
from tests.fuzz.wire import Answer

PROVOKED = frozenset({(503, "busy"), (507, "no-room")})
"""Of the answers of 500 and more, those that may come: the limits are small."""


def fault_of(answer: Answer) -> str | None:
    """Return what is wrong with an answer, None if nothing is."""
    if answer.status >= 400:
        return _fault_of_refusal(answer)
    if "content-disposition" in answer.fields:
        # What somebody has uploaded comes back as it is, whatever they have called it.
        return None
    media_type = answer.fields.get("content-type", "")
    if answer.body and media_type in {"application/json", "application/x-ndjson"}:
        try:
            for whole in [answer.body] if media_type == "application/json" else answer.body.splitlines():
                json.loads(whole)
        except ValueError as error:
            return f"{answer.status} with a body that is no JSON: {error}"
    return None


def _fault_of_refusal(answer: Answer) -> str | None:
    if answer.fields.get("content-type") != "application/problem+json":
        return f"{answer.status} as {answer.fields.get('content-type')!r}, expected a problem"
    if not answer.body:  # to HEAD
        return None if answer.status < 500 else f"{answer.status}"
    problem = json.loads(answer.body)
    name = str(problem.get("type", "")).removeprefix("/problems/")
    if answer.status >= 500 and (answer.status, name) not in PROVOKED:
        return f"{answer.status} {name}"
    kind = problems.pages().get(name)
    if (
        kind is None
        or problem.get("status") != answer.status
        or kind.status != answer.status
        or not problem.get("title")
    ):
        return f"{answer.status} with a problem that is not whole: {problem}"
    return None


def filled(sent: bytes, names: Mapping[bytes, bytes]) -> bytes:
    """Return the bytes of a request with what stands for ids and tokens replaced, and its length put in."""
    for name, value in names.items():
        sent = sent.replace(name, value)
    _, _, body = sent.partition(b"\r\n\r\n")
    return sent.replace(b"@length@", b"%d" % len(body))
