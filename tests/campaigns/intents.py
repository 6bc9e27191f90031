"""What somebody wants, drawn by hypothesis, and the command that it comes to with what is there then."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from service.commands import Actor, Command, Conditions, Create, Delete, IdempotencyKey, Replace, Update
from service.ids import IdSource
from service.kinds.document import DocumentDraft
from service.kinds.marks import AnnotationDraft
from tests.campaigns.expected import Expected

TEXT = "Marie Curie met Albert Einstein."
_LABELS = ("person", "place", "date")
_VERBS = ("create", "create", *("annotate",) * 4, "update", "update", "replace", "again", "delete")


class Intent(NamedTuple):
    """What somebody wants, in numbers that are taken for what is there then."""

    verb: str
    user: int
    pick: int
    other: int
    label: str
    condition: str
    key: str
    cascade: bool


INTENTS = st.builds(
    Intent,
    verb=st.sampled_from(_VERBS),
    user=st.sampled_from((0,) * 7 + (1,)),
    pick=st.integers(0, 40),
    other=st.integers(0, 40),
    label=st.sampled_from(_LABELS),
    condition=st.sampled_from(("none",) * 6 + ("current", "current", "any", "stale", "new")),
    key=st.sampled_from(("none", "none", "new", "new", "new", "old")),
    cascade=st.booleans(),
)


def command_of(intent: Intent, actor: Actor, expected: Expected, ids: IdSource, keys_used: int) -> Command | None:
    """Return the command that an intent comes to, None if there is nothing for it.

    Args:
        intent: What is wanted.
        actor: Who wants it.
        expected: What is there.
        ids: Of new entities.
        keys_used: How many idempotency keys there have been.
    """
    command = _creating(intent, actor, expected, ids)
    if command is None:
        key = _chosen(intent, expected)
        command = None if key is None else _changing(intent, actor, expected, key)
    return None if command is None else _keyed(intent, command, keys_used)


def _creating(intent: Intent, actor: Actor, expected: Expected, ids: IdSource) -> Command | None:
    documents = expected.ids("document")
    if intent.verb == "create" or (intent.verb == "annotate" and not documents):
        return Create(actor=actor, operation="t", kind="document", new_id=ids.new("doc"), draft=_document(intent))
    if intent.verb != "annotate":
        return None
    draft = _annotation(intent, expected, documents[intent.pick % len(documents)])
    return Create(actor=actor, operation="t", kind="annotation", new_id=ids.new("ann"), draft=draft)


def _document(intent: Intent) -> DocumentDraft:
    return DocumentDraft(title=intent.label, text=TEXT if intent.cascade else None)


def _annotation(intent: Intent, expected: Expected, document: str) -> AnnotationDraft:
    members: dict[str, Any] = {"document_id": document, "label": intent.label}
    marks = expected.ids("annotation")
    if marks and intent.cascade:
        target = marks[intent.other % len(marks)]
        members["arguments"] = [{"role": role, "target": target} for role in "ab"]
    elif expected.entities[document].members["text"] is not None:
        members |= {"start": intent.other % 10, "end": 12}
    return msgspec.convert(members, AnnotationDraft)


def _chosen(intent: Intent, expected: Expected) -> str | None:
    """Return the id of what is changed: of what is there, or was, or for ``again`` of a document that was."""
    gone = list(expected.deleted)
    if intent.verb == "again":
        keys = [key for key in gone if key.startswith("doc")]
    else:
        keys = [*expected.ids("document"), *expected.ids("annotation"), *gone]
    return keys[intent.pick % len(keys)] if keys else None


def _changing(intent: Intent, actor: Actor, expected: Expected, key: str) -> Command:
    held = expected.entities.get(key)
    kind = "document" if key.startswith("doc") else "annotation"
    members: dict[str, Any] = {"actor": actor, "operation": "t", "kind": kind, "id": key}
    conditions = {
        "none": Conditions(),
        "current": Conditions(if_match=(held.version if held else 1,)),
        "stale": Conditions(if_match=(99,)),
        "any": Conditions(if_match=()),
        "new": Conditions(create_only=True),
    }[intent.condition]
    if intent.verb == "delete":
        return Delete(**members, cascade=intent.cascade, conditions=conditions)
    if kind == "annotation" or intent.verb == "update":
        patch = {"label": intent.label} if kind == "annotation" else {"title": intent.label}
        return Update(**members, patch=patch, conditions=conditions)
    return Replace(**members, draft=_document(intent), conditions=conditions)


def _keyed(intent: Intent, command: Command, keys_used: int) -> Command:
    if intent.key == "none":
        return command
    number = intent.pick % (keys_used + 1) if intent.key == "old" else keys_used
    # As the handlers have it: everything but what the server makes up.
    said = repr((type(command).__name__, intent[:-2] if isinstance(command, Create) else command))
    key = IdempotencyKey(id=f"{intent.user}/{number}", fingerprint=said)
    return msgspec.structs.replace(command, idempotency=key)
