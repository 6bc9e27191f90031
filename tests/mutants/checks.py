"""Bugs in what is checked before it is believed, and in what may go and what must stay."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_CUTS = ("tests/wal/test_power_cuts.py",)
_RECOVERY = ("tests/wal/test_recovery.py",)
_OPENING = ("tests/wal/test_opening.py", "tests/test_server.py")
_COMPACTION = ("tests/wal/test_compaction.py", "tests/wal/test_compactor.py")
_LOG = ("tests/wal/test_log.py",)

CHECKS = (
    Mutant(
        "the checksum of a payload is not compared",
        "wal/record.py",
        "    if crc32c(payload) != header.payload_checksum or padding.strip",
        "    if padding.strip",
        ("tests/wal/test_record.py", *_RECOVERY),
    ),
    Mutant(
        "the checksum of a record's header is not compared",
        "wal/record.py",
        "    if crc32c(fields) != checksum or fields[5:8]",
        "    if fields[5:8]",
        ("tests/wal/test_record.py", *_RECOVERY),
    ),
    Mutant(
        "the checksum of a segment's header is not compared",
        "wal/segment.py",
        "    if crc32c(data[:end]) != checksum or not rest_is_zero:\n",
        "    if not rest_is_zero:\n",
        _RECOVERY,
    ),
    Mutant(
        "the checksum of a snapshot's block is not compared",
        "wal/snapshot.py",
        "        if len(payload) < length or crc32c(payload) != checksum:\n",
        "        if len(payload) < length:\n",
        ("tests/wal/test_snapshot.py",),
    ),
    Mutant(
        "the digest of the record before is not compared",
        "wal/scanner.py",
        "        and header.previous == position.digest\n",
        "",
        _RECOVERY,
    ),
    Mutant(
        "a record of a later batch proves nothing",
        "wal/scanner.py",
        "    return Ending(end, offset, position, _later_batch(data, offset, position))\n",
        "    return Ending(end, offset, position, None)\n",
        _RECOVERY,
    ),
    Mutant(
        "a record of the same batch proves that one before it was durable",
        "wal/scanner.py",
        "and header.batch > position.sequence",
        "and header.sequence > position.sequence",
        _RECOVERY,
    ),
    Mutant(
        "the state digest of a seal is not compared",
        "wal/recovery.py",
        "        if self._state.digest.to_bytes(16) != seal.state_digest:\n",
        "        if False:\n",
        _RECOVERY,
    ),
    Mutant(
        "the bytes of a torn batch stay behind what verified",
        "wal/recovery.py",
        "            records = data[SEGMENT_HEADER_BYTES : ending.offset]\n",
        "            records = data[SEGMENT_HEADER_BYTES:]\n",
        (*_RECOVERY, *_CUTS),
    ),
    Mutant(
        "the epoch is not raised",
        "wal/recovery.py",
        "        self.epoch = lock.last.epoch + 1\n",
        "        self.epoch = lock.last.epoch or 1\n",
        (*_RECOVERY, *_OPENING),
    ),
    Mutant(
        "the epochs of the segments do not count",
        "wal/recovery.py",
        "base.epoch + 1, *(segment.header.epoch + 1 for segment in segments))\n",
        "base.epoch + 1)\n",
        (*_RECOVERY, *_OPENING),
    ),
    Mutant(
        "the epoch of a shutdown's seal does not count",
        "wal/judgement.py",
        "    return Last.SHUTDOWN if found.header.epoch == header.epoch else Last.REOPENED\n",
        "    return Last.SHUTDOWN\n",
        (*_RECOVERY, *_CUTS),
    ),
    Mutant(
        "the directory is not held",
        "wal/file_system.py",
        "                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "                pass\n",
        _OPENING,
    ),
    Mutant(
        "a compaction is believed whatever its digest",
        "wal/compactor.py",
        "        if (compacted.sequence, compacted.state_digest) != sealed or compacted.sealed_digest",
        "        if compacted.sequence != sealed.sequence or sealed.state_digest",
        _COMPACTION,
    ),
    Mutant(
        "segments are archived before the new snapshot is compared",
        "wal/compactor.py",
        "        if (compacted.sequence, compacted.state_digest) != sealed or",
        "        await asyncio.to_thread(self._file_system.rename, Path(work.job.target), "
        "snapshot_path(self._snapshots, compacted.sequence))\n"
        "        await self._pruner.prune()\n"
        "        await asyncio.to_thread(self._file_system.rename, "
        "snapshot_path(self._snapshots, compacted.sequence), Path(work.job.target))\n"
        "        if (compacted.sequence, compacted.state_digest) != sealed or",
        _COMPACTION,
    ),
    Mutant(
        "a snapshot is not read back",
        "wal/compaction.py",
        "    footer = verify(file_system, target)\n",
        "    footer = writer._totals.footer()\n",
        _COMPACTION,
    ),
    Mutant(
        "what was archived is not read back",
        "wal/archive.py",
        "    if read_archived(file_system, temporary, header.first)[:2] != (header, data):\n",
        "    if False:\n",
        ("tests/wal/test_archive.py",),
    ),
    Mutant(
        "an archived segment that tells no time goes at once",
        "wal/archive.py",
        "        following = sealed_at(file_system, path) or following\n",
        "        following = sealed_at(file_system, path)\n",
        ("tests/wal/test_archive.py",),
    ),
    Mutant(
        "a start that is to stop gets the tail ready all the same",
        "wal/recovery.py",
        "        self._heed_stop()\n        segment, ending",
        "        segment, ending",
        _OPENING,
    ),
    Mutant(
        "one snapshot is kept, and the log is archived up to the newest",
        "wal/pruner.py",
        "SNAPSHOTS_KEPT = 2\n",
        "SNAPSHOTS_KEPT = 1\n",
        (*_COMPACTION, *_CUTS),
    ),
    Mutant(
        "a record is admitted without room for it",
        "wal/log.py",
        "        if not self._prepared and not self._fits(self._settings.frame_bytes_max):\n            raise",
        "        if False:\n            raise",
        _LOG,
    ),
    Mutant(
        "a record behind a seal gets the seal's sequence",
        "wal/log.py",
        "            entry = msgspec.structs.replace(entry, sequence=self.sequence + 1)\n",
        "",
        _CUTS,
    ),
    Mutant(
        "a stored time goes back, in the log",
        "wal/log.py",
        "        stamp = max(time, self.time)\n",
        "        stamp = time\n",
        _LOG,
    ),
    Mutant(
        "a stored time goes back over a snapshot",
        "wal/recovery.py",
        "        self._time = base.time\n",
        "",
        ("tests/wal/test_compaction.py", *_RECOVERY),
    ),
    Mutant(
        "a lost log is taken for a new directory",
        "wal/recovery.py",
        "        known = self.lock.last.log_id\n",
        "        known = ''\n",
        (*_RECOVERY, *_OPENING),
    ),
)
