"""Labels of a project: which there are, what they are for, and whether a mark fits them. Pure.

With the policy `open` they are suggestions; with `closed` a mark must have one of them, and fit it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol

import msgspec
from msgspec import Meta

from service.errors import FieldError, shown
from service.kinds.mark import Argument, MarkType, Name, Part, Scalar

LabelPolicy = Literal["open", "closed"]
AttributeType = Literal["string", "number", "boolean"]
_TYPES: Mapping[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "boolean": (bool,)}


class AttributeSchema(Part, frozen=True, kw_only=True):
    """An attribute that marks of a label may have.

    Attributes:
        type: Of its values.
        values: Those that it may have, if not any.
        multiple: It may be a list of them.
        required: A mark must have it.
    """

    type: AttributeType
    values: Annotated[list[Scalar], Meta(min_length=1, max_length=1000)] | None = None
    multiple: bool = False
    required: bool = False


class ArgumentSchema(Part, frozen=True, kw_only=True):
    """A role that arguments of a label's relations and events may have.

    Attributes:
        role: Its name.
        labels: Those that its target may have, if not any.
        required: A mark must have it.
    """

    role: Name
    labels: Annotated[list[Name], Meta(min_length=1, max_length=1000)] | None = None
    required: bool = False


class Label(Part, frozen=True, kw_only=True):
    """A label.

    Attributes:
        name: As marks tell it.
        types: Sorts of marks that it is for, if not all.
        color: For showing it.
        attributes: What marks may have, by name.
        arguments: Roles of relations and events, if not any.
    """

    name: Name
    types: Annotated[list[MarkType], Meta(min_length=1)] | None = None
    color: Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}(?![\s\S])")] | None = None
    attributes: Annotated[dict[Name, AttributeSchema], Meta(max_length=100)] = msgspec.field(default_factory=dict)
    arguments: Annotated[list[ArgumentSchema], Meta(min_length=1, max_length=100)] | None = None


class Mark(Protocol):
    """What of a mark must fit a label."""

    @property
    def type(self) -> str:
        """Which sort."""
        ...

    @property
    def label(self) -> str | None:
        """Its label."""
        ...

    @property
    def attributes(self) -> dict[str, Any]:
        """By name."""
        ...

    @property
    def arguments(self) -> list[Argument] | None:
        """Of relations and events."""
        ...


def schema_errors(labels: Sequence[Label]) -> list[FieldError]:
    """Return what is wrong with a project's labels besides their form: names are there once, and so are roles."""
    errors = []
    for place, label in enumerate(labels):
        if label.name in {other.name for other in labels[:place]}:
            errors.append(FieldError(f"/labels/{place}/name", f"{shown(label.name)} is there twice"))
        roles = [argument.role for argument in label.arguments or ()]
        if len(set(roles)) < len(roles):
            errors.append(FieldError(f"/labels/{place}/arguments", "a role is there twice"))
        for name, attribute in label.attributes.items():
            wrong = [value for value in attribute.values or () if not _is_of(value, attribute.type)]
            if wrong:
                detail = f"{shown(wrong[0])} is no {attribute.type}"
                errors.append(FieldError(f"/labels/{place}/attributes/{name}/values", detail))
    return errors


def mark_errors(labels: Sequence[Label], mark: Mark, label_of: Callable[[str], str | None]) -> list[FieldError]:
    """Return where a mark does not fit the labels of its project.

    Args:
        labels: Of the project.
        mark: Resolved.
        label_of: Tells the label of a mark that is pointed to.
    """
    label = next((one for one in labels if one.name == mark.label), None)
    if label is None:
        return [FieldError("/label", _unknown(mark.label, [one.name for one in labels if _is_for(one, mark.type)]))]
    if not _is_for(label, mark.type):
        detail = f"{shown(label.name)} is for marks of type {', '.join(label.types or ())}, this is one of {mark.type}"
        return [FieldError("/label", detail)]
    return [*_attribute_errors(label, mark.attributes), *_argument_errors(label, mark.arguments or [], label_of)]


def _unknown(found: str | None, names: list[str]) -> str:
    if found is None:
        return f"missing: the project is closed to other labels than its own: {', '.join(names) or 'none'}"
    hint = nearest(found, names) or "; there is none for such a mark"
    return f"{shown(found)} is none of the project's labels, and it is closed to others{hint}"


def nearest(found: str, names: Iterable[str]) -> str:
    """Return, as the end of a sentence, which of some names is most like another one; nothing if there are none."""
    close = difflib.get_close_matches(found, list(names), n=1, cutoff=0)
    return f"; the nearest is {shown(close[0])}" if close else ""


def _is_for(label: Label, mark_type: str) -> bool:
    return label.types is None or mark_type in label.types


def _attribute_errors(label: Label, attributes: dict[str, Any]) -> Iterator[FieldError]:
    for name, value in attributes.items():
        schema = label.attributes.get(name)
        if schema is None:
            hint = nearest(name, label.attributes)
            yield FieldError(f"/attributes/{name}", f"is no attribute of {shown(label.name)}{hint}")
            continue
        values = value if isinstance(value, list) else [value]
        if isinstance(value, list) and not schema.multiple:
            yield FieldError(f"/attributes/{name}", "a list found, expected one value")
        elif not all(_is_of(one, schema.type) for one in values):
            yield FieldError(f"/attributes/{name}", f"{shown(value)} found, expected {schema.type}")
        elif schema.values is not None and any(one not in schema.values for one in values):
            yield FieldError(f"/attributes/{name}", f"{shown(value)} found, expected of {shown(schema.values)}")
    for name, schema in label.attributes.items():
        if schema.required and name not in attributes:
            yield FieldError(f"/attributes/{name}", f"missing: {shown(label.name)} needs it")


def _argument_errors(
    label: Label, arguments: list[Argument], label_of: Callable[[str], str | None]
) -> Iterator[FieldError]:
    if label.arguments is None:
        return
    roles = {schema.role: schema for schema in label.arguments}
    for place, argument in enumerate(arguments):
        schema = roles.get(argument.role)
        if schema is None:
            detail = f"{shown(argument.role)} found, expected of {', '.join(roles)}"
            yield FieldError(f"/arguments/{place}/role", detail)
        elif schema.labels is not None and (found := label_of(argument.target)) not in schema.labels:
            detail = f"a mark with the label {shown(found)} found, expected of {', '.join(schema.labels)}"
            yield FieldError(f"/arguments/{place}/target", detail)
    for role, schema in roles.items():
        if schema.required and all(argument.role != role for argument in arguments):
            yield FieldError("/arguments", f"missing: {shown(label.name)} needs the role {shown(role)}")


def _is_of(value: object, name: str) -> bool:
    # A boolean is an int to Python, and is no number here.
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
