"""Recovery tells a torn tail from damage, and refuses damage without changing anything."""

from pathlib import Path

import pytest

from tests.simulated_disk import SECTOR_BYTES, SimulatedDisk
from tests.wal.drive import DIRECTORY, Run
from wal.errors import DamagedError, OutcomeUnknownError, UnsupportedFormatError
from wal.file_store import PREPARED_NAME
from wal.layout import TORN_DIRECTORY
from wal.lock import last_holder
from wal.record import Entry, RecordType, crc32c, frame_batch
from wal.segment import SEGMENT_HEADER_BYTES, read_segment, scan_segment, segment_path

LOG = DIRECTORY / "log"
FIRST = segment_path(LOG, 1)
TORN = DIRECTORY / TORN_DIRECTORY


async def crashed(count: int, *, batch: int = 3, size: int = 300) -> tuple[SimulatedDisk, Run]:
    """Append and crash; everything is on the disk."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.append(count, batch=batch, size=size)
    disk.cut_at = len(disk.operations)
    await run.prepared()
    found = disk.survivor(0)
    if run.log is not None:
        await run.log._stop_preparing()
        await run.log._store.close()
    return found, run


def used(disk: SimulatedDisk, path: Path) -> int:
    """Return where the records of a segment end, in bytes."""
    return len(bytes(disk.content(path)).rstrip(b"\0"))


async def recovered(disk: SimulatedDisk) -> list[str]:
    """Return what a recovery finds."""
    run = Run(disk)
    await run.open()
    await run.close()
    return run.appended


async def test_every_flipped_bit_is_refused_or_has_no_effect() -> None:
    """In header, records and the zeros behind them: never silently another state."""
    disk, run = await crashed(3, batch=1, size=40)
    end = used(disk, FIRST)
    assert end > SEGMENT_HEADER_BYTES
    refused = 0
    places = [*range(120), 600, 4000, *range(SEGMENT_HEADER_BYTES, end + 16)]
    for bit in (offset * 8 + offset % 8 for offset in places):
        damaged = disk.survivor(0)
        damaged.content(FIRST)[bit // 8] ^= 1 << bit % 8
        try:
            found = await recovered(damaged)
        except DamagedError:
            refused += 1
        else:
            assert found == run.appended, f"bit {bit} changed the state"
    assert refused == len(places)


async def test_damage_before_a_later_batch_names_the_place_and_changes_nothing() -> None:
    """Zeros as a crash leaves them are no torn tail when a later batch follows."""
    disk, _ = await crashed(6, batch=1, size=600)
    content = disk.content(FIRST)
    sector = SEGMENT_HEADER_BYTES + SECTOR_BYTES
    content[sector : sector + SECTOR_BYTES] = bytes(SECTOR_BYTES)
    before = bytes(content)
    with pytest.raises(DamagedError, match="a later batch proves") as caught:
        await recovered(disk)
    assert caught.value.path == FIRST
    assert caught.value.sequence == 1
    assert caught.value.offset == SEGMENT_HEADER_BYTES
    assert bytes(disk.content(FIRST)) == before


async def test_a_torn_last_batch_is_cut_reported_and_kept_aside() -> None:
    """A lost sector of the last batch: a prefix of it, and the rest in a file of its own."""
    disk, run = await crashed(6, batch=3, size=600)
    end = used(disk, FIRST)
    last = (end - 1) // SECTOR_BYTES * SECTOR_BYTES
    disk.content(FIRST)[last:end] = bytes(end - last)
    after = Run(disk)
    report = await after.open()
    assert report.torn_bytes > 0
    assert disk.content(Path(report.torn_path))
    assert after.appended == run.appended[:5]
    await after.close()
    assert await recovered(disk) == run.appended[:5]


@pytest.mark.parametrize("room", [100, 3000], ids=["not even for the torn bytes", "for the torn bytes only"])
async def test_starts_without_room_do_not_use_up_what_is_left(room: int) -> None:
    """The torn bytes are kept once, however often it is tried, and no file that is not finished stays."""
    disk, run = await crashed(6, batch=3, size=600)
    end = used(disk, FIRST)
    start = (end - 1) // SECTOR_BYTES * SECTOR_BYTES
    disk.content(FIRST)[start:end] = bytes(end - start)
    if PREPARED_NAME in disk.list(LOG):
        disk.remove(LOG / PREPARED_NAME)
    disk.space = room
    for _ in range(3):
        with pytest.raises(OSError, match="no space left"):
            await Run(disk).open()
        kept = [len(disk.content(path)) for path in disk.files(TORN)]
        assert len(kept) == (room == 3000)
        assert disk.space == room - sum(kept)
        assert disk.list(LOG) == [FIRST.name]
    disk.space = None
    after = Run(disk)
    report = await after.open()
    assert [Path(report.torn_path)] == disk.files(TORN)
    assert len(disk.content(Path(report.torn_path))) == report.torn_bytes > 0
    assert after.appended == run.appended[:5]
    await after.close()


async def test_every_cut_of_the_last_batch_filled_with_zeros_gives_a_prefix() -> None:
    """From the whole batch down to nothing of it, at each sector boundary."""
    disk, run = await crashed(9, batch=9, size=600)
    end = used(disk, FIRST)
    counts = []
    for cut in range(end // SECTOR_BYTES * SECTOR_BYTES, SEGMENT_HEADER_BYTES - 1, -SECTOR_BYTES):
        torn = disk.survivor(0)
        torn.content(FIRST)[cut:end] = bytes(end - cut)
        found = await recovered(torn)
        assert found == run.appended[: len(found)]
        counts.append(len(found))
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0


async def test_a_record_whose_end_was_never_written_is_torn_at_whichever_byte() -> None:
    """A process that is killed within its write leaves the beginning of a record, whatever the sectors are."""
    disk, run = await crashed(3, batch=1, size=40)
    end = used(disk, FIRST)
    last = list(scan_segment(*read_segment(disk, FIRST)))[-1]
    for cut in range(last.offset + 1, end):
        torn = disk.survivor(0)
        torn.content(FIRST)[cut:end] = bytes(end - cut)
        after = Run(torn)
        report = await after.open()
        await after.close()
        assert after.appended == run.appended[:2]
        assert report.torn_bytes == len(bytes(disk.content(FIRST))[last.offset : cut].rstrip(b"\0"))


async def test_what_does_not_begin_as_the_next_record_is_no_torn_one() -> None:
    """A few bytes with zeros behind them: their beginning tells a write that was cut short from damage."""
    disk, _ = await crashed(3, batch=1, size=40)
    end = used(disk, FIRST)
    beginning = bytes(disk.content(FIRST))[SEGMENT_HEADER_BYTES : SEGMENT_HEADER_BYTES + 50]
    for written in (b"B", b"ALRD", beginning):
        stale = disk.survivor(0)
        stale.content(FIRST)[end : end + len(written)] = written
        with pytest.raises(DamagedError, match=rf"offset {end} "):
            await recovered(stale)


async def test_every_cut_of_the_file_is_refused() -> None:
    """A segment is never shorter than it was prepared."""
    disk, _ = await crashed(3)
    whole = len(disk.content(FIRST))
    for length in range(0, whole, 97):
        cut = disk.survivor(0)
        del cut.content(FIRST)[length:]
        with pytest.raises(DamagedError):
            await recovered(cut)


async def test_a_missing_segment_is_refused() -> None:
    """At the beginning, in the middle, and the tail."""
    disk, _ = await crashed(120)
    names = [name for name in disk.list(LOG) if name.endswith(".wal")]
    assert len(names) >= 3
    for name in names:
        without = disk.survivor(0)
        without.remove(LOG / name)
        with pytest.raises(DamagedError):
            await recovered(without)


async def test_a_lost_log_is_not_taken_for_a_new_one() -> None:
    """LOCK remembers that there was one."""
    disk, _ = await crashed(3)
    disk.remove(FIRST)
    with pytest.raises(DamagedError, match="found no segment"):
        await recovered(disk)


async def test_swapped_segments_are_refused() -> None:
    """A segment's header must fit its name."""
    disk, _ = await crashed(120)
    names = [name for name in disk.list(LOG) if name.endswith(".wal")]
    first, second = disk.content(LOG / names[0]), disk.content(LOG / names[1])
    first[:], second[:] = bytes(second), bytes(first)
    with pytest.raises(DamagedError, match="the sequence in its name"):
        await recovered(disk)


async def test_a_segment_of_another_log_is_refused() -> None:
    """Even one that is whole."""
    disk, _ = await crashed(120)
    other, _ = await crashed(120)
    name = [name for name in disk.list(LOG) if name.endswith(".wal")][1]
    disk.content(LOG / name)[:] = other.content(LOG / name)
    with pytest.raises(DamagedError, match="another log"):
        await recovered(disk)


async def test_garbled_bytes_behind_a_shutdown_seal_are_refused() -> None:
    """Nothing is written behind it before the log is opened again."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.append(2)
    await run.close()
    disk.content(FIRST)[used(disk, FIRST) + 8] = 1
    with pytest.raises(DamagedError):
        await recovered(disk)


async def test_a_newer_format_is_told_apart_from_damage() -> None:
    """Its prefix verifies: the message asks for a newer release."""
    disk, _ = await crashed(1)
    prefix = b"ANNOLOG\n" + (2).to_bytes(4, "little")
    disk.content(FIRST)[:16] = prefix + crc32c(prefix).to_bytes(4, "little")
    with pytest.raises(UnsupportedFormatError, match="format version 2"):
        await recovered(disk)


@pytest.mark.parametrize(("batch", "refused"), [(1, True), (2, False)])
async def test_a_later_batch_begins_right_behind_what_is_missing(batch: int, refused: bool) -> None:
    """The next record of another batch proves that what is missing was durable; one of the same batch does not."""
    disk, run = await crashed(4, batch=batch, size=600)
    scan = list(scan_segment(*read_segment(disk, FIRST)))
    missing = scan[-2]
    start = -(-missing.offset // SECTOR_BYTES) * SECTOR_BYTES
    assert missing.offset < start < start + SECTOR_BYTES <= missing.end
    disk.content(FIRST)[start : start + SECTOR_BYTES] = bytes(SECTOR_BYTES)
    if refused:
        with pytest.raises(DamagedError, match=rf"sequence {missing.header.sequence}\)"):
            await recovered(disk)
    else:
        assert await recovered(disk) == run.appended[:2]


async def test_a_record_that_names_another_past_is_refused() -> None:
    """Its own checksums are right: only the chain tells."""
    disk, _ = await crashed(3, batch=1, size=300)
    header, data = read_segment(disk, FIRST)
    found = list(scan_segment(header, data))[1]
    fields = found.header
    forged, _ = frame_batch(
        [Entry(RecordType.TRANSACTION, fields.sequence, found.payload, b"")],
        segment=fields.segment,
        epoch=fields.epoch,
        log_id=fields.log_id,
        previous=bytes(32),
    )
    assert len(forged) == found.end - found.offset
    disk.content(FIRST)[found.offset : found.end] = forged
    with pytest.raises(DamagedError, match=rf"offset {found.offset} "):
        await recovered(disk)


@pytest.mark.parametrize("rotated", [True, False], ids=["rotation", "shutdown"])
async def test_a_state_that_differs_from_the_one_that_was_sealed_is_refused(rotated: bool) -> None:
    """The records verify, but what they lead to is not what the server had."""
    disk = SimulatedDisk()
    run = Run(disk)
    await run.open()
    await run.append(3)
    assert run.log is not None
    run.state.values["note", "smuggled"] = b"in"
    if rotated:
        await run.prepared()
        await run.log.rotate()
        del run.state.values["note", "smuggled"]
    await run.close()
    with pytest.raises(DamagedError, match="found a state with the digest"):
        await Run(disk).open()


@pytest.mark.parametrize("seed", range(8))
async def test_a_torn_batch_behind_the_seal_of_an_earlier_shutdown_is_cut(seed: int) -> None:
    """The segment was opened again since, which its epoch tells; what was written then may be torn."""
    disk = SimulatedDisk()
    first = Run(disk)
    await first.open()
    await first.append(2)
    await first.close()
    second = Run(disk)
    assert (await second.open()).clean
    await second.prepared()
    disk.cut_at = len(disk.operations) + 1
    with pytest.raises(OutcomeUnknownError):
        await second.append(1, size=1500)
    found = disk.survivor(seed)
    await second.close()
    third = Run(found)
    assert not (await third.open()).clean
    assert third.appended in (first.appended, second.appended)
    await third.append(1)
    await third.close()


async def test_the_epoch_of_an_opening_that_failed_is_not_used_again() -> None:
    """LOCK tells it, though no segment does."""
    disk, _ = await crashed(2)
    disk.failing["rename"] = 5
    with pytest.raises(OSError, match="by plan"):
        await recovered(disk)
    failed = last_holder(disk, DIRECTORY)
    disk.failing.clear()
    run = Run(disk)
    report = await run.open()
    assert failed is not None
    assert report.epoch > failed.epoch > 1
    await run.close()
