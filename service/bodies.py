"""JSON bodies: what does not parse is told from what parses and does not fit. Of duplicate members the last counts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from service.commands import Invalid
from service.errors import FieldError, MalformedError, clipped
from service.settings import LimitSettings

_INTEGER_MAX = 2**63 - 1
# An integer beyond 64 bits has no fewer digits. To search the body with each of them made a zero takes a fifth of the
# time of a regular expression.
_MANY_DIGITS = b"0" * 19
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_STEP = re.compile(r"\.([^.\[\]`]+)|\[(\d+)\]|\[(\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_Body = TypeVar("_Body")


def decode(body: bytes, type: type[_Body], limits: LimitSettings) -> _Body | Invalid:  # noqa: A002 - msgspec's name
    """Decode a body.

    Returns:
        The value, or `Invalid` with the place that does not fit; it is refused after access was checked.

    Raises:
        MalformedError: It is not JSON, or nested too deeply, or holds too many items.
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
    walk = _Walk(limits)
    walk.visit(_parse(body, limits), 0)
    if walk.errors:
        return Invalid(tuple(walk.errors))
    if isinstance(fault, msgspec.ValidationError):
        return Invalid((_field_error(str(fault), type),))
    if value is None:
        raise MalformedError(f"The body cannot be read: {fault}.")
    return value


def decode_outer(body: bytes, type: type[_Body], limits: LimitSettings) -> _Body | Invalid:  # noqa: A002 - as above
    """Decode a body but for its parts of type `msgspec.Raw`, which `decode` takes one by one with their own limits.

    Raises:
        MalformedError: It is not JSON, or nested too deeply to be looked at.
    """
    try:
        return cast("_Body", _decoder(cast("Hashable", type)).decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        _parse(body, limits)
        return Invalid((_field_error(str(fault), type),))


@cache
def _decoder(type: Any) -> msgspec.json.Decoder[Any]:  # noqa: A002 - as above
    return msgspec.json.Decoder(type)


def _is_plain(body: bytes, limits: LimitSettings) -> bool:
    """Tell if a body cannot break what no schema checks; most cannot, and are not walked through."""
    return (
        body.count(b"{") + body.count(b"[") <= limits.depth_max
        and body.count(b",") < limits.items_max
        and _MANY_DIGITS not in body.translate(_DIGITS_AS_ZEROS)
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


class _Walk:
    """Checks what no schema checks: depth, number of items, and integers that other readers of JSON would change."""

    def __init__(self, limits: LimitSettings) -> None:
        self.errors: list[FieldError] = []
        self._limits = limits
        self._items = 0
        self._path: list[str | int] = []

    def visit(self, value: Any, depth: int) -> None:
        """Look at a value and all that is in it.

        Raises:
            MalformedError: It is nested too deeply, or holds too many items.
        """
        if isinstance(value, dict | list):
            self._items += len(value)
            if depth >= self._limits.depth_max:
                raise _too_deep(self._limits)
            if self._items > self._limits.items_max:
                raise MalformedError(f"The body holds more than {self._limits.items_max} items, which is the limit.")
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(item, dict | list | int):
                    self._path.append(key)
                    self.visit(item, depth + 1)
                    self._path.pop()
        elif isinstance(value, int) and abs(value) > _INTEGER_MAX:
            pointer = "".join(f"/{_escape(clipped(str(key)))}" for key in self._path)
            self.errors.append(FieldError(pointer, "an integer beyond 64 bits; write it as a string"))


def _too_deep(limits: LimitSettings) -> MalformedError:
    return MalformedError(f"The body is nested too deeply; {limits.depth_max} levels are taken.")


def _field_error(message: str, type: type) -> FieldError:  # noqa: A002 - as above
    text, _, path = message.partition(" - at `$")
    pointer = "".join(
        f"/{_escape(clipped(name)) or place or '*'}" for name, place, _ in _STEP.findall(path.rstrip("`"))
    )
    unknown = _UNKNOWN.match(text)
    if unknown is None:
        return FieldError(pointer, text)
    found = clipped(unknown[1])
    known = getattr(type, "__struct_fields__", ()) if not pointer else ()
    nearest = difflib.get_close_matches(found, known, n=1)
    hint = f" The nearest is {nearest[0]!r}." if nearest else ""
    return FieldError(f"{pointer}/{_escape(found)}", f"There is no member {found!r} here.{hint}")


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
