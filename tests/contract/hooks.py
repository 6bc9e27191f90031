"""What schemathesis is told besides the description: how to log in, and what it must not do to itself."""

from __future__ import annotations

import os
import re
from typing import Any

import requests
import schemathesis

ADMIN = {"email": "root@example.org", "password": "correct horse battery staple"}
URL = os.environ.get("ANNOLOG_URL", "")
ADMIN_ID = os.environ.get("ANNOLOG_ADMIN_ID", "")
_NOBODY = "user_00000000000000000000000000"
_IN_SCHEMA = "The body does not fit the schema."
# No schema can tell these: to it 1.0 is an integer, and integers have no end.
_BEYOND_SCHEMA = re.compile(r"beyond 64 bits|Expected `int( \| null)?`, got `float`")

# Lines of JSON are text to it.
schemathesis.serializer.alias(["application/x-ndjson", "application/ndjson", "application/jsonl"], "text/plain")


def log_in() -> str:
    """Return the token of a new session."""
    answer = requests.post(f"{URL}/v1/sessions", json=ADMIN, timeout=10)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


@schemathesis.auth(refresh_interval=None)
class Login:
    """Logs in for each request: others end sessions, as they may."""

    def get(self, _case: schemathesis.Case[Any], _context: schemathesis.AuthContext) -> str:
        """Return a token."""
        return log_in()

    def set(self, case: schemathesis.Case[Any], data: str, _context: schemathesis.AuthContext) -> None:
        """Send it."""
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Leave its own account as it is: with another e-mail address it could not log in any more. Ids come by answers."""
    if case.method in {"PATCH", "PUT", "DELETE"} and case.path.startswith("/v1/users/"):
        parameters = case.path_parameters or {}
        if parameters.get("id") == ADMIN_ID:
            parameters["id"] = _NOBODY


@schemathesis.check
def no_valid_body_breaks_the_schema(
    _context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """What was made by the schema of a body is never refused as one that does not fit it.

    Merge patches are left out: whether they fit is known of what they make, not of themselves.
    """
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code != 422 or case.method == "PATCH":
        return
    problem: dict[str, Any] = response.json()
    faults = [one["detail"] for one in problem.get("errors", []) if not _BEYOND_SCHEMA.search(one["detail"])]
    assert problem["detail"] != _IN_SCHEMA or not faults, f"{case.body!r}: {faults}"


@schemathesis.hook
def map_query(_context: schemathesis.HookContext, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Leave out cursors that are made up: they are opaque, and only pages tell them, by links."""
    return _without_cursor(query)


@schemathesis.hook
def map_case(_context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> schemathesis.Case[Any]:
    """Do so in the phase that goes through a schema's corners, whose parameters are not mapped one by one."""
    if case.meta is not None and case.meta.phase.name.value == "coverage":
        case.query = _without_cursor(case.query) or {}
    return case


def _without_cursor(query: dict[str, Any] | None) -> dict[str, Any] | None:
    return {name: value for name, value in query.items() if name != "cursor"} if query else query
