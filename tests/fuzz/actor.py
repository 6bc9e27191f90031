"""Who sends the fuzzed requests: a user with a document and an annotation, put right again when that is gone."""

from __future__ import annotations

from tests.fuzz.grammar import PROJECT, SPAN, TEXT
from tests.fuzz.wire import Wire

PASSWORD = "correct horse battery"
_PAGE = 100


class Actor:
    """A user.

    Args:
        wire: For requests that must succeed.
        name: Of the user; one who was lost gets another.

    Attributes:
        names: What stands for ``@doc@`` and its like.
        made: How many users it has been.
    """

    def __init__(self, wire: Wire, name: str) -> None:
        self._wire = wire
        self._name = name
        self.made = 0
        self.names: dict[bytes, bytes] = {}
        self.token = ""

    async def move(self, wire: Wire) -> None:
        """Go on with another connection: the server was started again."""
        await self._wire.close()
        self._wire = wire

    async def close(self) -> None:
        """Close the connection."""
        await self._wire.close()

    async def refresh(self) -> None:
        """Remove what has gathered, and have a session, a document and an annotation of one's own again."""
        if not self.token or (await self._wire.call("GET", "/v1/me", token=self.token)).status != 200:
            await self._log_in()
        listed = await self._wire.call("GET", f"/v1/documents?limit={_PAGE}", token=self.token)
        for document in listed.json["items"]:
            await self._wire.call("DELETE", f"/v1/documents/{document['id']}", token=self.token)
        await self._populate()

    async def state(self) -> list[tuple[str, int]]:
        """Return id and version of all that the actor sees."""
        found: list[tuple[str, int]] = []
        for collection in ("users", "documents", "extractions", "annotations"):
            path = f"/v1/{collection}?limit={_PAGE}"
            while path:
                page = (await self._wire.call("GET", path, token=self.token)).json
                found += [(item["id"], item["version"]) for item in page["items"]]
                path = f"/v1/{collection}?limit={_PAGE}&cursor={page['next']}" if page["next"] else ""
        return found

    async def _log_in(self) -> None:
        login = {"email": f"{self._name}-{self.made}@example.org", "password": PASSWORD}
        answer = await self._wire.call("POST", "/v1/sessions", login)
        while answer.status != 201:
            self.made += 1
            login["email"] = f"{self._name}-{self.made}@example.org"
            await self._wire.call("POST", "/v1/users", login)
            answer = await self._wire.call("POST", "/v1/sessions", login)
        self.token = answer.json["token"]
        self.names |= {
            b"@token@": self.token.encode(),
            b"@user@": answer.json["user"]["id"].encode(),
            b"@email@": login["email"].encode(),
        }

    async def _populate(self) -> None:
        document = await self._wire.call("POST", "/v1/documents", {"title": "t", "text": TEXT}, self.token)
        key = document.json["id"]
        marks = [
            await self._wire.call("POST", "/v1/annotations", SPAN | {"document_id": key}, self.token) for _ in "ab"
        ]
        project = await self._wire.call("POST", "/v1/projects", PROJECT, self.token)
        shared = {"title": "t", "text": TEXT, "project_id": project.json["id"]}
        labelled = await self._wire.call("POST", "/v1/documents", shared, self.token)
        await self._wire.call("POST", "/v1/annotations", SPAN | {"document_id": labelled.json["id"]}, self.token)
        page = await self._wire.call("GET", f"/v1/annotations?document_id={key}&limit=1", token=self.token)
        self.names |= {
            b"@doc@": key.encode(),
            b"@ann@": marks[0].json["id"].encode(),
            b"@proj@": project.json["id"].encode(),
            b"@cursor@": page.json["next"].encode(),
        }


class Ledger:
    """Creates documents without a pause and remembers which were acknowledged.

    Args:
        wire: Its own.
        actor: Whose they are; nobody else touches them.
    """

    def __init__(self, wire: Wire, actor: Actor) -> None:
        self._wire = wire
        self._actor = actor
        self.acknowledged: set[str] = set()

    async def keep(self, count: int) -> None:
        """Create so many."""
        try:
            for number in range(count):
                answer = await self._wire.call("POST", "/v1/documents", {"title": f"{number}"}, self._actor.token)
                assert answer.status == 201, answer
                self.acknowledged.add(answer.json["id"])
        finally:
            await self._wire.close()
