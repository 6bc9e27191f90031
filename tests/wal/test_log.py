"""The log: group commit, waiting, admission, rotation, poisoning."""

import asyncio
import errno
import threading
import time
from typing import Never

import msgspec
import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.drive import SETTINGS, Run
from tests.wal.model import put
from wal.change import Change, Record, encode_record
from wal.errors import (
    ClosedError,
    DirectoryLockedError,
    NoRoomError,
    OutcomeUnknownError,
    PoisonedError,
    RecordTooLargeError,
)
from wal.settings import LogSettings


async def opened(disk: SimulatedDisk) -> Run:
    """Return a run whose log is open and has its next segment prepared."""
    run = Run(disk)
    await run.open()
    await run.prepared()
    return run


async def test_nothing_is_durable_before_its_sync_returned() -> None:
    """`append` alone promises nothing; after `wait` the record is on the disk."""
    disk = SimulatedDisk()
    run = await opened(disk)
    assert run.log is not None
    sequence = run.put()
    assert run.log.durable < sequence
    await run.log.wait(sequence)
    assert run.log.durable == sequence
    after = await opened(disk.survivor(1))
    assert after.appended == run.appended
    await run.close()
    await after.close()


async def test_what_is_ready_together_shares_one_write_and_one_sync() -> None:
    """Sixty-four callers of one turn of the loop cost one sync."""
    disk = SimulatedDisk()
    run = await opened(disk)
    assert run.log is not None
    before = disk.operations.copy()
    sequences = [run.put(100) for _ in range(64)]
    await asyncio.gather(*(run.log.wait(sequence) for sequence in reversed(sequences)))
    assert disk.operations[len(before) :] == ["write", "sync"]
    await run.close()


async def test_a_client_alone_waits_for_nobody_else() -> None:
    """After some batches of one record each the next is written at once; where others come, they share again."""
    disk = SimulatedDisk()
    run = await opened(disk)
    assert run.log is not None
    for _ in range(8):
        await run.log.wait(run.put(100))
    before = len(disk.operations)
    alone = run.put(100)
    deadline = time.monotonic() + 30
    while disk.operations[before:] != ["write", "sync"]:
        assert time.monotonic() < deadline, "it waits for a turn of the loop"
    assert run.log.durable < alone
    await run.log.wait(alone)
    for syncs in (2, 1):
        before = len(disk.operations)
        await run.log.wait([run.put(100) for _ in range(20)][-1])
        assert disk.operations[before:] == ["write", "sync"] * syncs
    await run.close()


@pytest.mark.parametrize("batches", [0, 8])
async def test_a_batch_that_cannot_be_handed_over_poisons(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """For want of memory perhaps, at once or in the next turn of the loop: `append` returns, and `wait` tells."""
    run = await opened(SimulatedDisk())
    assert run.log is not None
    for _ in range(batches):
        await run.log.wait(run.put(100))

    def append(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(run.log._store, "append", append)
    sequence = run.put(100)
    with pytest.raises(OutcomeUnknownError):
        await run.log.wait(sequence)
    with pytest.raises(PoisonedError):
        run.log.admit()
    await run.close()


async def test_a_writer_that_ends_before_a_batch_is_handed_over_leaves_nothing_to_hand_over() -> None:
    """The batch is still to be taken from the queue, in the next turn of the loop, when the queue is emptied."""
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    run = await opened(SimulatedDisk())
    assert run.log is not None
    sequence = run.put(100)
    run.log._store._writer.on_end(OSError("it has ended"))
    await asyncio.sleep(0)
    assert not faults
    with pytest.raises(OutcomeUnknownError, match="whether this is stored"):
        await run.log.wait(sequence)
    await run.close()


async def test_batches_are_counted_once_they_are_durable() -> None:
    """How many, of how many records, and how long they took."""
    run = await opened(SimulatedDisk())
    assert run.log is not None
    before = msgspec.structs.replace(run.log.batches)
    sequences = [run.put(100) for _ in range(10)]
    assert run.log.batches == before
    await run.log.wait(sequences[-1])
    after = run.log.batches
    assert (after.count - before.count, after.records - before.records) == (1, 10)
    assert 0 < after.seconds - before.seconds < 10
    await run.close()


async def test_an_older_mark_is_woken_before_a_newer_one() -> None:
    """A reader that waits for an earlier record is not held up by a writer that came first."""
    disk = SimulatedDisk()
    run = await opened(disk)
    assert run.log is not None
    first = run.put()
    await asyncio.sleep(0)
    second = run.put()
    order: list[int] = []

    async def waits(sequence: int) -> None:
        assert run.log is not None
        await run.log.wait(sequence)
        order.append(sequence)

    await asyncio.gather(waits(second), waits(first))
    assert order == [first, second]
    await run.close()


async def test_a_failed_sync_poisons_the_log() -> None:
    """Callers get an unknown outcome, nothing is retried, nothing more is taken."""
    disk = SimulatedDisk()
    run = await opened(disk)
    assert run.log is not None
    disk.failing["sync"] = errno.EIO
    sequence = run.put()
    with pytest.raises(OutcomeUnknownError):
        await run.log.wait(sequence)
    disk.failing.clear()
    syncs = disk.operations.count("sync")
    with pytest.raises(PoisonedError):
        run.log.admit()
    with pytest.raises(OutcomeUnknownError):
        await run.log.wait(sequence)
    assert isinstance(run.log.poisoned.result(), OSError)
    await run.close()
    assert disk.operations.count("sync") == syncs


@pytest.mark.parametrize("operation", ["write", "rename", "sync_directory"])
async def test_a_failed_rotation_poisons_the_log(operation: str) -> None:
    """Whichever call of it fails, the next recovery finds all that was acknowledged."""
    disk = SimulatedDisk()
    run = await opened(disk)
    assert run.log is not None
    await run.append(5)
    disk.failing[operation] = errno.EIO
    with pytest.raises(OutcomeUnknownError):
        await run.log.rotate()
    disk.failing.clear()
    await run.close()
    after = await opened(disk.survivor(3))
    assert after.appended == run.appended
    await after.close()


async def test_a_full_disk_refuses_before_anything_is_decided_and_comes_back() -> None:
    """The tail is used up to what the largest record needs; room given back is taken by itself."""
    disk = SimulatedDisk()
    run = await opened(disk)
    assert run.log is not None
    disk.space = 100
    run.put()
    await run.log.rotate()
    with pytest.raises(NoRoomError, match=r"no space left|being prepared"):
        await run.append_until_refused()
    assert not run.log.poisoned.done()
    kept = len(run.appended)
    disk.space = None
    await run.prepared()
    await run.append(3)
    await run.close()
    after = await opened(disk.survivor(4))
    assert len(after.appended) == kept + 3
    await after.close()


async def test_writers_wait_while_a_segment_is_being_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a preparation that has failed is a full disk."""
    run = await opened(SimulatedDisk())
    assert run.log is not None
    prepare, go_on = run.log._store.prepare, threading.Event()

    def slowly() -> None:
        assert go_on.wait(20)
        prepare()

    monkeypatch.setattr(run.log._store, "prepare", slowly)
    run.put()
    await run.log.rotate()
    with pytest.raises(NoRoomError, match="it is being prepared"):
        await run.append_until_refused()
    waiting = asyncio.create_task(run.log.room())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    go_on.set()
    await asyncio.wait_for(waiting, 20)
    run.log.admit()
    await run.close()


async def test_nobody_waits_for_room_on_a_full_disk() -> None:
    """Nor once the log has failed or is closed."""
    disk = SimulatedDisk()
    run = await opened(disk)
    assert run.log is not None
    disk.space = 0
    run.put()
    await run.log.rotate()
    with pytest.raises(NoRoomError):
        await run.append_until_refused()
    await asyncio.wait_for(run.log.room(), 5)
    with pytest.raises(NoRoomError, match="no space left"):
        run.log.admit()
    await run.close()


async def test_a_record_of_the_largest_size_is_taken_and_one_byte_more_is_not() -> None:
    """The limit is on the payload, and refusing changes nothing."""
    run = await opened(SimulatedDisk())
    assert run.log is not None
    overhead = _payload_overhead()
    fits = put("k", bytes(SETTINGS.record_bytes_max - overhead))
    too_large = put("k", bytes(SETTINGS.record_bytes_max - overhead + 1))
    with pytest.raises(RecordTooLargeError):
        run.log.append([too_large], time=0, actor=None, operation="o")
    assert run.log.sequence == 0
    assert run.log.append([fits], time=0, actor=None, operation="o") == 1
    await run.close()


async def test_what_cannot_fit_is_refused_before_it_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deletion may name far more than a record holds; encoding and digesting all of it would hold everybody up."""
    run = await opened(SimulatedDisk())
    assert run.log is not None

    def encode(*_: object) -> Never:
        raise AssertionError("it was encoded")

    monkeypatch.setattr("wal.log.transaction", encode)
    half = bytes(SETTINGS.record_bytes_max // 2)
    gone = Change(b"", "note.deleted", "note", "k", 1, 0, None, before=half)
    with pytest.raises(RecordTooLargeError, match="at least"):
        run.log.append([put("a", half), gone, put("b", b"x")], time=0, actor=None, operation="o")
    await run.close()


def _payload_overhead() -> int:
    """Return what a record takes besides its value, for values whose length takes two bytes to tell."""
    value = bytes(1000)
    record = Record(0, None, "o", [Change(bytes(16), "note.put", "note", "k", 1, 0, value)])
    return len(encode_record(record)) - len(value)


async def test_a_closed_log_takes_no_more() -> None:
    """And closing twice is one closing."""
    run = await opened(SimulatedDisk())
    assert run.log is not None
    await run.close()
    await run.close()
    with pytest.raises(ClosedError):
        run.log.admit()


async def test_a_second_opening_is_refused_and_names_the_holder() -> None:
    """One directory has one writer."""
    disk = SimulatedDisk()
    run = await opened(disk)
    with pytest.raises(DirectoryLockedError, match=r"in use by process \d+ on "):
        await Run(disk).open()
    await run.close()
    again = await opened(disk)
    await again.close()


async def test_rotating_an_empty_tail_does_nothing() -> None:
    """There is nothing to seal."""
    run = await opened(SimulatedDisk())
    assert run.log is not None
    assert await run.log.rotate() is None
    await run.append(1)
    assert await run.log.rotate() == run.log.sequence
    await run.close()


async def test_time_never_goes_back() -> None:
    """A clock that was set back does not reorder what happened."""
    run = await opened(SimulatedDisk())
    assert run.log is not None
    run.log.append([put("a", b"1")], time=1000, actor=None, operation="o")
    run.log.append([put("b", b"1")], time=10, actor=None, operation="o")
    assert run.log.time == 1000
    await run.close()


def test_a_segment_must_hold_the_largest_record() -> None:
    """Settings that could never admit a record are refused."""
    with pytest.raises(ValueError, match="too small for a record"):
        LogSettings(segment_bytes=4096, record_bytes_max=4096)
