"""The client that users of Annolog write against."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self
from urllib.parse import quote

import msgspec
from aiohttp import hdrs

from service.client.assignments import Assignments
from service.client.collection import Collection, Readable, decoded
from service.client.documents import Documents
from service.client.edits import AnnotationEdit, DocumentEdit, ExtractionEdit, ProjectEdit, UserEdit
from service.client.exports import Exports
from service.client.operations import BulkResult, Operation, OperationResult, Operations
from service.client.retries import RetryPolicy
from service.client.reviews import Reviews
from service.client.streaming import Source
from service.client.transport import Request, Sleep, Statistics, Transport, new_key
from service.client.types import (
    Annotation,
    AnnotationDraft,
    ApiKey,
    ApiKeys,
    Document,
    Extraction,
    ExtractionDraft,
    MadeApiKey,
    OpenSession,
    OpenSessions,
    Project,
    ProjectDraft,
    Session,
    User,
)

_USERS = "/v1/users"
_SESSIONS = "/v1/sessions"
_API_KEYS = "/v1/api-keys"
_PROJECTS = "/v1/projects"


class Client:
    """A user's way to an Annolog server.

    Every call may raise a `ClientError`: `ProblemError` if the server refuses, `ConnectionLostError` if it did not
    answer at any try, `UnexpectedAnswerError` if something else answers. Connections that are lost, 429 and 503 are
    tried again as the policy says; mutations safely, because their idempotency key stays the same.

    Args:
        url: Of the server, for example ``http://127.0.0.1:8080``.
        token: Of a session or an API key; `login` sets it.
        policy: When to try again.
        timeout_seconds: For each try.
        connections_max: At the same time.
        sleep: Waits between tries; tests pass their own.

    Attributes:
        users: Those that the user may see. They come to be through `register`.
        projects: Those that the user is a member of.
        documents: The user's, and those of their projects.
        extractions: What models found in them.
        annotations: What people say about them.
        assignments: Who has which document to annotate or to review.
        reviews: Comparison, adjudication and agreement.
        exports: Everything that the user may see, or a part, as of one moment.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        policy: RetryPolicy | None = None,
        timeout_seconds: float = 60.0,
        connections_max: int = 64,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._transport = Transport(
            url,
            token=token,
            policy=policy or RetryPolicy(),
            timeout_seconds=timeout_seconds,
            connections_max=connections_max,
            sleep=sleep,
        )
        transport = self._transport
        self.users = Readable[User, UserEdit](transport, _USERS, User, UserEdit)
        self.projects = Collection[ProjectDraft, Project, ProjectEdit](transport, _PROJECTS, Project, ProjectEdit)
        self.documents = Documents(transport, "/v1/documents", Document, DocumentEdit)
        self.extractions = Collection[ExtractionDraft, Extraction, ExtractionEdit](
            transport, "/v1/extractions", Extraction, ExtractionEdit
        )
        self.annotations = Collection[AnnotationDraft, Annotation, AnnotationEdit](
            transport, "/v1/annotations", Annotation, AnnotationEdit
        )
        self.assignments = Assignments(self._transport)
        self.reviews = Reviews(self._transport)
        self.exports = Exports(self._transport)
        self._operations = Operations(self._transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def token(self) -> str | None:
        """Of the session in use."""
        return self._transport.token

    @property
    def statistics(self) -> Statistics:
        """What this client has done so far."""
        return self._transport.statistics

    async def close(self) -> None:
        """Close all connections; the session on the server goes on."""
        await self._transport.close()

    async def register(self, email: str, password: str, *, name: str = "") -> User:
        """Create a user.

        A registration whose connection was lost is not repeated: it carries no idempotency key. If it was carried
        out, `login` works.
        """
        body = {"email": email, "name": name, "password": password}
        return decoded(await self._post(_USERS, body, repeatable=False), User, f"POST {_USERS}")

    async def login(self, email: str, password: str) -> Session:
        """Open a session and use it from now on."""
        answer = await self._post(_SESSIONS, {"email": email, "password": password}, repeatable=True)
        session = decoded(answer, Session, f"POST {_SESSIONS}")
        self._transport.token = session.token
        return session

    async def logout(self) -> None:
        """End the session in use."""
        await self._end(_SESSIONS, "current")
        self._transport.token = None

    async def sessions(self) -> list[OpenSession]:
        """Return the user's sessions that have not ended, the oldest first."""
        return decoded(await self._get(_SESSIONS), OpenSessions, f"GET {_SESSIONS}").items

    async def revoke_session(self, session_id: str) -> None:
        """End one of the user's sessions."""
        await self._end(_SESSIONS, session_id)

    async def make_api_key(self, name: str, scopes: Sequence[str], expires_at: str) -> MadeApiKey:
        """Make an API key; its token is told here alone, and is given to `Client` as that of a session is.

        It is not repeated when the connection is lost: `api_keys` tells if it was made.
        """
        body = {"name": name, "scopes": list(scopes), "expires_at": expires_at}
        return decoded(await self._post(_API_KEYS, body, repeatable=False), MadeApiKey, f"POST {_API_KEYS}")

    async def api_keys(self) -> list[ApiKey]:
        """Return the user's API keys that have not expired, the oldest first."""
        return decoded(await self._get(_API_KEYS), ApiKeys, f"GET {_API_KEYS}").items

    async def revoke_api_key(self, key_id: str) -> None:
        """End one of the user's API keys."""
        await self._end(_API_KEYS, key_id)

    async def me(self) -> User:
        """Return who is logged in."""
        return decoded(await self._get("/v1/me"), User, "GET /v1/me")

    async def set_password(
        self, user_id: str, password: str, *, current_password: str | None = None, keep_api_keys: bool = False
    ) -> None:
        """Set a password; one's own needs the current one. It ends that user's other sessions, and the API keys."""
        body = {"password": password, "current_password": current_password, "keep_api_keys": keep_api_keys}
        path = f"{_USERS}/{user_id}/password"
        request = Request(method=hdrs.METH_PUT, path=path, body=msgspec.json.encode(body), repeatable=False)
        await self._transport.send(request)

    async def set_member(self, project_id: str, user_id: str, role: str) -> Project:
        """Make a user a member of a project, or let them be something else there."""
        path = f"{_PROJECTS}/{quote(project_id, safe='')}/members/{quote(user_id, safe='')}"
        request = Request(
            method=hdrs.METH_PUT, path=path, body=msgspec.json.encode({"role": role}), idempotency_key=new_key()
        )
        return decoded(await self._transport.send(request), Project, f"PUT {path}")

    async def remove_member(self, project_id: str, user_id: str) -> None:
        """Take a user out of a project, or leave it."""
        path = f"{_PROJECTS}/{quote(project_id, safe='')}/members/{quote(user_id, safe='')}"
        await self._transport.send(Request(method=hdrs.METH_DELETE, path=path, idempotency_key=new_key()))

    async def rename_label(self, project_id: str, old: str, new: str) -> Project:
        """Give a label of a project another name, there and in all marks."""
        return await self._change_labels(project_id, "rename", {"from": old, "to": new})

    async def merge_labels(self, project_id: str, old: Sequence[str], into: str) -> Project:
        """Make another label of some, in a project and in all its marks."""
        return await self._change_labels(project_id, "merge", {"from": list(old), "into": into})

    async def transaction(
        self, operations: Sequence[Operation], *, idempotency_key: str | None = None
    ) -> list[OperationResult]:
        """Carry out all operations, or none; see `Operations.transaction`."""
        return await self._operations.transaction(operations, idempotency_key=idempotency_key)

    async def bulk(
        self,
        operations: Source[Operation],
        *,
        on_result: Callable[[OperationResult], None] | None = None,
        tells_all: bool = False,
        idempotency_key: str | None = None,
    ) -> BulkResult:
        """Carry out operations one by one, however many, while they come; see `Operations.bulk`."""
        return await self._operations.bulk(
            operations, on_result=on_result, tells_all=tells_all, idempotency_key=idempotency_key
        )

    async def status(self) -> dict[str, Any]:
        """Return what administrators may know of the server."""
        answer = await self._get("/v1/status")
        return decoded(answer, dict[str, Any], "GET /v1/status")

    async def compact(self) -> dict[str, Any]:
        """Ask for a snapshot, as an administrator; returns the status before it."""
        answer = await self._post("/v1/compactions", {}, repeatable=True)
        return decoded(answer, dict[str, Any], "POST /v1/compactions")

    async def _change_labels(self, project_id: str, how: str, body: dict[str, Any]) -> Project:
        path = f"{_PROJECTS}/{quote(project_id, safe='')}/labels/{how}"
        request = Request(method=hdrs.METH_POST, path=path, body=msgspec.json.encode(body), idempotency_key=new_key())
        return decoded(await self._transport.send(request), Project, f"POST {path}")

    async def _get(self, path: str) -> Any:
        return await self._transport.send(Request(method=hdrs.METH_GET, path=path))

    async def _end(self, path: str, key: str) -> None:
        path = f"{path}/{quote(key, safe='')}"
        await self._transport.send(Request(method=hdrs.METH_DELETE, path=path, repeatable=False))

    async def _post(self, path: str, body: dict[str, Any], *, repeatable: bool) -> Any:
        request = Request(method=hdrs.METH_POST, path=path, body=msgspec.json.encode(body), repeatable=repeatable)
        return await self._transport.send(request)
