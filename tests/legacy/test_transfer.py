"""From the file to a log: all of it or nothing, at the times that the file tells."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from service.ids import has_form
from service.legacy.snapshot import LegacyError
from service.legacy.transfer import UnverifiedError, _Made, _verify
from service.settings import load
from tests.legacy.examples import HASH, SMALL, TEXT, entities, example, recovered, take_over, write
from tests.legacy.test_snapshot import HOSTILE
from wal.errors import DirectoryLockedError, OccupiedError
from wal.file_system import RealFileSystem
from wal.inspection import records
from wal.lock import DirectoryLock
from wal.record import Seal


async def test_everything_is_taken_over(tmp_path: Path) -> None:
    """With its times, owners, authors and what has no home here; the file is as it was."""
    path = write(tmp_path / "data", example())
    before = path.read_bytes()
    report = await take_over(path)
    assert report.imported
    assert not report.left_out
    assert {name: kind.imported for name, kind in report.kinds.items()} == {
        "users": 2,
        "documents": 1,
        "extractions": 1,
        "annotations": 1,
    }
    state = await recovered(path.parent)
    ada, bob = entities(state, "user")
    assert (ada["email"], ada["name"], ada["role"], ada["disabled"]) == ("ada@example.org", "Ada", "admin", False)
    assert (bob["role"], bob["disabled"]) == ("member", True)
    assert report.users == {"u1": ada["id"], "u2": bob["id"]}
    assert ada["created_at"] == "2024-01-01T00:00:00.000000Z"
    (document,) = entities(state, "document")
    assert document["owner_id"] == ada["id"]
    assert (document["external_id"], document["title"], document["length"]) == ("d1", "letter.txt", len(TEXT))
    assert document["created_at"] == document["updated_at"] == "2024-02-01T08:00:00.500000Z"
    assert document["metadata"] == {"legacy": {"size": 32, "updated_at": "2024-02-03T00:00:00Z"}}
    assert state.text(document["id"]) == TEXT
    (extraction,) = entities(state, "extraction")
    assert (extraction["text"], extraction["label"], extraction["source"]) == ("Marie Curie", "person", {"name": "m"})
    (annotation,) = entities(state, "annotation")
    assert (annotation["author_id"], annotation["extraction_id"]) == (bob["id"], extraction["id"])
    assert annotation["origin"] == {"format": "legacy", "id": "a1", "extra": {"color": "red"}}
    assert annotation["created_at"] == "2024-03-01T00:00:00.000000Z"
    assert path.read_bytes() == before
    assert sorted(one.name for one in path.parent.iterdir()) == ["LOCK", "db_snapshot.json", "log", "snapshots"]


async def test_records_are_in_the_order_of_time_and_ids_increase(tmp_path: Path) -> None:
    """Whatever the order of the file."""
    content = example()
    for number in range(20):
        content["documents"][f"x{number}"] = {"user_id": "u1", "created_at": 1_710_000_000 - number}
    path = write(tmp_path / "data", content)
    assert (await take_over(path)).imported
    told = [content for _, content in records(path.parent, 1, sys.maxsize) if not isinstance(content, Seal)]
    times = [record.time for record in told[:-1]]
    assert times == sorted(times)
    assert {record.operation for record in told} == {"annolog import legacy"}
    ids = [change.id.partition("_")[2] for record in told[:-1] for change in record.changes[:1]]
    assert ids == sorted(set(ids))
    assert all(has_form(record.changes[0].id, record.changes[0].id.partition("_")[0]) for record in told)


FAULTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "outside": ("annotations", {"document_id": "d1", "start": 30, "end": 40}, "40 found, but the text has 32"),
    "other text": ("annotations", {"document_id": "d1", "start": 0, "end": 5, "text": "Maria"}, "'Marie'"),
    "no document": ("extractions", {"document_id": "d9", "label": "x"}, "document 'd9', to which it belongs"),
    "no author": ("annotations", {"document_id": "d1", "user_id": "u9"}, "user 'u9', to which it belongs"),
    "no extraction": ("annotations", {"document_id": "d1", "extraction_id": "e9"}, "extraction 'e9'"),
    "no owner": ("documents", {"text": "x"}, "no owner found"),
    "owner unknown": ("documents", {"text": "x", "user_id": "u9"}, "user 'u9'"),
    "long text": ("documents", {"text": "x" * 1025, "user_id": "u1"}, "the limit is 1024"),
    "long title": ("documents", {"title": "x" * 1001, "user_id": "u1"}, "length <= 1000"),
    "deep metadata": ("documents", {"metadata": json.loads('{"a":' * 70 + "1" + "}" * 70), "user_id": "u1"}, "deep"),
    "same address": ("users", {"email": "ADA@example.org", "created_at": "2025-01-01"}, "is registered already"),
    "no address": ("users", {"name": "x"}, "email"),
    "bad address": ("users", {"email": "x"}, "/email"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_one_fault_means_that_nothing_is_imported(tmp_path: Path, name: str) -> None:
    """With the reason; `skip_invalid` imports the rest, of which there is as much as without the fault."""
    kind, members, reason = FAULTS[name]
    content = example()
    content[kind]["bad"] = members
    path = write(tmp_path / "data", content)
    refused = await take_over(path)
    assert not refused.imported
    assert [(one.kind, one.place) for one in refused.left_out] == [(kind[:-1], f"{kind}/bad")]
    assert reason in refused.left_out[0].reason
    assert sorted(one.name for one in path.parent.iterdir()) == ["LOCK", "db_snapshot.json"]
    assert (path.parent / "LOCK").read_bytes() == b""
    done = await take_over(path, skip_invalid=True)
    assert done.imported
    assert done.left_out == refused.left_out
    assert {name: (one.found, one.left_out) for name, one in done.kinds.items() if one.left_out} == {
        kind: (len(content[kind]), 1)
    }
    state = await recovered(path.parent)
    counts = [state.counts[kind] for kind in ("user", "document", "extraction", "annotation")]
    assert counts == [2, 1, 1, 1]


async def test_what_belongs_to_something_left_out_is_left_out_too(tmp_path: Path) -> None:
    """Each with its own reason."""
    content = example()
    content["users"]["u1"]["email"] = "nobody"
    path = write(tmp_path / "data", content)
    report = await take_over(path, skip_invalid=True)
    assert [one.place for one in report.left_out] == ["users/u1", "documents/d1", "extractions/e1", "annotations/a1"]
    assert (await recovered(path.parent)).counts["user"] == 1


async def test_the_file_s_administrator_stays_the_only_one(tmp_path: Path) -> None:
    """Without one it is the oldest who is not disabled, which is told."""
    content = example()
    content["users"]["u1"]["created_at"] = "2024-01-03"
    report = await take_over(write(tmp_path / "a", content))
    assert any("ada@example.org, the oldest who is not disabled" in note for note in report.notes)
    content["users"]["u2"]["is_admin"] = True
    report = await take_over(write(tmp_path / "b", content))
    roles = {user["email"]: user["role"] for user in entities(await recovered(tmp_path / "b"), "user")}
    assert roles == {"ada@example.org": "member", "bob@example.org": "admin"}
    assert not any("administrator" in note for note in report.notes)


async def test_a_file_without_anything_becomes_an_empty_log(tmp_path: Path) -> None:
    """So that a start goes on."""
    path = write(tmp_path / "data", {"users": {}})
    assert (await take_over(path)).imported
    assert (await recovered(path.parent)).counts["user"] == 0


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_file_that_is_no_snapshot_leaves_nothing(tmp_path: Path, name: str) -> None:
    """No lock, no staging."""
    path = tmp_path / "db_snapshot.json"
    path.write_bytes(HOSTILE[name][0])
    with pytest.raises(LegacyError):
        await take_over(path)
    assert [one.name for one in tmp_path.iterdir()] == ["db_snapshot.json"]


async def test_a_directory_with_a_log_is_refused_and_what_is_there_is_named(tmp_path: Path) -> None:
    """Also when the log is gone and LOCK tells of it; nothing is changed."""
    path = write(tmp_path / "data", example())
    assert (await take_over(path)).imported
    with pytest.raises(OccupiedError, match=r"found log/00000000000000000001\.wal"):
        await take_over(path)
    assert (await recovered(path.parent)).counts["user"] == 2
    for segment in (path.parent / "log").iterdir():
        segment.unlink()
    with pytest.raises(OccupiedError, match="LOCK, which names the log"):
        await take_over(path)


async def test_a_directory_that_is_held_is_refused(tmp_path: Path) -> None:
    """It takes the lock that a server takes."""
    path = write(tmp_path / "data", example())
    lock = DirectoryLock.take(RealFileSystem(), path.parent)
    with pytest.raises(DirectoryLockedError):
        await take_over(path)
    lock.release()
    assert (await take_over(path)).imported


async def test_a_log_that_reads_back_differently_is_not_put_in_place(tmp_path: Path) -> None:
    """Its counts and the digest of its state are compared with what was written."""
    path = write(tmp_path / "data", example())
    assert (await take_over(path)).imported
    state = await recovered(path.parent)
    counts = dict(state.counts)
    for told, digest in ((counts, state.digest + 1), ({**counts, "user": 3}, state.digest)):
        made = _Made(left_out=[], notes=[], imported=Counter(), users={}, counts=told, digest=digest)
        with pytest.raises(UnverifiedError, match="Nothing was put in place"):
            await _verify(path.parent, made, load(flags=SMALL), None)


async def test_what_was_cancelled_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C in the middle."""
    content = example()
    for number in range(2000):
        content["documents"][f"x{number}"] = {"user_id": "u1", "text": "x" * 900}
    path = write(tmp_path / "data", content)
    importing = asyncio.create_task(take_over(path))
    while not (path.parent / "import.tmp" / "log").exists():
        await asyncio.sleep(0.001)
    importing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await importing
    assert sorted(one.name for one in path.parent.iterdir()) == ["LOCK", "db_snapshot.json"]
    assert (await take_over(path)).imported


async def test_the_hash_is_stored_as_it_was(tmp_path: Path) -> None:
    """The next login replaces it; who has none has one that fits nothing."""
    path = write(tmp_path / "data", example())
    await take_over(path)
    table = (await recovered(path.parent)).tables["credential"]
    stored = [json.loads(value) for _, value in table.items()]
    assert [one["password_hash"] for one in stored] == [HASH, "!"]
    assert [one.get("reset_required", False) for one in stored] == [False, True]


async def test_what_users_log_in_with_is_never_told_nor_served(tmp_path: Path) -> None:
    """Also where a whole user stands in the place of an id, or among members that have no home here."""
    content = example()
    content["documents"]["d1"]["uploader"] = {"name": "Ada", "hashedPassword": "hunter2", "hash": "5d41"}
    content["documents"]["d2"] = {"text": "x", "user": {"email": "a@example.org", "password": "hunter2"}}
    report = await take_over(write(tmp_path, content), tmp_path / "data", skip_invalid=True)
    assert report.imported
    assert [one.reason for one in report.left_out] == ["an object found as its owner, expected an id"]
    assert "2 documents hold credentials within their members, which are not taken over." in report.notes
    (document,) = entities(await recovered(tmp_path / "data"), "document")
    assert document["metadata"]["legacy"]["uploader"] == {"name": "Ada", "hash": "5d41"}
    assert "hunter2" not in str(report)
    assert not any(b"hunter2" in path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())


async def test_an_administrator_who_is_disabled_is_not_called_enabled(tmp_path: Path) -> None:
    """When all users are, the oldest becomes one, and the note says so."""
    content = example()
    for user in content["users"].values():
        user["hashed_password"] = "no hash"
    report = await take_over(write(tmp_path, content), tmp_path / "data")
    assert [note for note in report.notes if "no administrator" in note] == [
        "The file has no administrator: ada@example.org, the oldest, is one now, and disabled as all are."
    ]
