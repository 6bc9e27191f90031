"""JSON bodies: what does not parse is told from what parses and does not fit. Of duplicate members the last counts."""

from __future__ import annotations

import difflib
import re
from typing import Any, TypeVar

import msgspec

from service.commands import Invalid
from service.errors import FieldError, MalformedError

DEPTH_MAX = 64
_INTEGER_MAX = 2**63 - 1
_STEP = re.compile(r"\.([^.\[\]`]+)|\[(\d+)\]|\[(\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_Body = TypeVar("_Body")


def decode(body: bytes, type: type[_Body]) -> _Body | Invalid:  # noqa: A002 - what msgspec calls it
    """Decode a body.

    Returns:
        The value, or `Invalid` with the place that does not fit; it is refused after access was checked.

    Raises:
        MalformedError: It is not JSON, or nested too deeply.
    """
    # First without a type: a fault of the schema can be met before what follows is known to be JSON.
    value = _parse(body)
    errors = _free_errors(value, "", 0)
    if errors:
        return Invalid(tuple(errors))
    try:
        return msgspec.json.decode(body, type=type)
    except msgspec.ValidationError as error:
        return Invalid((_field_error(str(error), type),))


def _parse(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise MalformedError(f"The body is nested too deeply; {DEPTH_MAX} levels are taken.") from None
    except UnicodeDecodeError as error:
        raise MalformedError(f"The body is not UTF-8 at byte {error.start}.") from None
    except msgspec.DecodeError as error:
        raise MalformedError(f"The body is not JSON: {error}.") from None


def _free_errors(value: Any, pointer: str, depth: int) -> list[FieldError]:
    """Check what no schema checks: the depth, and integers that other readers of JSON would change."""
    if depth > DEPTH_MAX:
        raise MalformedError(f"The body is nested too deeply; {DEPTH_MAX} levels are taken.")
    if isinstance(value, dict):
        return [e for key, item in value.items() for e in _free_errors(item, f"{pointer}/{_escape(key)}", depth + 1)]
    if isinstance(value, list):
        return [e for place, item in enumerate(value) for e in _free_errors(item, f"{pointer}/{place}", depth + 1)]
    if isinstance(value, int) and abs(value) > _INTEGER_MAX:
        return [FieldError(pointer, "an integer beyond 64 bits; write it as a string")]
    return []


def _field_error(message: str, type: type) -> FieldError:  # noqa: A002 - as above
    text, _, path = message.partition(" - at `$")
    pointer = "".join(f"/{_escape(name) or place or '*'}" for name, place, _ in _STEP.findall(path.rstrip("`")))
    unknown = _UNKNOWN.match(text)
    if unknown is None:
        return FieldError(pointer, text)
    found = unknown[1]
    known = getattr(type, "__struct_fields__", ()) if not pointer else ()
    nearest = difflib.get_close_matches(found, known, n=1)
    hint = f" The nearest is {nearest[0]!r}." if nearest else ""
    return FieldError(f"{pointer}/{_escape(found)}", f"There is no member {found!r} here.{hint}")


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
