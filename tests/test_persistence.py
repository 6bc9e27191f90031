"""The list of the proof of concept that this replaces, one real server after the other.

It can be run on its own: ``python tests/test_persistence.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # In the place of this directory, whose `http` would hide the standard one.
    sys.path[0] = str(Path(__file__).parent.parent)

import signal
import time
from collections.abc import Iterator

import pytest

from tests.test_process_faults import serve
from tests.test_server import PASSWORD, Server

EMAIL = "ada@example.org"
CREDENTIALS = {"email": EMAIL, "password": PASSWORD}


class Store(Server):
    """A server that makes a snapshot as soon as anything has changed, with a user and one of each kind."""

    def __init__(self, directory: Path) -> None:
        quick = {"ANNOLOG_COMPACTION__AGE_SECONDS": "0.01"}
        super().__init__(directory, environment=quick)
        self.user = self.made("/v1/users", CREDENTIALS)
        self.token = ""
        self.log_in()
        self.document = self.made("/v1/documents", {"title": "Letter", "text": "Marie Curie"})
        place = {"document_id": self.document["id"], "start": 0, "end": 5}
        self.extraction = self.made("/v1/extractions", {**place, "source": {"name": "model"}})
        self.annotation = self.made("/v1/annotations", {**place, "label": "person"})

    def made(self, path: str, body: object) -> dict[str, Any]:
        """Create an entity and return it."""
        status, entity = self.call("POST", path, body, self.token if path != "/v1/users" else "")
        assert status == 201, entity
        return dict(entity)

    def log_in(self) -> None:
        """Open a session."""
        self.token = str(self.call("POST", "/v1/sessions", CREDENTIALS)[1]["token"])

    def get(self, path: str) -> Any:
        """Read with the token."""
        status, answer = self.call("GET", path, token=self.token)
        assert status == 200, answer
        return answer

    def stop(self) -> None:
        """Shut down in order."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0

    def restart(self) -> None:
        """Shut down and start again."""
        self.stop()
        self.start()

    def await_snapshots(self, count: int) -> list[Path]:
        """Return the snapshots once there are so many; something changes meanwhile."""
        found: list[Path] = []
        for attempt in range(400):
            found = sorted((self.directory / "snapshots").glob("*.snap"))
            if len(found) >= count:
                return found
            self.made("/v1/documents", {"title": f"more {attempt}"})
            time.sleep(0.05)
        raise AssertionError(f"found {len(found)} snapshots, expected {count}")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a server with one of each kind."""
    store = Store(tmp_path / "data")
    yield store
    store.process.kill()
    store.process.wait()


def test_one_of_each_kind_is_intact_after_a_restart(store: Store) -> None:
    """With its times and its version, and the login goes on."""
    store.restart()
    assert "Recovered: 1 users, 1 documents, 1 extractions, 1 annotations" in store.output
    assert store.get(f"/v1/documents/{store.document['id']}") == {**store.document, "text": "Marie Curie"}
    assert store.get(f"/v1/extractions/{store.extraction['id']}") == store.extraction
    assert store.get(f"/v1/annotations/{store.annotation['id']}") == store.annotation
    assert store.get("/v1/me") == store.user


def test_look_ups_are_intact_after_a_restart(store: Store) -> None:
    """By e-mail, owner, document, label and status."""
    store.restart()
    for path, kind in (
        (f"/v1/users?email={EMAIL}", "user"),
        (f"/v1/documents?owner_id={store.user['id']}", "document"),
        (f"/v1/extractions?document_id={store.document['id']}", "extraction"),
        ("/v1/annotations?label=person&status=proposed", "annotation"),
    ):
        assert [entity["id"] for entity in store.get(path)["items"]] == [getattr(store, kind)["id"]]
    store.log_in()


def test_what_was_deleted_stays_deleted(store: Store) -> None:
    """An annotation, then its document with all that is left on it."""
    for path in (f"/v1/annotations/{store.annotation['id']}", f"/v1/documents/{store.document['id']}"):
        assert store.call("DELETE", path, token=store.token)[0] == 204
    store.restart()
    assert "Recovered: 1 users, 0 documents, 0 extractions, 0 annotations" in store.output
    for path in (f"/v1/annotations/{store.annotation['id']}", f"/v1/extractions/{store.extraction['id']}"):
        assert store.call("GET", path, token=store.token)[0] == 410


def test_a_damaged_snapshot_is_refused_and_moved_aside_nothing_is_missing(store: Store) -> None:
    """The older one and the log since then hold the same."""
    newest = store.await_snapshots(2)[-1]
    before = [document["id"] for document in store.get("/v1/documents?limit=1000")["items"]]
    store.process.kill()
    store.process.wait()
    newest = max(newest.parent.glob("*.snap"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 16
    newest.write_bytes(content)
    refused = serve(store.directory)
    assert refused.returncode == 4
    assert f"{newest} is damaged at offset" in refused.stderr
    assert "Run `annolog log repair` on the directory" in refused.stderr
    newest.rename(newest.parent.parent.parent / "aside.snap")
    store.start()
    assert [document["id"] for document in store.get("/v1/documents?limit=1000")["items"]] == before
    assert store.get(f"/v1/annotations/{store.annotation['id']}") == store.annotation


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-v"]))
