"""Labels of a project: which there are, what they are for, and whether a mark fits them. Pure.

With the policy `open` they are suggestions; with `closed` a mark must have one of them, and fit it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Annotated, Any, Literal, Protocol

import msgspec
from msgspec import Meta

from service.errors import FieldError, clipped, shown
from service.kinds.mark import Argument, MarkType, Name, Part, Scalar
from service.nearest import nearest

LabelPolicy = Literal["open", "closed"]
AttributeType = Literal["string", "number", "boolean"]
_ERRORS_MAX = 10
"""As much of what does not fit is told of one mark: to tell it can take longer than to find it."""
_TYPES: Mapping[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "boolean": (bool,)}


_Misfit = tuple[str, Callable[[], str]]
"""Where something does not fit, and what tells why if anybody asks."""


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
    names = set[str]()
    for place, label in enumerate(labels):
        if label.name in names:
            errors.append(FieldError(f"/labels/{place}/name", f"{shown(label.name)} is there twice"))
        names.add(label.name)
        roles = [argument.role for argument in label.arguments or ()]
        if len(set(roles)) < len(roles):
            errors.append(FieldError(f"/labels/{place}/arguments", "a role is there twice"))
        for name, attribute in label.attributes.items():
            wrong = [value for value in attribute.values or () if not _is_of(value, attribute.type)]
            if wrong:
                detail = f"{shown(wrong[0])} is no {attribute.type}"
                errors.append(FieldError(f"/labels/{place}/attributes/{name}/values", detail))
    return errors


def fits(labels: Sequence[Label], mark: Mark, label_of: Callable[[str], str | None]) -> bool:
    """Tell if a mark fits the labels of its project; takes what `mark_errors` takes, and less time if it does not."""
    return next(_misfits(labels, mark, label_of), None) is None


def mark_errors(
    labels: Sequence[Label], mark: Mark, label_of: Callable[[str], str | None], *, errors_max: int = _ERRORS_MAX
) -> list[FieldError]:
    """Return where a mark does not fit the labels of its project, of many places the first.

    Args:
        labels: Of the project.
        mark: Resolved.
        label_of: Tells the label of a mark that is pointed to.
        errors_max: As many places at most.
    """
    found = islice(_misfits(labels, mark, label_of), errors_max)
    return [FieldError(pointer, detail()) for pointer, detail in found]


def _misfits(labels: Sequence[Label], mark: Mark, label_of: Callable[[str], str | None]) -> Iterator[_Misfit]:
    label = next((one for one in labels if one.name == mark.label), None)
    if label is None:
        yield "/label", lambda: _unknown(mark.label, [one.name for one in labels if _is_for(one, mark.type)])
    elif not _is_for(label, mark.type):
        types = ", ".join(label.types or ())
        yield "/label", lambda: f"{shown(mark.label)} is for marks of type {types}, this is one of {mark.type}"
    else:
        yield from _attribute_misfits(label, mark.attributes)
        yield from _argument_misfits(label, mark.arguments or [], label_of)


def _unknown(found: str | None, names: list[str]) -> str:
    if found is None:
        return f"missing: the project is closed to other labels than its own: {', '.join(names) or 'none'}"
    hint = nearest(found, names) or "; there is none for such a mark"
    return f"{shown(found)} is none of the project's labels, and it is closed to others{hint}"


def _is_for(label: Label, mark_type: str) -> bool:
    return label.types is None or mark_type in label.types


def _attribute_misfits(label: Label, attributes: dict[str, Any]) -> Iterator[_Misfit]:
    for name, value in attributes.items():
        detail = _value_misfit(label, name, value)
        if detail is not None:
            yield f"/attributes/{clipped(name)}", detail
    for name, schema in label.attributes.items():
        if schema.required and name not in attributes:
            yield f"/attributes/{name}", partial(_missing, label, "it")


def _value_misfit(label: Label, name: str, value: Any) -> Callable[[], str] | None:
    schema = label.attributes.get(name)
    if schema is None:
        return lambda: f"is no attribute of {shown(label.name)}{nearest(name, label.attributes)}"
    values = value if isinstance(value, list) else [value]
    if isinstance(value, list) and not schema.multiple:
        return lambda: "a list found, expected one value"
    if not all(_is_of(one, schema.type) for one in values):
        return lambda: f"{shown(value)} found, expected {schema.type}"
    if schema.values is not None and set(values).difference(schema.values):
        return lambda: f"{shown(value)} found, expected of {shown(schema.values)}"
    return None


def _argument_misfits(
    label: Label, arguments: list[Argument], label_of: Callable[[str], str | None]
) -> Iterator[_Misfit]:
    if label.arguments is None:
        return
    roles = {schema.role: schema for schema in label.arguments}
    for place, argument in enumerate(arguments):
        misfit = _argument_misfit(roles, argument, label_of)
        if misfit is not None:
            member, detail = misfit
            yield f"/arguments/{place}/{member}", detail
    sent = {argument.role for argument in arguments}
    for role, schema in roles.items():
        if schema.required and role not in sent:
            yield "/arguments", partial(_missing, label, f"the role {shown(role)}")


def _argument_misfit(
    roles: Mapping[str, ArgumentSchema], argument: Argument, label_of: Callable[[str], str | None]
) -> _Misfit | None:
    """Return which member of an argument does not fit, and why."""
    schema = roles.get(argument.role)
    if schema is None:
        return "role", lambda: f"{shown(argument.role)} found, expected of {', '.join(roles)}"
    expected = schema.labels
    if expected is None or (found := label_of(argument.target)) in expected:
        return None
    return "target", lambda: f"a mark with the label {shown(found)} found, expected of {', '.join(expected)}"


def _missing(label: Label, what: str) -> str:
    return f"missing: {shown(label.name)} needs {what}"


def _is_of(value: object, name: str) -> bool:
    # A boolean is an int to Python, and is no number here.
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
