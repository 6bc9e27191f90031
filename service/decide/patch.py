"""JSON Merge Patch, RFC 7396. An absent member and null are the same."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from service import bodies
from service.decide.decision import Context, require_valid

_Draft = TypeVar("_Draft")


def patched(context: Context, members: dict[str, Any], patch: dict[str, Any], draft: type[_Draft]) -> _Draft:
    """Return the draft that a patch makes of an entity.

    Args:
        context: Of the decision.
        members: Of the entity as it is.
        patch: What changes.
        draft: The type of the result.

    Raises:
        InvalidError: The result does not fit the schema.
    """
    merged = msgspec.json.encode(merge(members, patch))
    result: _Draft = require_valid(bodies.decode(merged, draft, context.limits))
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
