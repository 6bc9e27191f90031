"""Bugs in what is synced, in which order, and when it is acknowledged."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_CUTS = ("tests/wal/test_power_cuts.py",)
_WRITER = ("tests/wal/test_writer.py",)
_LOG = ("tests/wal/test_log.py", "tests/wal/test_recovery.py")
_ARCHIVE = ("tests/wal/test_archive.py",)

SYNCS = (
    Mutant(
        "no sync of a batch, by the thread",
        "wal/writer.py",
        "            file.write_at(offset, data)\n            file.sync()\n",
        "            file.write_at(offset, data)\n",
        (*_WRITER, *_CUTS),
    ),
    Mutant(
        "no sync of a batch, by the process",
        "wal/writer_main.py",
        "        os.fdatasync(descriptor)\n",
        "        pass\n",
        _WRITER,
    ),
    Mutant(
        "a batch is synced before it is written, by the thread",
        "wal/writer.py",
        "            file.write_at(offset, data)\n            file.sync()\n",
        "            file.sync()\n            file.write_at(offset, data)\n",
        (*_WRITER, *_CUTS),
    ),
    Mutant(
        "a failed sync is tried again, by the thread",
        "wal/writer.py",
        "            file.sync()\n",
        "            try:\n                file.sync()\n            except OSError:\n                file.sync()\n",
        (*_WRITER, *_LOG),
    ),
    Mutant(
        "a failed sync is tried again, by the process",
        "wal/writer_main.py",
        "        os.fdatasync(descriptor)\n",
        "        try:\n            os.fdatasync(descriptor)\n        except OSError:\n"
        "            os.fdatasync(descriptor)\n",
        _WRITER,
    ),
    Mutant(
        "a failed sync is passed over, by the log",
        "wal/log.py",
        "            self._poison_once(error)\n            return\n        self.durable",
        "            pass\n        self.durable",
        _LOG,
    ),
    Mutant(
        "a poisoned log takes more",
        "wal/log.py",
        "        if self.poisoned.done():\n            raise PoisonedError(",
        "        if False:\n            raise PoisonedError(",
        (*_LOG, *_WRITER),
    ),
    Mutant(
        "acknowledged before the sync, by the log",
        "wal/log.py",
        "        if sequence <= self.durable:\n            return\n",
        "        if sequence <= self.sequence:\n            return\n",
        (*_LOG, *_CUTS),
    ),
    Mutant(
        "acknowledged before the sync, by the process",
        "wal/writer_main.py",
        "        connection.sendall(ANSWER.pack(errno.EMFILE "
        "if descriptor < 0 else write(descriptor, offset, data)))\n",
        "        connection.sendall(ANSWER.pack(0))\n        write(descriptor, offset, data)\n",
        _WRITER,
    ),
    Mutant(
        "a second batch is written before the first is synced",
        "wal/log.py",
        "        if not self._busy:\n            self._busy = True\n",
        "        if True:\n            self._busy = True\n",
        (*_LOG, *_CUTS),
    ),
    Mutant(
        "no sync of the directory at a rotation",
        "wal/file_store.py",
        "segment_path(directory, header.first))\n    file_system.sync_directory(directory)\n",
        "segment_path(directory, header.first))\n",
        _CUTS,
    ),
    Mutant(
        "a segment gets its name before it is synced",
        "wal/file_store.py",
        "    prepared.sync()\n"
        "    file_system.rename(directory / PREPARED_NAME, segment_path(directory, header.first))\n",
        "    file_system.rename(directory / PREPARED_NAME, segment_path(directory, header.first))\n",
        _CUTS,
    ),
    Mutant(
        "a segment is sealed before its successor is durable, which then takes records",
        "wal/file_store.py",
        "        successor = publish(self._file_system, self._directory, self._prepared, header)\n"
        "        self._prepared = None\n"
        "        self._tail.file.write_at(self._tail.position, frames)\n"
        "        self._tail.file.sync()\n",
        "        self._tail.file.write_at(self._tail.position, frames)\n"
        "        self._tail.file.sync()\n"
        "        successor = publish(self._file_system, self._directory, self._prepared, header)\n"
        "        self._prepared = None\n",
        _CUTS,
    ),
    Mutant(
        "a seal is not synced",
        "wal/file_store.py",
        "        self._tail.file.sync()\n        self._tail.file.close()\n",
        "        self._tail.file.close()\n",
        _CUTS,
    ),
    Mutant(
        "no sync of the directory when a snapshot gets its name",
        "wal/compactor.py",
        "rename(target, snapshot_path(self._snapshots, sequence))\n"
        "        self._file_system.sync_directory(self._snapshots)\n",
        "rename(target, snapshot_path(self._snapshots, sequence))\n",
        ("tests/wal/test_compactor.py", *_CUTS),
    ),
    Mutant(
        "a snapshot gets its name before it is synced",
        "wal/snapshot.py",
        "msgspec.msgpack.encode(footer))\n        self._file.sync()\n",
        "msgspec.msgpack.encode(footer))\n",
        ("tests/wal/test_snapshot.py", "tests/wal/test_compaction.py", *_CUTS),
    ),
    Mutant(
        "recovery builds on what only the page cache holds",
        "wal/recovery.py",
        "            file.sync()\n            file.drop_cache()\n            file.close()\n"
        "        self._file_system.sync_dir",
        "            file.close()\n        self._file_system.sync_dir",
        ("tests/wal/test_recovery.py", *_CUTS),
    ),
    Mutant(
        "a segment leaves the log before its place in the archive is durable",
        "wal/pruner.py",
        "        publish_archived(self._file_system, self._archive, first)\n"
        "        self._file_system.remove(segment_path(self._segments, first))\n",
        "        self._file_system.remove(segment_path(self._segments, first))\n"
        "        publish_archived(self._file_system, self._archive, first)\n",
        _CUTS,
    ),
    Mutant(
        "no sync of the directory when a segment gets its place in the archive",
        "wal/archive.py",
        "        # Nothing says in which order two names of a directory reach the disk.\n"
        "        file_system.sync_directory(directory)\n",
        "",
        _ARCHIVE,
    ),
    Mutant(
        "what is archived is not synced",
        "wal/archive.py",
        "        paced.sync()\n",
        "",
        _ARCHIVE,
    ),
)
