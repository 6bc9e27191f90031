"""Files that may be anything: a typed error, or objects with their places."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest

from service.legacy.snapshot import LegacyError, read_snapshot
from tests.legacy.examples import example, write

HOSTILE: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"users: []", "what is not JSON"),
    "cut off": (b'{"users": {"u1": {"email": "a', "what is not JSON"),
    "empty": (b"", "an empty file"),
    "white space": (b" \n", "an empty file"),
    "deep lists": (b"[" * 100_000, "nested too deeply"),
    "deep objects": (b'{"a":' * 100_000, "nested too deeply"),
    "list of lists": (b"[[], [[]]]", "found a list"),
    "number": (b"1", "found a number"),
    "null": (b"null", "found null"),
    "not UTF-8": (b'{"users": "\xff"}', "what is not JSON"),
    "digits without end": (b'{"users": ' + b"9" * 5000 + b"}", "what is not JSON"),
    "no users": (b'{"documents": {}}', "no 'users' among ['documents']"),
    "users twice": (b'{"users": {}, "users": {}}', "a member twice"),
    "users are a number": (b'{"users": 5}', "a number as 'users'"),
    "documents are a string": (b'{"users": {}, "documents": "x"}', "a string as 'documents'"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_no_snapshot_is_refused(tmp_path: Path, name: str) -> None:
    """With what was found, and what was expected."""
    content, message = HOSTILE[name]
    path = tmp_path / "db_snapshot.json"
    path.write_bytes(content)
    with pytest.raises(LegacyError) as caught:
        read_snapshot(path)
    assert message in str(caught.value)
    assert "expected" in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A directory, nothing, a pipe that nobody writes to, a link to itself."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path, tmp_path / "none", tmp_path / "pipe", tmp_path / "loop"):
        with pytest.raises(LegacyError, match="Nothing was changed"):
            read_snapshot(path)


def test_maps_and_lists_are_the_same(tmp_path: Path) -> None:
    """An id is the key of the map, or a member; integers are ids too."""
    mapped = read_snapshot(write(tmp_path, {"users": {"7": {"email": "a@b"}}}))
    listed = read_snapshot(write(tmp_path, {"users": [{"id": 7, "email": "a@b"}]}))
    assert [entry.key for entry in mapped.entries] == [entry.key for entry in listed.entries] == ["7"]
    assert [entry.place for entry in (*mapped.entries, *listed.entries)] == ["users/7", "users[0]"]


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        ('{"u1": 5}', "a number found, expected an object"),
        ("[[[]]]", "a list found, expected an object"),
        ('[{"id": "u1"}, {"id": "u1"}]', "'u1' is there already"),
        ('{"u1": {}, "u1": {}}', "'u1' is there already"),
        ('{"u1": {"id": "u2"}}', "'u2' found as its id, expected 'u1'"),
        ('[{"id": 1.5}]', "1.5 found as its id"),
        ('[{"id": true}]', "True found as its id"),
        ('{"u1": {"name": "a", "name": "b"}}', "'name' found twice"),
        ('{"u1": {"x": [{"y": 1, "y": 2}]}}', "'y' found twice"),
        ('{"u1": {"x": NaN}}', "nan found, expected a finite number"),
        ('{"u1": {"x": [Infinity]}}', "inf found"),
        ('{"u1": {"x": 1e999}}', "inf found"),
        ('{"u1": {"x": 9223372036854775808}}', "beyond 64 bits"),
        ('{"u1": {"name": "\\ud800"}}', "a lone surrogate"),
        ('{"u1": {"\\udfff": 1}}', "a lone surrogate"),
        ('{"\\udfff": {}}', "a lone surrogate"),
        (f'{{"u1": {{"x": {"[" * 200}{"]" * 200}}}}}', "more than 100 levels"),
    ],
)
def test_an_object_that_cannot_be_kept_is_listed(tmp_path: Path, users: str, reason: str) -> None:
    """The others are read, and the list can be printed."""
    path = tmp_path / "db_snapshot.json"
    path.write_text(f'{{"users": {users}, "documents": [{{"id": "d"}}]}}')
    snapshot = read_snapshot(path)
    assert [one.kind for one in snapshot.left_out] == ["user"]
    assert reason in str(snapshot.left_out[0])
    assert str(snapshot.left_out[0]).isprintable()
    assert msgspec.json.encode(snapshot.left_out)
    assert [entry.kind for entry in snapshot.entries if entry.kind != "user"] == ["document"]


def test_what_means_nothing_is_listed_or_noted(tmp_path: Path) -> None:
    """A collection of something else cannot be taken over; a number or a session is told."""
    content = example() | {"projects": {"p": {}}, "\ud800\x1b": [1], "answer": 42}
    content |= {"empty": {}, "sessions": {"s": {}}, "version": 3}
    snapshot = read_snapshot(write(tmp_path, content))
    assert [(one.kind, one.place) for one in snapshot.left_out] == [("other", "projects"), ("other", "\\ud800\\x1b")]
    assert snapshot.notes == [
        "'sessions' of the file is not taken over.",
        "'version' of the file is not taken over.",
        "'answer' of the file has no home here.",
        "'empty' of the file has no home here.",
    ]


def test_look_ups_are_found_also_within_indexes(tmp_path: Path) -> None:
    """A kind that is not there is told."""
    look_ups = {"users_by_email": {"a": "u"}, "documents_by_user": {"u": []}}
    snapshot = read_snapshot(write(tmp_path, {"users": {}, "indexes": look_ups}))
    assert (snapshot.user_by_email, snapshot.documents_by_user) == ({"a": "u"}, {"u": []})
    assert snapshot.notes == [f"There are no {kind}s in the file." for kind in ("document", "extraction", "annotation")]


def test_a_look_up_that_cannot_be_kept_is_not_used(tmp_path: Path) -> None:
    """Which is told; it is built anew anyway."""
    path = tmp_path / "db_snapshot.json"
    path.write_text('{"users": {}, "user_by_email": {"\\ud800@b": "u"}, "documents_by_user": {"u": [], "u": []}}')
    snapshot = read_snapshot(path)
    assert (snapshot.user_by_email, snapshot.documents_by_user) == (None, None)
    assert "The look-up of user by e-mail is not used: a lone surrogate found, expected Unicode." in snapshot.notes
    assert "The look-up of documents by user is not used: the member 'u' found twice, expected once." in snapshot.notes


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    """Nor is UTF-16."""
    for encoding in ("utf-8-sig", "utf-16"):
        path = tmp_path / "db_snapshot.json"
        path.write_bytes(json.dumps({"users": {"u": {}}}).encode(encoding))
        assert len(read_snapshot(path).entries) == 1
