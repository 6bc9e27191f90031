"""JSON Schemas of what is sent and told: made from the types that requests are decoded to and answers encoded from."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

PREFIX = "#/components/schemas/"
_MEMBER = re.compile(r"^ {4}(\w+): (.*)$")
_CONTINUED = "        "
Schema = dict[str, Any]


class Schemas:
    """The schemas of some types, by name.

    Args:
        types: That are sent or told.
        patched: Those of them that merge patches change.
    """

    def __init__(self, types: Iterable[Any], patched: Iterable[Any]) -> None:
        known = list(dict.fromkeys([*types, *patched]))
        schemas, components = msgspec.json.schema_components(known, ref_template=PREFIX + "{name}")
        self._of: dict[Any, Schema] = dict(zip(known, schemas, strict=True))
        self.components: dict[str, Schema] = {name: _documented(schema) for name, schema in components.items()}
        for one in patched:
            self._add_patch(self._name(self._of[one]))

    def of(self, type: Any) -> Schema:  # noqa: A002 - what it is
        """Return the schema of a type."""
        return self._of[type]

    def patch_of(self, type: Any) -> Schema:  # noqa: A002 - what it is
        """Return the schema of a merge patch of a type."""
        return {"$ref": f"{PREFIX}{self._name(self._of[type])}Patch"}

    def used_by(self, value: Any) -> dict[str, Schema]:
        """Return the schemas that a value refers to, or that are referred to by those."""
        found: set[str] = set()
        waiting = list(_references(value))
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += _references(self.components[name])
        return {name: schema for name, schema in self.components.items() if name in found}

    def _add_patch(self, name: str) -> None:
        """Add the schema of a merge patch: nothing is required, and null takes away what may be absent."""
        if f"{name}Patch" in self.components:
            return
        whole = self.components[name]
        required = whole.get("required", ())
        members = {
            member: self._patched(schema, nullable=member not in required)
            for member, schema in whole["properties"].items()
        }
        self.components[f"{name}Patch"] = {
            "title": f"{name}Patch",
            "description": f"A JSON Merge Patch (RFC 7396). {whole.get('description', '')}".strip(),
            "type": "object",
            "properties": members,
            **({"additionalProperties": False} if whole.get("additionalProperties") is False else {}),
        }

    def _patched(self, schema: Schema, *, nullable: bool) -> Schema:
        """Return the schema of a member of a patch; objects in it are patched in turn."""
        found = {key: value for key, value in schema.items() if key != "default"}
        if "$ref" in found and self.components[self._name(found)].get("type") == "object":
            self._add_patch(self._name(found))
            found["$ref"] += "Patch"
        elif "anyOf" in found:
            found["anyOf"] = [self._patched(one, nullable=False) for one in found["anyOf"]]
            return found if not nullable or {"type": "null"} in found["anyOf"] else _or_null(found)
        return _or_null(found) if nullable else found

    @staticmethod
    def _name(reference: Schema) -> str:
        return str(reference["$ref"]).removeprefix(PREFIX)


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _documented(schema: Schema) -> Schema:
    """Return a schema whose members are described by the section `Attributes` of its type's docstring."""
    told, _, section = inspect.cleandoc(schema.get("description", "")).partition("\n\nAttributes:\n")
    found: Schema = _typed(schema)
    if told:
        found["description"] = " ".join(told.split())
    described = _attributes(section)
    if described:
        properties = found["properties"]
        found["properties"] = {
            name: {**one, "description": described[name]} if name in described else one
            for name, one in properties.items()
        }
    return found


def _typed(schema: Any) -> Any:
    """Return a schema as readers expect it: the type of enumerations is said, and pairs are lists of two."""
    if isinstance(schema, list):
        return [_typed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _typed(one) for name, one in schema.items()}
    places = found.pop("prefixItems", None)
    if places is not None:
        # Makers of clients cannot read `"items": false`, which the number of items says too.
        found["items"] = places[0] if all(one == places[0] for one in places) else {"anyOf": places}
    is_of_words = isinstance(found.get("enum"), list) and all(isinstance(one, str) for one in found["enum"])
    return {"type": "string", **found} if is_of_words and "type" not in found else found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref", "")
        if isinstance(reference, str) and reference.startswith(PREFIX):
            yield reference.removeprefix(PREFIX)
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _references(part)


def _attributes(section: str) -> dict[str, str]:
    described: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        member = _MEMBER.match(line)
        if member is not None:
            name = member[1]
            described[name] = member[2]
        elif line.startswith(_CONTINUED) and name:
            described[name] += f" {line.strip()}"
        else:
            name = ""
    return described
