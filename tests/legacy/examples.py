"""A snapshot as the proof of concept may have written it, and what is made of it in a directory."""

from __future__ import annotations

import copy
import json
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

import bcrypt

from service.kinds import KINDS
from service.legacy.mapping import Item, Mapping
from service.legacy.names import Members
from service.legacy.report import Report
from service.legacy.snapshot import Entry
from service.legacy.transfer import import_snapshot
from service.settings import load
from service.state.state import State
from wal.file_system import FileSystem
from wal.opening import open_log

NOW = 1_800_000_000_000_000
PASSWORD = "secret"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
TEXT = "Marie Curie met Albert Einstein."
SMALL: dict[str, dict[str, Any]] = {
    "log": {"segment_bytes": 64 * 1024, "record_bytes_max": 8192, "fill_pause_ms": 0.0, "retry_seconds": 0.01},
    "limits": {"text_bytes": 1024, "entity_bytes": 2048},
    "passwords": {"memory_kib": 64, "passes": 1},
}
_SNAPSHOT: dict[str, Any] = {
    "users": {
        "u1": {"email": "Ada@example.org", "full_name": "Ada", "hashed_password": HASH, "created_at": "2024-01-01"},
        "u2": {"email": "bob@example.org", "hashed_password": "pbkdf2$x", "created_at": "2024-01-02T00:00:00"},
    },
    "documents": {
        "d1": {
            "user_id": "u1",
            "filename": "letter.txt",
            "content": TEXT,
            "created_at": "2024-02-01T10:00:00.5+02:00",
            "updated_at": "2024-02-03T00:00:00Z",
            "size": 32,
        }
    },
    "extractions": {
        "e1": {
            "document_id": "d1",
            "extraction_class": "person",
            "extraction_text": "Marie Curie",
            "char_interval": {"start_pos": 0, "end_pos": 11},
            "attributes": {"field": "physics"},
            "model": "m",
            "created_at": 1_707_000_000,
        }
    },
    "annotations": {
        "a1": {
            "document_id": "d1",
            "extraction_id": "e1",
            "user_id": "u2",
            "start_offset": 16,
            "end_offset": 31,
            "text": "Albert Einstein",
            "label": "person",
            "color": "red",
            "created_at": "2024-03-01T00:00:00Z",
        }
    },
    "user_by_email": {"ada@example.org": "u1", "bob@example.org": "u2"},
    "documents_by_user": {"u1": ["d1"]},
}


def example() -> dict[str, Any]:
    """Return a snapshot of two users, a document, an extraction and an annotation."""
    return copy.deepcopy(_SNAPSHOT)


def write(directory: Path, content: object) -> Path:
    """Write a snapshot into a directory, made if it is not there, and return its path."""
    directory.mkdir(exist_ok=True)
    path = directory / "db_snapshot.json"
    path.write_text(json.dumps(content))
    return path


async def take_over(path: Path, directory: Path | None = None, *, skip_invalid: bool = False) -> Report:
    """Import a snapshot into its own directory, or another one."""
    return await import_snapshot(path, directory or path.parent, load(flags=SMALL), skip_invalid=skip_invalid)


async def recovered(directory: Path, file_system: FileSystem | None = None) -> State:
    """Return the state of a data directory."""
    state = State(KINDS)
    log, report = await open_log(directory, load(flags=SMALL).log, state, file_system=file_system)
    await log.close()
    assert not report.new
    return state


def entities(state: State, kind: str) -> list[dict[str, Any]]:
    """Return the entities of a kind in the order of creation."""
    return [json.loads(value) for _, value in state.tables[kind].items()]


def item(kind: str, members: dict[str, Any], *, key: str | None = "k", zone: tzinfo = UTC) -> Item:
    """Return what an object of the file becomes."""
    entry = Entry(kind=kind, place=f"{kind}s/{key}", key=key, members=Members(kind, members))
    return Mapping(zone=zone, now=NOW).item(entry)
