"""Annolog: as it is, storing nothing, and storing nothing but with one sync a request."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
import uuid
from typing import ClassVar

from bench.peers.side import CREATE, GET, LIST, MARK, PAGE, Ask, Side
from bench.scale.dataset import TOKEN, make_directory
from service.load.connection import Address
from service.load.requests import Encoder

ENTITIES = 100_000
_TEXT = "Marie Curie met Albert Einstein in Geneva. " * 20
_PORT = re.compile(r"^(\d+)$", re.MULTILINE)


class Annolog(Side):
    """The real application over its log."""

    name: ClassVar[str] = "annolog"
    durability: ClassVar[str] = "each answer after fdatasync of its record (group commit)"
    side: ClassVar[str] = "durable"
    token = ""

    async def start(self) -> None:
        """Start it with a user, a document and a page of annotations."""
        await self.start_process()
        account = {"email": f"{uuid.uuid4().hex}@example.org", "password": "correct horse battery"}
        await self.ask(self.encoder.post("/v1/users", account), 201)
        self.token = (await self.ask(self.encoder.post("/v1/sessions", account), 201))["token"]
        await self.fill()

    async def start_process(self) -> None:
        """Start it, and find out where it listens."""
        stores = [] if self.side == "memory" else [str(self.folder / "data")]
        # Its standard input stays open: it ends when that does.
        self.run([sys.executable, "-m", "bench.side", self.side, *stores], stdin=subprocess.PIPE)
        begin = time.monotonic()
        while (found := _PORT.search(self.said())) is None:
            if time.monotonic() - begin > 60:
                raise RuntimeError(f"{self.name} did not start: {self.said()}")
            await asyncio.sleep(0.02)
        self.address = Address("127.0.0.1", int(found[1]))

    async def fill(self) -> None:
        """Make what the requests need."""
        document = await self.ask(self.encoder.post("/v1/documents", {"title": "Letter", "text": _TEXT}), 201)
        create = self.encoder.post("/v1/annotations", {"document_id": document["id"], **MARK})
        made = [await self.ask(create, 201) for _ in range(PAGE + 10)]
        get = self.encoder.get(f"/v1/annotations/{made[0]['id']}")
        page = self.encoder.get(f"/v1/annotations?document_id={document['id']}&limit={PAGE}")
        self.asks = {CREATE: Ask(lambda: create, 201), GET: Ask(lambda: get, 200), LIST: Ask(lambda: page, 200)}

    @property
    def encoder(self) -> Encoder:
        """Makes its requests, with its token."""
        return Encoder(self.address, self.token)


class Memory(Annolog):
    """The same application without a log."""

    name: ClassVar[str] = "annolog, storing nothing"
    durability: ClassVar[str] = "none"
    side: ClassVar[str] = "memory"


class OneSync(Annolog):
    """The same application without a log, with one write and fdatasync a request."""

    name: ClassVar[str] = "annolog, storing nothing, and one fdatasync"
    durability: ClassVar[str] = "none; a write of 512 bytes and fdatasync of a preallocated file a request"
    side: ClassVar[str] = "one-sync"


class Filled(Annolog):
    """The real application with a hundred thousand annotations in it."""

    name: ClassVar[str] = f"annolog, {ENTITIES:,} annotations"

    async def start(self) -> None:
        """Make the directory, and start over it."""
        await asyncio.to_thread(make_directory, self.folder / "data", ENTITIES, snapshot=True)
        await self.start_process()
        self.token = TOKEN
        await self.fill()
