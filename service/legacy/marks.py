"""What the members of an extraction or an annotation in the file become."""

from __future__ import annotations

from typing import Any

from service.errors import shown
from service.legacy.names import Members, meant

SOURCE = "legacy"
"""The source of extractions that name none."""
_SOURCE_MEMBERS = {"name", "version", "run"}
_PURPOSE = "commenting"
_INTERVAL_LENGTH = 2


def extraction_members(members: Members) -> dict[str, Any]:
    """Return the members of the draft; what is taken is gone from `members`.

    Raises:
        ValueError: Its span cannot be read.
    """
    found = _shared(members)
    quote = members.take("quote")
    if "start" not in found and "text" in found:
        # What the model said, of which nobody knows where it stands.
        own = found.pop("text")
        quote = own if quote is None else quote
    alignment = _known(members, "alignment")
    if quote is not None:
        found["quote"] = quote
        if alignment is None and "start" in found:
            # Nobody says that the model's words may differ from the text's, so they are checked.
            found.setdefault("text", quote)
        elif alignment is None:
            alignment = "none"
    if alignment is not None:
        found["alignment"] = alignment
    confidence = members.look("confidence")
    if isinstance(confidence, int | float) and not isinstance(confidence, bool) and 0 <= confidence <= 1:
        found["confidence"] = members.take("confidence")
    found["source"] = _source(members)
    return found


def annotation_members(members: Members, *, is_about_extraction: bool) -> dict[str, Any]:
    """Return the members of the draft; what is taken is gone from `members`.

    Args:
        members: Of the object.
        is_about_extraction: It names one; without one there is no verdict.

    Raises:
        ValueError: Its span cannot be read.
    """
    found = _shared(members)
    if "start" not in found and isinstance(found.get("text"), str):
        _comment(found, found.pop("text"))
    verdict = _known(members, "verdict") if is_about_extraction else None
    return found if verdict is None else {**found, "verdict": verdict}


def _shared(members: Members) -> dict[str, Any]:
    found: dict[str, Any] = {}
    start, end = members.take("start"), members.take("end")
    if start is None and end is None:
        start, end = _interval(members)
    taken = {"start": start, "end": end, "text": members.take("text"), "status": _known(members, "status")}
    found.update({name: value for name, value in taken.items() if value is not None})
    label = members.look("label")
    if isinstance(label, str) and label:
        found["label"] = members.take("label")
    if isinstance(members.look("comment"), str):
        _comment(found, members.take("comment"))
    attributes = members.look("attributes")
    if isinstance(attributes, dict) and all(map(_is_attribute, attributes.values())):
        found["attributes"] = members.take("attributes")
    return found


def _interval(members: Members) -> tuple[Any, Any]:
    """Return start and end of an object or a pair; what else is in it stays where it is."""
    value = members.look("interval")
    if value is None:
        return None, None
    if isinstance(value, dict):
        inner = Members("extraction", value)
        start, end = inner.take("start"), inner.take("end")
        if not inner.rest():
            members.take("interval")
        return start, end
    if isinstance(value, list) and len(value) == _INTERVAL_LENGTH:
        members.take("interval")
        return value[0], value[1]
    raise ValueError(f"{shown(value)} found as its span, expected start and end")


def _source(members: Members) -> dict[str, str]:
    value = members.look("source")
    source = {"name": SOURCE}
    if isinstance(value, str) and value:
        source["name"] = members.take("source")
    elif isinstance(value, dict) and value.get("name") and value.keys() <= _SOURCE_MEMBERS:
        return dict(members.take("source"))
    for name, meaning in (("version", "model version"), ("run", "run")):
        if isinstance(members.look(meaning), str):
            source[name] = members.take(meaning)
    return source


def _known(members: Members, meaning: str) -> str | None:
    found = meant(meaning, members.look(meaning))
    if found is not None:
        members.take(meaning)
    return found


def _comment(found: dict[str, Any], value: str) -> None:
    found.setdefault("body", []).append({"purpose": _PURPOSE, "value": value})


def _is_attribute(value: object) -> bool:
    items = value if isinstance(value, list) else [value]
    return not any(isinstance(item, list | dict) for item in items)
