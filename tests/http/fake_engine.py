"""An engine that knows one user and fails as it is told: for what HTTP does around the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from service.assigning import DocumentProgress, Progress
from service.commands import (
    LOCAL_ADMIN,
    Actor,
    Authenticate,
    Command,
    Credential,
    CredentialOf,
    Entity,
    Get,
    List,
    OpenSession,
    Outcome,
    Page,
    Sessions,
)
from service.exports import Dangling, OpenExport, ResumeExport, Stream
from service.logins import Administers, Keys, Locks, OpenKey
from service.operations import Chunk
from service.reviews import Agree, Compare

ACTOR = Actor(user_id="user_1", session_id="sess_1")
ENTITY = Entity("doc_1", 3, b'{"id":"doc_1","version":3}')


class FakeEngine:
    """Answers the same to all.

    Args:
        error: Raised by every mutation and every read of an entity.

    Attributes:
        commands: What was submitted.
        queries: What was asked.
        hold: Mutations wait until it is set.
        outcome: Of every mutation.
        page_answer: To every list.
        stream: To every export.
    """

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.commands: list[Command] = []
        self.queries: list[Get | List] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.outcome = Outcome(status=201, kind="document", id="doc_1", version=1, body=b"{}")
        self.page_answer = Page([b"{}"], None)
        self.stream = Stream("export_1", 1, 0, _ended())

    async def submit(self, command: Command) -> Outcome:
        """Note a command."""
        self.commands.append(command)
        await self.hold.wait()
        if self.error is not None:
            raise self.error
        return self.outcome

    async def foresee(self, command: Command) -> None:
        """Foresee no refusal."""

    async def get(self, query: Get) -> Entity:
        """Answer with the one entity."""
        self.queries.append(query)
        if self.error is not None:
            raise self.error
        return ENTITY

    async def page(self, query: List) -> Page:
        """Answer with the one page."""
        self.queries.append(query)
        return self.page_answer

    async def sessions(self, _query: Sessions) -> list[OpenSession]:
        """Answer with none."""
        return []

    async def keys(self, _query: Keys) -> list[OpenKey]:
        """Answer with none."""
        return []

    async def administers(self, query: Administers) -> bool:
        """Only who can open the control socket does."""
        return query.actor == LOCAL_ADMIN

    async def compare(self, _query: Compare) -> bytes:
        """Answer with nothing."""
        return b"{}"

    async def agree(self, _query: Agree) -> bytes:
        """Answer with nothing."""
        return b"{}"

    async def progress(self, _query: Progress) -> bytes:
        """Answer with nothing."""
        return b"{}"

    async def document_progress(self, _query: DocumentProgress) -> Page:
        """Answer with the one page."""
        return self.page_answer

    async def export(self, _query: OpenExport | ResumeExport) -> Stream:
        """Answer with the one stream."""
        return self.stream

    async def dangling(self, _query: Dangling) -> list[str]:
        """Nothing is missing."""
        return []

    async def chunk(self, _query: Chunk) -> int | None:
        """Nothing was answered before."""
        return None

    async def settled(self) -> None:
        """Nothing is ever under way."""

    async def authenticate(self, _query: Authenticate) -> Actor:
        """Every token is right."""
        return ACTOR

    async def locked_us(self, _query: Locks) -> int:
        """Nothing is locked."""
        return 0

    async def credential(self, _query: CredentialOf) -> Credential | None:
        """Nobody has a password."""
        return None


async def _ended() -> AsyncGenerator[bytes, None]:
    """Yield the line that ends an export."""
    yield b'{"done":true,"lines":0,"sequence":1}\n'
