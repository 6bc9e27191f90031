"""What a handler is given besides the request: the services that it asks, and who calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from aiohttp import web

from service.assigning import DocumentProgress, Progress
from service.blobs import Blobs
from service.commands import (
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
from service.http.attempts import Attempts
from service.http.endpoint import Endpoint
from service.http.failures import NotReadyError, StoppingError
from service.http.tokens import SetupToken
from service.ids import IdSource
from service.logins import Administers, Keys, Locks, OpenKey
from service.operations import Chunk
from service.passwords import Passwords
from service.reviews import Agree, Compare
from service.settings import Settings


class Engine(Protocol):
    """All that HTTP asks of the engine. Every method raises domain errors and errors of the log."""

    async def submit(self, command: Command) -> Outcome:
        """Carry a command out; returns when the outcome is durable."""
        ...

    async def foresee(self, command: Command) -> None:
        """Refuse a command that would be refused now, before its body has arrived."""
        ...

    async def get(self, query: Get) -> Entity:
        """Return an entity; like the rest below, once all that the answer tells is durable."""
        ...

    async def page(self, query: List) -> Page:
        """Return a page of a list."""
        ...

    async def compare(self, query: Compare) -> bytes:
        """Return what annotators have put on a document, side by side, as JSON."""
        ...

    async def agree(self, query: Agree) -> bytes:
        """Return how far the annotators of a project agree, as JSON."""
        ...

    async def progress(self, query: Progress) -> bytes:
        """Return how far a project is, as JSON."""
        ...

    async def document_progress(self, query: DocumentProgress) -> Page:
        """Return how far the documents of a page are."""
        ...

    async def export(self, query: OpenExport | ResumeExport) -> Stream:
        """Begin or resume an export."""
        ...

    async def dangling(self, query: Dangling) -> list[str]:
        """Return which annotations are pointed to and are not there."""
        ...

    async def chunk(self, query: Chunk) -> int | None:
        """Return how many lines of a bulk load were answered under an idempotency key, None if none were."""
        ...

    async def settled(self) -> None:
        """Return once everything that was applied is durable."""
        ...

    async def authenticate(self, query: Authenticate) -> Actor:
        """Return whose token it is."""
        ...

    async def sessions(self, query: Sessions) -> list[OpenSession]:
        """Return the actor's sessions."""
        ...

    async def keys(self, query: Keys) -> list[OpenKey]:
        """Return the actor's API keys."""
        ...

    async def administers(self, query: Administers) -> bool:
        """Tell if the actor asks as an administrator."""
        ...

    async def locked_us(self, query: Locks) -> int:
        """Return for how many microseconds one of some locks of logins lasts, 0 if none does."""
        ...

    async def credential(self, query: CredentialOf) -> Credential | None:
        """Return the stored hash of a password, None for an unknown user."""
        ...


class Gate:
    """Lets requests in once the engine is open, and none once the server stops."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._stopping = False
        self._awaiting: set[asyncio.Timeout] = set()

    def open(self, engine: Engine) -> None:
        """Let requests in; they are answered by this engine."""
        self._engine = engine

    def stop(self) -> None:
        """Refuse requests from now on, also those whose body has not arrived; what is under way goes on."""
        self._stopping = True
        for deadline in self._awaiting:
            deadline.reschedule(asyncio.get_running_loop().time())

    @contextmanager
    def awaiting(self, deadline: asyncio.Timeout) -> Iterator[None]:
        """Bring a deadline forward should the server stop meanwhile: nobody waits for slow clients then."""
        self._awaiting.add(deadline)
        try:
            yield
        finally:
            self._awaiting.discard(deadline)

    def enter(self) -> Engine:
        """Return the engine for one request.

        Raises:
            StoppingError: The server is shutting down.
            NotReadyError: The log is being replayed.
        """
        if self._stopping:
            raise StoppingError("The server is shutting down and takes no new requests.")
        if self._engine is None:
            raise NotReadyError("The server is replaying its log. Try again when /readyz says that it is ready.")
        return self._engine


@dataclass(frozen=True, kw_only=True)
class Services:
    """What requests are answered with, made once at the start.

    Attributes:
        gate: To the engine.
        settings: In force.
        passwords: Hashes and verifies off the loop.
        ids: Of new entities.
        now: Gives microseconds since 1970 UTC.
        registration_open: Anybody may register.
        status: Tells what administrators may know of the process and its log, as a JSON object.
        compact: Asks for a snapshot.
        attempts: Failed logins, which are limited.
        setup: The token of the first administrator, where registration is closed.
        blobs: The contents of documents.
        in_flight: Idempotency keys of requests that are not answered yet.
    """

    gate: Gate
    settings: Settings
    passwords: Passwords
    ids: IdSource
    now: Callable[[], int]
    registration_open: bool
    status: Callable[[], dict[str, Any]]
    compact: Callable[[], None]
    attempts: Attempts
    setup: SetupToken
    blobs: Blobs
    in_flight: set[str] = field(default_factory=set)


class Call(msgspec.Struct):
    """One request on its way.

    Attributes:
        services: What answers it.
        engine: Of this request.
        endpoint: That was asked for.
        operation: The request's id.
        actor: Who asks, None where nobody needs to be logged in.
    """

    services: Services
    engine: Engine
    endpoint: Endpoint
    operation: str
    actor: Actor | None


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
CALL: web.RequestKey[Call] = web.RequestKey("call", Call)
