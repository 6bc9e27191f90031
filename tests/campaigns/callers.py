"""People who ask a server that is killed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.harness import PASSWORD, Process

_RETRY_SECONDS = 0.02


@dataclass(frozen=True)
class Answer:
    """What the server said.

    Attributes:
        status: Of HTTP.
        value: The body, None if there was none.
        etag: The entity tag.
        replayed: It was given before, under the same idempotency key.
    """

    status: int
    value: Any
    etag: str = ""
    replayed: bool = False


class Callers:
    """Clients of one server.

    Args:
        server: The process.
        session: For all requests.

    Attributes:
        retries: Requests that had no answer.
    """

    def __init__(self, server: Process, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session
        self.retries = 0

    async def attempt(
        self, method: str, path: str, token: str, value: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer | None:
        """Send a request once; None: there was no answer, and it may have been carried out or not."""
        own = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self.server.url}{path}"
        try:
            async with self.session.request(method, url, json=value, headers={**own, **(headers or {})}) as answer:
                if answer.status != 503:
                    said = await answer.json(content_type=None) if answer.status != 204 else None
                    replayed = answer.headers.get("Idempotency-Replayed") == "true"
                    return Answer(answer.status, said, answer.headers.get("ETag", ""), replayed)
        except (aiohttp.ClientError, ConnectionError):
            pass
        self.retries += 1
        return None

    async def call(
        self, method: str, path: str, token: str, value: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request until it is answered; the server is killed and comes back."""
        while (answer := await self.attempt(method, path, token, value, headers)) is None:
            await self.pause()
        return answer

    async def pause(self) -> None:
        """Wait until it is worth asking again."""
        await asyncio.sleep(_RETRY_SECONDS)

    async def made(self, path: str, token: str, value: dict[str, Any]) -> dict[str, Any]:
        """Create something, which must succeed, and return it."""
        answer = await self.call("POST", path, token, value)
        assert answer.status == 201, answer
        return dict(answer.value)

    async def join(self, name: str) -> tuple[str, str]:
        """Register somebody and log them in; returns the user's id and the token."""
        login = {"email": f"{name}@example.org", "password": PASSWORD}
        user = await self.made("/v1/users", "", login)
        session = await self.made("/v1/sessions", "", login)
        return user["id"], session["token"]
