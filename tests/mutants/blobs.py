"""Bugs in what contents of documents rest on: a blob is there as long as anything retained names it."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_BLOBS = ("tests/service/test_blobs.py",)
_COLLECTING = ("tests/service/test_collecting.py",)

BLOBS = (
    Mutant(
        "a blob gets its name before it is synced",
        "service/blobs.py",
        "            with _disk(path):\n                await self._run(file.sync)\n        finally:\n",
        "        finally:\n",
        _BLOBS,
    ),
    Mutant(
        "no sync of the directory when a blob gets its name",
        "service/blobs.py",
        "        self._files.sync_directory(target.parent)\n",
        "",
        _BLOBS,
    ),
    Mutant(
        "a blob is removed that an upload is about to name",
        "service/blobs.py",
        "if self._held[sha256] or not await is_unknown(sha256):",
        "if not await is_unknown(sha256):",
        _BLOBS,
    ),
    Mutant(
        "a blob that the disk has spoilt is sent as if it were whole",
        "service/blobs.py",
        "if first == end and whole.hexdigest() != self._sha256:",
        "if first > end:",
        _BLOBS,
    ),
    Mutant(
        "a blob is forgotten though history names it",
        "service/decide/contents.py",
        "if blob.released and table.sequence(key) < oldest else []",
        "if blob.released else []",
        _COLLECTING,
    ),
    Mutant(
        "a blob that is named again stays released",
        "service/decide/contents.py",
        "return [updated(context, BLOB, blob.id, blob)] if known.released else []",
        "return []",
        _COLLECTING,
    ),
    Mutant(
        "a document names a blob that nothing is known of",
        "service/decide/contents.py",
        "changes = [change, *held(context, command.content)]",
        "changes = [change]",
        _COLLECTING,
    ),
    Mutant(
        "a snapshot does not count as something that names blobs",
        "wal/retention.py",
        "return min([*snapshots, *segment_paths(file_system, directory)])",
        "return min(segment_paths(file_system, directory))",
        ("tests/wal/test_retention.py",),
    ),
    Mutant(
        "a content is stored though its digest is another one",
        "service/http/digests.py",
        "if arrived != digest:",
        "if len(arrived) != len(digest):",
        ("tests/http/test_content.py",),
    ),
)
