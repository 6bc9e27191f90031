"""What the people of a crew did and what they were told. Besides what every request has, theirs tell who and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from service.drill.history import Answer, Effect, Operation, Shown, effect_of
from service.drill.reading import digest

LISTS = ("list", "survey")
_READS = ("get", "list", "survey")


class Seen(Shown, frozen=True, kw_only=True, omit_defaults=True, gc=True):
    """Something as an answer showed it.

    Attributes:
        members: Of its JSON; empty where the answer tells no more than id and version.
    """

    members: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Deed(Operation, kw_only=True, omit_defaults=True):
    """A request of somebody of a crew.

    Attributes:
        project: In which.
        sent: The body.
    """

    project: str = ""
    sent: Mapping[str, Any] = msgspec.field(default_factory=dict)

    @property
    def is_read(self) -> bool:
        """It changes nothing."""
        return self.action in _READS

    @property
    def span(self) -> tuple[float, float]:
        """When it was sent, and when it was answered at first."""
        return self.invoked, self.invoked if self.answer is None else self.answer.at


def seen_in(deed: Deed) -> tuple[Seen, ...]:
    """Return what the answer to a request showed first, also that to a retry if it was the first one."""
    effect = deed.answer if deed.is_acknowledged else None
    if effect is None and deed.is_unknown and deed.resolution is not None:
        effect = deed.resolution.answer
    if effect is None or not effect.is_success:
        return ()
    return seen_of(effect)


def seen_of(answer: Answer) -> tuple[Seen, ...]:
    """Return what an answer shows."""
    return tuple(one for one in answer.shown if isinstance(one, Seen))


def done(deed: Deed) -> Effect | None:
    """Return when a mutation was carried out, None if it was not, or nobody knows."""
    return effect_of(deed)


def shown_labels(seen: Seen) -> list[str]:
    """Return the names of a project's labels."""
    return [one["name"] for one in seen.members["labels"]]


def reading(operation: Operation, at: float, status: int, body: bytes, *, replayed: bool) -> Answer:
    """Return what an answer that is no refusal says to a crew.

    Args:
        operation: That was answered.
        at: When.
        status: Of HTTP.
        body: As it came.
        replayed: As the server said.

    Raises:
        msgspec.DecodeError: The body is no JSON, or no object.
    """
    answer = Answer(at=at, status=status, replayed=replayed, body=digest(body))
    if not body:
        return answer
    members = msgspec.json.decode(body, type=dict[str, Any])
    if operation.action in LISTS and "items" in members:
        after = members.get("next")
        return msgspec.structs.replace(
            answer,
            shown=tuple(map(entity, members["items"])),
            total=members.get("total"),
            complete=after is None,
            cursor=after or "",
        )
    return msgspec.structs.replace(answer, shown=tuple(_parts(operation.collection, members)))


def entity(members: dict[str, Any]) -> Seen:
    """Return what an entity's JSON says; a document's text is left out, for lists have it not."""
    is_document = "owner_id" in members
    kept = {name: value for name, value in members.items() if not (is_document and name == "text")}
    version = kept.get("version", 0)
    return Seen(
        id=kept.get("id", ""),
        version=version,
        stamp=stamp_of(kept),
        label=kept.get("label") or "",
        document_id=kept.get("document_id", ""),
        digest=digest(msgspec.json.encode(kept)) if version else "",
        members=kept,
    )


def stamp_of(members: dict[str, Any]) -> str:
    """Return the value that tells which request made a version of a document or mark."""
    title = members.get("title") or (members.get("attributes") or {}).get("stamp")
    return str(title or "")


def _parts(collection: str, members: dict[str, Any]) -> Iterator[Seen]:
    """Yield the entities that an answer is made of."""
    if collection == "adjudication":
        yield entity(members["document"])
        yield from map(entity, members["decided"])
    elif collection == "transactions":
        for one in members["results"]:
            yield Seen(id=one["id"], version=one["version"], stamp="")
    elif collection == "comparison":
        for item in members["items"]:
            yield from map(entity, item["annotations"])
    else:
        yield entity(members)
