"""The peers that are whole annotation tools: each with a virtual environment of its own, since they are large.

`make bench-large-packages` makes those.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import ClassVar

from bench.peers.cluster import ACCOUNT, Cluster
from bench.peers.side import CREATE, GET, LIST, MARK, PAGE, Ask, Side, with_field

_TEXT = "Marie Curie met Albert Einstein in Geneva. " * 20
_MAIL, _PASSWORD = "bench@example.org", "correct-horse-battery-1"


class Tool(Side):
    """A whole annotation tool.

    Attributes:
        environments: Where the virtual environments are.
        environment: The name of its own, of the package and of the package's program.
    """

    environments: ClassVar[Path] = Path(sys.prefix) / "peers"
    environment: ClassVar[str]
    ready_seconds: ClassVar[float] = 180.0
    _token = ""

    @classmethod
    def needs(cls) -> str:
        """Return what is missing for it here, empty if nothing is."""
        # Made last: what was interrupted is not there.
        is_there = (cls.environments / cls.environment / ".installed").exists()
        own = "" if is_there else f"{cls.environment} (make bench-large-packages)"
        return ", ".join(filter(None, (own, super().needs())))

    @classmethod
    def program(cls, name: str) -> Path:
        """Return where a program of its environment is, whether it is there or not."""
        return cls.environments / cls.environment / "bin" / name

    def alone(self) -> dict[str, str]:
        """Return the variables that it is started with: none that the caller has set for other programs."""
        folder = str(self.folder)
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": folder, "TMPDIR": folder}

    def get(self, path: str) -> bytes:
        """Return a GET with the token."""
        return self._authorised(self.encoder.get(path))

    def post(self, path: str, value: object) -> bytes:
        """Return a POST with the token."""
        return self._authorised(self.encoder.post(path, value))

    def _authorised(self, request: bytes) -> bytes:
        return with_field(request, f"Authorization: Token {self._token}") if self._token else request

    async def serve_annotations(self, read: str, written: str, body: object, entity: str) -> None:
        """Make a page of annotations, and tell what is asked.

        Args:
            read: The path of the annotations of one document: a GET lists them all, without pages, a POST makes one.
            written: That of another document: creating must not make the list longer.
            body: Of an annotation.
            entity: The path of one annotation, with ``{id}`` in it.
        """
        made = [await self.ask(self.post(read, body), 201) for _ in range(PAGE)]
        create, page = self.post(written, body), self.get(read)
        get = self.get(entity.format(id=made[0]["id"]))
        self.asks = {CREATE: Ask(lambda: create, 201), GET: Ask(lambda: get, 200), LIST: Ask(lambda: page, 200)}


class LabelStudio(Tool, Cluster):
    """Label Studio as its own command starts it, over PostgreSQL: over its SQLite, 64 clients see locks that fail."""

    name: ClassVar[str] = "Label Studio"
    environment: ClassVar[str] = "label-studio"
    _token = secrets.token_hex(20)

    async def start_app(self, data: Path) -> None:
        """Start it with a project of two tasks."""
        account = ["--username", _MAIL, "--password", _PASSWORD, "--user-token", self._token]
        options = ["--no-browser", "--enable-legacy-api-token", "--data-dir", str(self.folder / "data")]
        where = ["--internal-host", self.address.host, "--port", str(self.address.port)]
        self.run(
            [str(self.program("label-studio")), "start", *options, *where, *account],
            cwd=self.folder,
            env={
                **self.alone(),
                "COLLECT_ANALYTICS": "False",
                "LATEST_VERSION_CHECK": "False",
                "SENTRY_DSN": "",
                "FRONTEND_SENTRY_DSN": "",
                "DJANGO_DB": "default",
                "POSTGRE_HOST": str(data),
                "POSTGRE_USER": ACCOUNT,
                "POSTGRE_NAME": "postgres",
            },
        )
        await self.ready(self.get("/health"), status=200)
        labels = '<Labels name="label" toName="text"><Label value="person"/></Labels>'
        config = f'<View>{labels}<Text name="text" value="$text"/></View>'
        project = await self.ask(self.post("/api/projects/", {"title": "bench", "label_config": config}), 201)
        given = {"project": project["id"], "data": {"text": _TEXT}}
        tasks = [await self.ask(self.post("/api/tasks/", given), 201) for _ in range(2)]
        value = {"start": MARK["start"], "end": MARK["end"], "text": MARK["text"], "labels": [MARK["label"]]}
        region = {"from_name": "label", "to_name": "text", "type": "labels", "value": value, "meta": MARK["attributes"]}
        read, written = (f"/api/tasks/{task['id']}/annotations/" for task in tasks)
        await self.serve_annotations(read, written, {"result": [region]}, "/api/annotations/{id}/")


class Doccano(Tool):
    """doccano under gunicorn with as many workers as its own command would take, but on 127.0.0.1 alone.

    Its spans have neither texts nor attributes.
    """

    name: ClassVar[str] = "doccano"
    durability: ClassVar[str] = "SQLite's defaults: rollback journal, synchronous=FULL"
    environment: ClassVar[str] = "doccano"

    async def start(self) -> None:
        """Make its database, and start it with a project of two documents."""
        env = {
            **self.alone(),
            "DOCCANO_HOME": str(self.folder),
            "DATABASE_URL": f"sqlite:///{self.folder / 'db.sqlite3'}",
            "MEDIA_ROOT": str(self.folder / "media"),
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "STANDALONE": "True",
        }
        account = {"username": "bench", "password": _PASSWORD}
        for command in (["init"], ["createuser", *(f"--{name}={value}" for name, value in account.items())]):
            self.finish([str(self.program("doccano")), *command], cwd=self.folder, env=env)
        workers = 2 * (os.cpu_count() or 1) + 1
        where = f"{self.address.host}:{self.address.port}"
        self.run(
            [str(self.program("gunicorn")), "--bind", where, "--workers", str(workers), "config.wsgi"],
            cwd=self._package(),
            env=env,
        )
        await self.ready(self.get("/v1/auth/login/"), status=405)
        self._token = (await self.ask(self.post("/v1/auth/login/", account), 200))["key"]
        kind = "SequenceLabeling"
        described = {"resourcetype": f"{kind}Project", "project_type": kind, "allow_overlapping": True}
        given = {"name": "bench", "description": "bench", **described}
        project = f"/v1/projects/{(await self.ask(self.post('/v1/projects', given), 201))['id']}"
        label = (await self.ask(self.post(f"{project}/span-types", {"text": MARK["label"]}), 201))["id"]
        examples = [await self.ask(self.post(f"{project}/examples", {"text": _TEXT}), 201) for _ in range(2)]
        read, written = (f"{project}/examples/{example['id']}/spans" for example in examples)
        span = {"label": label, "start_offset": MARK["start"], "end_offset": MARK["end"]}
        await self.serve_annotations(read, written, span, f"{read}/{{id}}")

    @classmethod
    def _package(cls) -> Path:
        return next((cls.environments / cls.environment).glob("lib/python*/site-packages/backend"))
