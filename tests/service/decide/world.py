"""Decisions over a state in memory: what is decided is applied at once, and nothing is stored."""

from __future__ import annotations

from typing import Any

import msgspec

from service.clock import format_time
from service.commands import (
    Actor,
    Command,
    Conditions,
    Create,
    Delete,
    LogIn,
    Outcome,
    Register,
    Replace,
    SetMember,
    Update,
)
from service.decide import decide
from service.decide.decision import Context
from service.ids import IdSource
from service.kinds import KINDS
from service.kinds.account import ApiKeyDraft, Scope, UserDraft
from service.kinds.assignment import AssignmentDraft
from service.kinds.document import DocumentDraft
from service.kinds.marks import AnnotationDraft, ExtractionDraft
from service.kinds.project import ProjectDraft
from service.logins import MakeKey
from service.settings import load
from service.state.state import State
from service.state.table import Table
from wal import digest
from wal.change import Change

DRAFTS: dict[str, Any] = {
    "document": DocumentDraft,
    "annotation": AnnotationDraft,
    "extraction": ExtractionDraft,
    "user": UserDraft,
    "project": ProjectDraft,
    "assignment": AssignmentDraft,
}
PREFIXES = {kind.name: kind.prefix for kind in KINDS}
TEXT = "Marie Curie met Albert Einstein."
HOUR_US = 3_600_000_000


class World:
    """A state with short ways to change it.

    Attributes:
        records: The changes of each record, the first of sequence 1.
    """

    def __init__(self) -> None:
        self.state = State(KINDS)
        self.now = 1_700_000_000_000_000
        self.ids = IdSource(lambda: self.now)
        self.limits = load().limits
        self.records: list[list[Change]] = []

    def do(self, command: Command) -> Outcome:
        """Decide and apply a command."""
        self.now += 1
        decision = decide(Context(self.state, self.now, self.limits), command)
        if decision.changes:
            self.records.append(decision.changes)
            self.state.apply(len(self.records), self.now, decision.changes)
        return decision.outcome

    def register(self, email: str, actor: Actor | None = None, **more: Any) -> Outcome:
        """Register a user; `role` and `disabled` go into the draft."""
        names = more.keys() & {"role", "disabled"}
        draft = UserDraft(email=email, **{name: more.pop(name) for name in names})
        members = {"loopback": True, "open": True, "password_hash": "hash", **more}
        return self.do(Register(actor=actor, operation="t", new_id=self.ids.new("user"), draft=draft, **members))

    def log_in(self, user_id: str, **more: Any) -> Actor:
        """Open a session for an hour."""
        members = {
            "credential_generation": self.state.tables["credential"].row(user_id).generation,
            "session_id": self.ids.new("sess"),
            "lifetime_us": HOUR_US,
            "sessions_max": 100,
            **more,
        }
        members.setdefault("token_hash", f"token of {members['session_id']}")
        self.do(LogIn(actor=None, operation="t", user_id=user_id, **members))
        return Actor(user_id=user_id, session_id=members["session_id"])

    def user(self, email: str) -> Actor:
        """Register and log in."""
        return self.log_in(self.register(email).id)

    def api_key(self, actor: Actor, *scopes: Scope) -> Actor:
        """Make an API key of a user, and return who asks by it."""
        key_id = self.ids.new("key")
        members: dict[str, Any] = {
            "lifetime_max_us": 2 * HOUR_US,
            "keys_max": 100,
            "token_hash": key_id,
            "token_end": "end",
        }
        draft = ApiKeyDraft(name="k", scopes=scopes, expires_at=format_time(self.now + HOUR_US))
        self.do(MakeKey(actor=actor, operation="t", key_id=key_id, draft=draft, **members))
        return Actor(user_id=actor.user_id, session_id=None, key_id=key_id)

    def create(self, actor: Actor | None, kind: str, **members: Any) -> dict[str, Any]:
        """Create an entity and return its JSON."""
        draft = msgspec.convert(members, DRAFTS[kind])
        new_id = self.ids.new(PREFIXES[kind])
        return body(self.do(Create(actor=actor, operation="t", kind=kind, new_id=new_id, draft=draft)))

    def document(self, actor: Actor, text: str | None = TEXT) -> str:
        """Create a document and return its id."""
        return str(self.create(actor, "document", title="t", text=text)["id"])

    def project(self, owner: Actor, members: dict[str, str], **more: Any) -> str:
        """Create a project with members, by their ids, and return its id."""
        key = str(self.create(owner, "project", name="Letters", **more)["id"])
        for user_id, role in members.items():
            self.do(SetMember(actor=owner, operation="t", id=key, user_id=user_id, role=role))
        return key

    def annotation(self, actor: Actor, document_id: str, **members: Any) -> str:
        """Create an annotation and return its id."""
        return str(self.create(actor, "annotation", document_id=document_id, **members)["id"])

    def extraction(self, actor: Actor, document_id: str, **members: Any) -> str:
        """Create an extraction of a span and return its id."""
        span = {"document_id": document_id, "start": 0, "end": 5, "source": {"name": "m"}}
        return str(self.create(actor, "extraction", **span, **members)["id"])

    def update(self, actor: Actor | None, kind: str, key: str, patch: Any, **conditions: Any) -> dict[str, Any]:
        """Patch an entity and return its JSON."""
        conditional = Conditions(**conditions)
        return body(self.do(Update(actor=actor, operation="t", kind=kind, id=key, patch=patch, conditions=conditional)))

    def put(self, actor: Actor, kind: str, key: str, members: Any, **conditions: Any) -> Outcome:
        """Replace or create an entity."""
        draft = msgspec.convert(members, DRAFTS[kind]) if isinstance(members, dict) else members
        conditional = Conditions(**conditions)
        return self.do(Replace(actor=actor, operation="t", kind=kind, id=key, draft=draft, conditions=conditional))

    def delete(self, actor: Actor | None, kind: str, key: str, *, cascade: bool = False, **conditions: Any) -> Outcome:
        """Delete an entity."""
        conditional = Conditions(**conditions)
        return self.do(Delete(actor=actor, operation="t", kind=kind, id=key, cascade=cascade, conditions=conditional))

    def value(self, kind: str, key: str) -> dict[str, Any]:
        """Return an entity as it is stored."""
        return dict(msgspec.json.decode(self.state.tables[kind].value(key) or b"{}"))

    def text(self, document_id: str) -> str | None:
        """Return a document's text."""
        return self.state.text(document_id)


def body(outcome: Outcome) -> dict[str, Any]:
    """Return the JSON of an answer."""
    return dict(msgspec.json.decode(outcome.body))


def listing(table: Table) -> list[bytes]:
    """Return all values in the order of lists."""
    return [value for _, value in table.walk(table.select({}), None)]


def assert_same(one: State, other: State) -> None:
    """Make sure that two states hold the same and find the same."""
    assert one.digest == other.digest
    assert dict(one.counts) == dict(other.counts)
    for name, table in one.tables.items():
        assert listing(table) == listing(other.tables[name]), name
        assert table.look_ups() == other.tables[name].look_ups(), name


def rebuild(state: State) -> State:
    """Return a state of what is there alone, in the order in which it was created."""
    rebuilt = State(KINDS)
    sequence = 0
    for name, table in state.tables.items():
        for key, value in table.items():
            sequence += 1
            rebuilt.tables[name].put(key, value, sequence, sequence)
            rebuilt._digest = digest.add(rebuilt._digest, digest.entity_hash(name, key, value))
    return rebuilt
