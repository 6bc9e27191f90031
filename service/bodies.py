"""JSON bodies: what does not parse is told from what parses and does not fit. Of duplicate members the last counts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from service.commands import Invalid
from service.errors import FieldError, MalformedError
from service.settings import LimitSettings

_INTEGER_MAX = 2**63 - 1
_MANY_DIGITS = re.compile(rb"\d{19}")  # an integer beyond 64 bits has no fewer
_STEP = re.compile(r"\.([^.\[\]`]+)|\[(\d+)\]|\[(\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_Body = TypeVar("_Body")


def decode(body: bytes, type: type[_Body], limits: LimitSettings) -> _Body | Invalid:  # noqa: A002 - msgspec's name
    """Decode a body.

    Returns:
        The value, or `Invalid` with the place that does not fit; it is refused after access was checked.

    Raises:
        MalformedError: It is not JSON, or nested too deeply.
    """
    value: _Body | None = None
    fault: Exception | None = None
    try:
        value = _decoder(cast("Hashable", type)).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fault = error
    if fault is None and value is not None and _is_plain(body, limits):
        return value
    # A fault of the schema can be met before what follows is known to be JSON, so that is asked first.
    errors = _free_errors(_parse(body, limits), "", 0, limits)
    if errors:
        return Invalid(tuple(errors))
    if isinstance(fault, msgspec.ValidationError):
        return Invalid((_field_error(str(fault), type),))
    if value is None:
        raise MalformedError(f"The body cannot be read: {fault}.")
    return value


@cache
def _decoder(type: Any) -> msgspec.json.Decoder[Any]:  # noqa: A002 - as above
    return msgspec.json.Decoder(type)


def _is_plain(body: bytes, limits: LimitSettings) -> bool:
    """Tell if a body cannot break what no schema checks; most cannot, and are not walked through."""
    return (
        body.count(b"{") + body.count(b"[") <= limits.depth_max
        and body.count(b",") < limits.items_max
        and _MANY_DIGITS.search(body) is None
    )


def _parse(body: bytes, limits: LimitSettings) -> Any:
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep(limits) from None
    except UnicodeDecodeError as error:
        raise MalformedError(f"The body is not UTF-8 at byte {error.start}.") from None
    except msgspec.DecodeError as error:
        raise MalformedError(f"The body is not JSON: {error}.") from None


def _free_errors(value: Any, pointer: str, depth: int, limits: LimitSettings) -> list[FieldError]:
    """Check what no schema checks: depth, numbers of items, and integers that other readers of JSON would change."""
    if isinstance(value, dict | list):
        if depth >= limits.depth_max:
            raise _too_deep(limits)
        if len(value) > limits.items_max:
            return [FieldError(pointer, f"{len(value)} items found, at most {limits.items_max} are taken")]
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [e for key, item in items for e in _free_errors(item, f"{pointer}/{_escape(key)}", depth + 1, limits)]
    if isinstance(value, int) and abs(value) > _INTEGER_MAX:
        return [FieldError(pointer, "an integer beyond 64 bits; write it as a string")]
    return []


def _too_deep(limits: LimitSettings) -> MalformedError:
    return MalformedError(f"The body is nested too deeply; {limits.depth_max} levels are taken.")


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


def _escape(name: str | int) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
