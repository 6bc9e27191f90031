"""JSON Merge Patch, RFC 7396. An absent member and null are the same."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from service import bodies
from service.decide.decision import require_valid

_Draft = TypeVar("_Draft")


def patched(members: dict[str, Any], patch: dict[str, Any], draft: type[_Draft]) -> _Draft:
    """Return the draft that a patch makes of an entity.

    Args:
        members: Of the entity as it is.
        patch: What changes.
        draft: The type of the result.

    Raises:
        InvalidError: The result does not fit the schema.
    """
    result: _Draft = require_valid(bodies.decode(msgspec.json.encode(merge(members, patch)), draft))
    return result


def merge(target: Any, patch: Any) -> Any:
    """Return `target` with the members that `patch` names replaced, merged or, for null, removed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged
