"""Parameters of a query, each declared once: what it may be, how it is read, and what the description says of it."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from multidict import MultiMapping

from service.clock import TIME_MAX, parse_time
from service.errors import MalformedError
from service.settings import LimitSettings

_Value = TypeVar("_Value")
_COUNT_MAX = 10**18 - 1
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Parameter(ABC):
    """A parameter.

    Attributes:
        name: In the query.
        description: What it does, for the description of the API.
    """

    name: str
    description: str

    @abstractmethod
    def schema(self, limits: LimitSettings) -> dict[str, Any]:
        """Return the JSON Schema of its values."""

    def single(self, found: MultiMapping[str]) -> str | None:
        """Return its value as it was sent, None if it is absent.

        Raises:
            MalformedError: It is given several times.
        """
        if self.name not in found:
            # Most of them, of every request.
            return None
        values = found.getall(self.name)
        if len(values) > 1:
            raise MalformedError(f"The parameter {self.name!r} is given {len(values)} times, expected once.")
        return values[0]


@dataclass(frozen=True)
class Text(Parameter):
    """Any text, once. `constraints` are told in the description; what is read checks them where it is used."""

    constraints: Mapping[str, Any] | None = None

    def schema(self, limits: LimitSettings) -> dict[str, Any]:  # noqa: ARG002 - others need them
        """Return the JSON Schema of its values."""
        return {"type": "string", **(self.constraints or {})}

    def of(self, found: MultiMapping[str]) -> str | None:
        """Return the value, None if it is absent; raises as `single`."""
        return self.single(found)


@dataclass(frozen=True)
class Texts(Parameter):
    """Any texts: repeated for several.

    Attributes:
        least: Different ones that there must be, if there is any.
    """

    least: int = 1

    def schema(self, limits: LimitSettings) -> dict[str, Any]:  # noqa: ARG002 - others need them
        """Return the JSON Schema of its values."""
        several = {"minItems": self.least, "uniqueItems": True} if self.least > 1 else {}
        return {"type": "array", "items": {"type": "string"}, **several}

    def of(self, found: MultiMapping[str]) -> tuple[str, ...]:
        """Return the values, each once, in the order in which they came.

        Raises:
            MalformedError: There are too few, or the same several times where several are asked for.
        """
        values = found.getall(self.name, ())
        different = tuple(dict.fromkeys(values))
        if values and self.least > 1 and (len(different) < self.least or len(different) < len(values)):
            raise MalformedError(
                f"{self.name} is given {len(values)} times, with {len(different)} different values; expected none, or "
                f"{self.least} or more that are different."
            )
        return different


@dataclass(frozen=True)
class Choice(Parameter, Generic[_Value]):
    """One of some words.

    Attributes:
        meanings: Word → what it means.
        default: The word that an absent one stands for.
    """

    meanings: Mapping[str, _Value]
    default: str

    def schema(self, limits: LimitSettings) -> dict[str, Any]:  # noqa: ARG002 - others need them
        """Return the JSON Schema of its values."""
        if isinstance(self.meanings[self.default], bool) and set(self.meanings) == {"true", "false"}:
            return {"type": "boolean", "default": self.meanings[self.default]}
        return {"type": "string", "enum": list(self.meanings), "default": self.default}

    def of(self, found: MultiMapping[str]) -> _Value:
        """Return what its value means.

        Raises:
            MalformedError: It is none of the words, or given several times.
        """
        value = self.single(found)
        if value is None:
            return self.meanings[self.default]
        if value not in self.meanings:
            raise MalformedError(f"{self.name} is {value!r}, expected {' or '.join(self.meanings)}.")
        return self.meanings[value]


def flag(name: str, description: str, *, default: bool = False) -> Choice[bool]:
    """Return a parameter that is true or false."""
    return Choice(name, description, {"true": True, "false": False}, "true" if default else "false")


@dataclass(frozen=True)
class Number(Parameter):
    """A number."""

    def schema(self, limits: LimitSettings) -> dict[str, Any]:  # noqa: ARG002 - others need them
        """Return the JSON Schema of its values."""
        return {"type": "number"}

    def of(self, found: MultiMapping[str]) -> float | None:
        """Return the number, None if it is absent.

        Raises:
            MalformedError: It is none, or given several times.
        """
        value = self.single(found)
        if value is None:
            return None
        number = float(value) if _NUMBER.fullmatch(value) else math.nan
        if not math.isfinite(number):
            raise MalformedError(f"{self.name} is {value!r}, expected a number.")
        return number


@dataclass(frozen=True)
class Limit(Parameter):
    """How many items a page holds."""

    def schema(self, limits: LimitSettings) -> dict[str, Any]:
        """Return the JSON Schema of its values."""
        most = limits.page_size_max
        return {"type": "integer", "minimum": 1, "maximum": most, "default": min(limits.page_size, most)}

    def of(self, found: MultiMapping[str], limits: LimitSettings) -> int:
        """Return the number.

        Raises:
            MalformedError: It is none from 1 to `limits.page_size_max`, or given several times.
        """
        value, limit_max = self.single(found), limits.page_size_max
        if value is None:
            return min(limits.page_size, limit_max)
        is_number = value.isascii() and value.isdigit() and len(value) <= len(str(limit_max))
        if not is_number or not 1 <= int(value) <= limit_max:
            raise MalformedError(f"{self.name} is {value!r}, expected a number from 1 to {limit_max}.")
        return int(value)


@dataclass(frozen=True)
class Time(Parameter):
    """A time, as RFC 3339."""

    def schema(self, limits: LimitSettings) -> dict[str, Any]:  # noqa: ARG002 - others need them
        """Return the JSON Schema of its values."""
        return {"type": "string", "format": "date-time"}

    def of(self, found: MultiMapping[str]) -> int | None:
        """Return microseconds since 1970 UTC, None if it is absent.

        Raises:
            MalformedError: It cannot be read, or is given several times.
        """
        value = self.single(found)
        try:
            # Nothing was created before 1970 or will be after 9999; an offset can lead out of both.
            return None if value is None else min(max(0, parse_time(value)), TIME_MAX)
        except (ValueError, OverflowError) as error:
            detail = f"{self.name} cannot be read: {error}. Expected RFC 3339, with %2B for a plus."
            raise MalformedError(detail) from error


@dataclass(frozen=True)
class Count(Parameter):
    """How many there are of something: none, if it is absent."""

    def schema(self, limits: LimitSettings) -> dict[str, Any]:  # noqa: ARG002 - others need them
        """Return the JSON Schema of its values; without a default, which clients would send."""
        return {"type": "integer", "minimum": 0, "maximum": _COUNT_MAX}

    def of(self, found: MultiMapping[str]) -> int:
        """Return the number.

        Raises:
            MalformedError: It is none, or given several times.
        """
        value = self.single(found)
        if value is None:
            return 0
        if not (value.isascii() and value.isdigit() and len(value) <= len(str(_COUNT_MAX))):
            raise MalformedError(f"{self.name} is {value!r}, expected a number of 0 or more.")
        return int(value)
