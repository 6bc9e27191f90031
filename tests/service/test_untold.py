"""What is not durable is told to nobody: neither shown, nor counted, nor the reason of a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from service.collecting import Register
from service.commands import (
    Actor,
    Authenticate,
    Command,
    Create,
    CredentialOf,
    Delete,
    Get,
    IdempotencyKey,
    List,
    LogIn,
    LogOut,
    SetMember,
    SetPassword,
    Update,
)
from service.contents import StoreContent
from service.errors import DomainError, GoneError
from service.kinds.document import Content, DocumentDraft
from service.kinds.marks import AnnotationDraft
from service.kinds.project import ProjectDraft
from service.logins import LockLogin, Locks
from tests.service.test_engine import Service
from wal.errors import OutcomeUnknownError, PoisonedError

ADA = "ada@example.org"
CONTENT = Content(media_type="a/b", size=1, sha256="0" * 64)


class World:
    """A service with a user, a document and an annotation, all durable; then the disk's syncs fail."""

    def __init__(self) -> None:
        self.service = Service()

    async def make(self) -> World:
        """Make it."""
        await self.service.open()
        self.ada = await self.service.user(ADA)
        self.document = await self.service.document(self.ada)
        self.mark = await self.service.annotation(self.ada, self.document, start=0, end=5)
        self.bob = await self.service.user("bob@example.org")
        self.project = self.service.ids.new("proj")
        self.shared = self.service.ids.new("doc")
        for kind, key, draft in (
            ("project", self.project, ProjectDraft(name="p")),
            ("document", self.shared, DocumentDraft(title="shared", project_id=self.project)),
        ):
            made = Create(actor=self.ada, operation="t", kind=kind, new_id=key, draft=draft)
            await self.service.engine.submit(made)
        credential = await self.service.engine.credential(CredentialOf(actor=None, email=ADA))
        assert credential is not None
        self.generation = credential.generation
        self.login = LogIn(
            actor=None,
            operation="t",
            user_id=self.ada.user_id or "",
            credential_generation=self.generation,
            session_id="sess_2",
            token_hash="second",
            lifetime_us=10**12,
            sessions_max=9,
        )
        self.create = Create(
            actor=self.ada,
            operation="t",
            kind="document",
            new_id=self.service.ids.new("doc"),
            draft=DocumentDraft(title="new"),
            idempotency=IdempotencyKey(id="k", fingerprint="f"),
        )
        self.new_mark = Create(
            actor=self.ada,
            operation="t",
            kind="annotation",
            new_id=self.service.ids.new("ann"),
            draft=AnnotationDraft(document_id=self.document),
        )
        self.storing = StoreContent(actor=self.ada, operation="t", id=self.document, content=CONTENT)
        return self

    async def get(self, kind: str, key: str, actor: Actor | None = None) -> object:
        """Read an entity."""
        return await self.service.engine.get(Get(actor=actor or self.ada, kind=kind, id=key))

    def deletion(self, kind: str, key: str) -> Delete:
        """Return the command."""
        return Delete(actor=self.ada, operation="t", kind=kind, id=key)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Return one."""
    world = await World().make()
    yield world
    await world.service.log.close()


def update(world: World) -> Update:
    """Return a change of the document."""
    return Update(actor=world.ada, operation="t", kind="document", id=world.document, patch={"title": "other"})


def password(world: World) -> SetPassword:
    """Return a change of the password."""
    return SetPassword(
        actor=world.ada,
        operation="t",
        user_id=world.ada.user_id or "",
        password_hash="other",
        credential_generation=world.generation,
    )


def token(text: str) -> Authenticate:
    """Ask for a token's owner."""
    return Authenticate(actor=None, token_hash=text)


Ask = Callable[[World], Awaitable[object]]
CASES: dict[str, tuple[Callable[[World], Command], Ask]] = {
    "a new entity, by GET": (lambda w: w.create, lambda w: w.get("document", w.create.new_id)),
    "a new entity, in a list": (
        lambda w: w.create,
        lambda w: w.service.engine.page(List(actor=w.ada, kind="document", filters={})),
    ),
    "a new entity, in an empty list of others": (
        lambda w: w.create,
        lambda w: w.service.engine.page(List(actor=w.ada, kind="annotation", filters={"label": ("none",)})),
    ),
    "a new version": (update, lambda w: w.get("document", w.document)),
    "a content": (
        lambda w: w.storing,
        lambda w: w.service.engine.get(Get(actor=w.ada, kind="document", id=w.document, bare=True)),
    ),
    "404 of a content that is foreseen": (
        lambda w: w.deletion("document", w.document),
        lambda w: w.service.engine.foresee(w.storing),
    ),
    "blobs that are known": (
        lambda w: w.storing,
        lambda w: Register(w.service.state, w.service.engine, 9).page(None),
    ),
    "blobs that are unknown": (
        lambda w: w.storing,
        lambda w: Register(w.service.state, w.service.engine, 9).unknown(["x"]),
    ),
    "a mark, by the document that lets it be seen": (update, lambda w: w.get("annotation", w.mark)),
    "a document, by the session that lets it be seen": (
        lambda w: w.login,
        lambda w: w.get("document", w.document, Actor(w.ada.user_id, "sess_2")),
    ),
    "a document, by the membership that lets it be seen": (
        lambda w: SetMember(actor=w.ada, operation="t", id=w.project, user_id=w.bob.user_id or "", role="viewer"),
        lambda w: w.get("document", w.shared, w.bob),
    ),
    "404 or 410 of what was just deleted": (
        lambda w: w.deletion("annotation", w.mark),
        lambda w: w.get("annotation", w.mark),
    ),
    "410 of a change to what was just deleted": (
        lambda w: w.deletion("annotation", w.mark),
        lambda w: w.service.engine.submit(w.deletion("annotation", w.mark)),
    ),
    "404 of a mark of what was just deleted": (
        lambda w: w.deletion("document", w.document),
        lambda w: w.service.engine.submit(w.new_mark),
    ),
    "401 after a logout": (
        lambda w: LogOut(actor=w.ada, operation="t"),
        lambda w: w.service.engine.authenticate(token(f"token of {ADA}")),
    ),
    "401 of a session that was just ended": (
        lambda w: LogOut(actor=w.ada, operation="t"),
        lambda w: w.get("document", w.document),
    ),
    "a password that was just changed": (
        password,
        lambda w: w.service.engine.credential(CredentialOf(actor=None, email=ADA)),
    ),
    "429 of an account that was just locked": (
        lambda _: LockLogin(actor=None, operation="t", lock_id="a", account="a", lifetime_us=10**12, locks_max=9),
        lambda w: w.service.engine.locked_us(Locks(actor=None, ids=("a",))),
    ),
    "a retry's answer": (lambda w: w.create, lambda w: w.service.engine.submit(w.create)),
}


@pytest.mark.parametrize(("change", "ask"), CASES.values(), ids=CASES.keys())
async def test_what_is_not_durable_is_told_to_nobody(
    world: World, change: Callable[[World], Command], ask: Ask
) -> None:
    """The log is poisoned while it is asked for: the outcome is unknown, and nothing else is said."""
    world.service.disk.failing["sync"] = 5
    changing = asyncio.create_task(world.service.engine.submit(change(world)))
    await asyncio.sleep(0)
    with pytest.raises(OutcomeUnknownError):
        await ask(world)
    with pytest.raises(OutcomeUnknownError):
        await changing


@pytest.mark.parametrize(("change", "ask"), CASES.values(), ids=CASES.keys())
async def test_what_is_durable_is_told(world: World, change: Callable[[World], Command], ask: Ask) -> None:
    """The same questions are answered, or refused with their own reason, on a disk that works."""
    await world.service.engine.submit(change(world))
    told: object
    try:
        told = await ask(world)
    except DomainError as refusal:
        # Which one it is, is tested elsewhere.
        told = refusal
    assert told is not None


async def test_a_log_that_takes_no_more_refuses_before_it_decides(world: World) -> None:
    """Whether the command is right is not looked at."""
    await world.service.engine.submit(world.deletion("annotation", world.mark))
    with pytest.raises(GoneError):
        await world.service.engine.submit(world.deletion("annotation", world.mark))
    world.service.disk.failing["sync"] = 5
    with pytest.raises(OutcomeUnknownError):
        await world.service.engine.submit(world.create)
    with pytest.raises(PoisonedError):
        await world.service.engine.submit(world.deletion("annotation", world.mark))


async def test_times_of_entities_do_not_go_back_when_the_clock_does(world: World) -> None:
    """Neither in this process nor after a crash."""
    made = []
    for _ in range(2):
        world.service.now -= 3_600_000_000
        made.append(await world.service.create(world.ada, "document", DocumentDraft()))
        await world.service.crash()
    before = await world.service.get(world.ada, "document", world.document)
    assert before["created_at"] <= made[0]["created_at"] <= made[1]["created_at"]
