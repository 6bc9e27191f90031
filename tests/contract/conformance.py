"""Holds an answer against the description: nothing is answered that it does not tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from service.contract.document import make_document
from service.http.routes import ENDPOINTS
from service.settings import load

PROBLEM = "application/problem+json"
LINES = "application/x-ndjson"
ANYTHING = "*/*"
NOWHERE = {"no-such-path", "method-not-allowed", "unauthenticated", "malformed", "not-ready", "shutting-down"}
"""Problems of requests that reach no endpoint."""


class Conformance:
    """A description, ready to hold answers against."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        paths = sorted(document["paths"], key=lambda path: path.count("{"))
        self._paths = [(re.compile(re.sub(r"\\?\{\w+\\?\}", "[^/]+", re.escape(path))), path) for path in paths]
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def check(self, method: str, target: str, status: int, headers: Mapping[str, str], data: bytes) -> None:
        """Make sure that an answer is one that the description tells."""
        operation = self.operation(method, target.partition("?")[0])
        if operation is None:
            assert method == "OPTIONS" or _problem(data) in NOWHERE, (method, target, status, data)
            return
        what = f"{operation['operationId']} answers {status}: {data[:300]!r}"
        assert str(status) in operation["responses"], f"{what}, and that status is not described"
        response = self._resolved(operation["responses"][str(status)])
        for name, header in response["headers"].items():
            assert name in headers or not self._resolved(header).get("required"), f"{what}, without {name}"
        if method == "HEAD":
            return
        content = response.get("content")
        if content is None:
            assert not data, f"{what}, and no body is described"
            return
        media_type = headers["Content-Type"].partition(";")[0]
        if ANYTHING in content and media_type != PROBLEM:
            return
        assert media_type in content, f"{what}, as {media_type}"
        if media_type == PROBLEM:
            assert _problem(data) in content[PROBLEM]["examples"], f"{what}, and that problem is not described"
        if media_type == LINES:
            for line in data.splitlines():
                self.validate(content[LINES]["x-itemSchema"], msgspec.json.decode(line), what)
        elif media_type.endswith("json"):
            self.validate(content[media_type]["schema"], msgspec.json.decode(data), what)

    def validate(self, schema: dict[str, Any], value: Any, what: str) -> None:
        """Make sure that a value fits a schema of the description."""
        key = msgspec.json.encode(schema).decode()
        if key not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole)
        errors = [f"{error.message} at {error.instance_path}" for error in self._validators[key].iter_errors(value)]
        assert not errors, f"{what}: {errors}"

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """Return the operation that a request is for, None if there is none."""
        method = "get" if method == "HEAD" else method.lower()
        for form, name in self._paths:
            if form.fullmatch(path) and method in self.document["paths"][name]:
                operation: dict[str, Any] = self.document["paths"][name][method]
                return operation
        return None

    def _resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        found: Any = value
        if "$ref" in value:
            found = self.document
            for step in value["$ref"].removeprefix("#/").split("/"):
                found = found[step]
        resolved: dict[str, Any] = found
        return resolved


@cache
def described() -> Conformance:
    """Return the description with the default settings, ready to hold answers against."""
    document = make_document(ENDPOINTS, load().limits)
    return Conformance(msgspec.json.decode(msgspec.json.encode(document)))


def _problem(data: bytes) -> str:
    try:
        return str(msgspec.json.decode(data)["type"].removeprefix("/problems/"))
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""
