"""The index of an archived segment: it tells where every change is, with few reads, or refuses."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.simulated_disk import SimulatedDisk
from tests.wal.archiving import archive_segment
from tests.wal.drive import DIRECTORY, Run
from wal.archive_file import Member, archive_path, read_archived, read_member
from wal.archive_index import (
    INDEX_VERSION,
    PAGE_BYTES,
    ArchiveIndex,
    Entry,
    IndexHeader,
    encode_index,
    hash_of_key,
    index_path,
    index_sequence,
)
from wal.change import decode_keys
from wal.errors import DamagedError, UnsupportedFormatError
from wal.index_builder import IndexBuilder, check_index
from wal.record import RecordType, crc32c, decode_header, payload_of
from wal.scanner import Found
from wal.segment import sealed_records, segment_path

ARCHIVE, LOG = DIRECTORY / "archive", DIRECTORY / "log"
PATH = index_path(ARCHIVE, 1)
HEADER = IndexHeader(1, 9, 1000, 0, bytes(range(16)), bytes(32), bytes(range(32)))


@pytest.fixture
async def disk() -> SimulatedDisk:
    """Return a disk with an archived segment of several members, and its index of several pages."""
    run = Run(SimulatedDisk())
    await run.open()
    assert run.log is not None
    await run.append(40, size=50)
    await run.prepared()
    await run.log.rotate()
    await run.close()
    archive_segment(run.disk, segment_path(LOG, 1), ARCHIVE, member_bytes=3000)
    return run.disk


def opened(disk: SimulatedDisk) -> ArchiveIndex:
    """Return the index of the archived segment."""
    return ArchiveIndex(disk, PATH, len(disk.content(archive_path(ARCHIVE, 1))))


def stored(entries: list[Entry]) -> SimulatedDisk:
    """Return a disk with an index of these entries."""
    disk = SimulatedDisk()
    header = HEADER._replace(entries=len(entries))
    disk.open(PATH, create=True).write_at(0, encode_index(header, entries))
    return disk


def found_in(disk: SimulatedDisk) -> list[Found]:
    """Return the transactions of the archived segment."""
    archived = read_archived(disk, archive_path(ARCHIVE, 1), 1)
    found = sealed_records(archive_path(ARCHIVE, 1), archived.header, archived.data)
    return [one for one in found if one.header.type == RecordType.TRANSACTION]


def check(disk: SimulatedDisk) -> bool:
    """Check the index as looking on does."""
    archived = read_archived(disk, archive_path(ARCHIVE, 1), 1)
    builder = IndexBuilder(archived.header)
    for found in sealed_records(archive_path(ARCHIVE, 1), archived.header, archived.data):
        builder.add(found)
    return check_index(disk, ARCHIVE, archived, builder)


def test_every_key_of_a_segment_is_found_where_it_is(disk: SimulatedDisk) -> None:
    """In its member, at its place; what is in no record is not found."""
    index, members = opened(disk), set()
    records = found_in(disk)
    assert len(records) == 40
    for found in records:
        ((kind, key),) = decode_keys(found.payload)
        (entry,) = index.find(hash_of_key(kind, key))
        content = read_member(disk, archive_path(ARCHIVE, 1), 1, entry.member)
        header = decode_header(content, entry.offset)
        assert header == found.header
        assert payload_of(content, entry.offset, header) == found.payload
        assert entry.sequence == found.header.sequence
        members.add(entry.member)
        assert index.find(hash_of_key(kind, f"{key}x")) == []
    assert len(members) > 2
    assert check(disk)


def test_a_key_that_one_record_changes_twice_is_told_once() -> None:
    """The record holds both changes."""
    assert decode_keys(b"\x94\x00\xc0\xa0\x92" + 2 * b"\x94\xc4\x00\xa0\xa4note\xa1x") == {("note", "x")}


@pytest.mark.parametrize("count", [0, 1, 17, 18, 19, 36, 37, 500])
def test_entries_are_found_over_pages_and_collisions_with_them(count: int) -> None:
    """Hashes that many entries share, over page ends, give all of them in order; their neighbours none of them."""
    chance = random.Random(count)
    for spread in (1, 3, 40, 1 << 64):
        hashes = sorted(chance.randrange(spread) for _ in range(count))
        entries = [Entry(key_hash, sequence, sequence * 7, sequence % 5) for sequence, key_hash in enumerate(hashes)]
        index = ArchiveIndex(stored(entries), PATH, 1000)
        assert index.header.entries == count
        for wanted in {*hashes, 0, 2, (1 << 64) - 1}:
            assert index.find(wanted) == [entry for entry in entries if entry.key_hash == wanted], spread


def test_a_look_up_reads_a_few_kilobytes() -> None:
    """Of an index of 2.8 MB."""
    entries = [Entry(number << 40, number, 0, 0) for number in range(100_000)]
    disk = stored(entries)
    index = ArchiveIndex(disk, PATH, 1000)
    disk.operations.clear()
    assert index.find(77_777 << 40) == [entries[77_777]]
    assert set(disk.operations) == {"read"}
    assert len(disk.operations) * PAGE_BYTES <= 8192


def test_a_flipped_bit_is_refused_or_without_effect(disk: SimulatedDisk) -> None:
    """In every byte: the check refuses it, and a look-up too, unless it reads another page."""
    keys = [hash_of_key(*key) for found in found_in(disk) for key in decode_keys(found.payload)]
    content, index = disk.content(PATH), opened(disk)
    expected = {key: index.find(key) for key in keys}
    assert len(content) == 4 * PAGE_BYTES
    for offset in range(len(content)):
        content[offset] ^= 1 << offset % 8
        with pytest.raises(DamagedError) as caught:
            check(disk)
        assert (caught.value.path, caught.value.offset <= offset) == (PATH, True)
        assert "Remove this file" in str(caught.value)
        refused = 0
        for key in keys if offset % 7 == 0 else keys[:1]:
            try:
                assert opened(disk).find(key) == expected[key], offset
            except DamagedError:
                refused += 1
        assert refused or offset >= PAGE_BYTES
        content[offset] ^= 1 << offset % 8
    assert check(disk)


def test_a_cut_or_longer_index_is_refused(disk: SimulatedDisk) -> None:
    """Whatever a look-up would have read of it."""
    whole = bytes(disk.content(PATH))
    for content in [whole[:end] for end in range(0, len(whole), 31)] + [whole + b"\0"]:
        disk.content(PATH)[:] = content
        with pytest.raises(DamagedError):
            opened(disk)


def test_pages_that_were_swapped_or_of_another_index_are_refused(disk: SimulatedDisk) -> None:
    """Each says where it belongs, and its checksum to which index."""
    content = disk.content(PATH)
    whole = bytes(content)
    one, other = whole[PAGE_BYTES : 2 * PAGE_BYTES], whole[2 * PAGE_BYTES : 3 * PAGE_BYTES]
    content[PAGE_BYTES : 3 * PAGE_BYTES] = other + one
    with pytest.raises(DamagedError, match="another page"):
        opened(disk).find(0)
    page = encode_index(HEADER._replace(entries=18), [Entry(1, 1, 1, 1)] * 18)[PAGE_BYTES:]
    content[PAGE_BYTES : 3 * PAGE_BYTES] = page + other
    with pytest.raises(DamagedError, match="a page that does not verify"):
        opened(disk).find(0)


def test_an_index_that_is_sound_but_another_one_is_refused(disk: SimulatedDisk) -> None:
    """By its name, by the size of the archived file, and by the check whatever else it says."""
    with pytest.raises(DamagedError, match="the index of an archived segment of"):
        ArchiveIndex(disk, PATH, 7)
    disk.rename(PATH, index_path(ARCHIVE, 2))
    with pytest.raises(DamagedError, match="a header for sequence 1"):
        ArchiveIndex(disk, index_path(ARCHIVE, 2), 7)
    disk.rename(index_path(ARCHIVE, 2), PATH)
    header = opened(disk).header
    disk.content(PATH)[:] = encode_index(header, [Entry(number, 1, 0, 0) for number in range(header.entries)])
    opened(disk)
    with pytest.raises(DamagedError, match="another content"):
        check(disk)


def test_a_newer_format_is_told_apart_from_damage(disk: SimulatedDisk) -> None:
    """The first bytes keep their meaning."""
    prefix = b"ANNOIDX\n" + (INDEX_VERSION + 1).to_bytes(4, "little")
    disk.content(PATH)[:16] = prefix + crc32c(prefix).to_bytes(4, "little")
    with pytest.raises(UnsupportedFormatError, match="format version 2"):
        opened(disk)


def test_a_missing_index_is_no_damage(disk: SimulatedDisk) -> None:
    """It is derived data."""
    disk.remove(PATH)
    assert not check(disk)


@pytest.mark.parametrize(
    ("name", "expected"),
    [(f"{7:020d}.wal.index", 7), (f"{7:020d}.wal", None), (f"{7:020d}.wal.gz", None), ("7.wal.index", None)],
)
def test_other_files_are_no_indexes(name: str, expected: int | None) -> None:
    """Whatever lies there."""
    assert index_sequence(name) == expected
    assert Path(index_path(ARCHIVE, 7)).name == f"{7:020d}.wal.index"


async def test_a_record_in_a_member_that_holds_many_is_placed_within_it(disk: SimulatedDisk) -> None:
    """The member that begins last before it, and the rest."""
    archived = read_archived(disk, archive_path(ARCHIVE, 1), 1)
    builder = IndexBuilder(archived.header, lambda _, id_: int(id_[3:]))
    for found in sealed_records(PATH, archived.header, archived.data):
        builder.add(found)
    offsets = [found.offset for found in found_in(disk)]
    members = [Member(0, 0), Member(50, offsets[10]), Member(90, offsets[30])]
    disk.content(PATH)[:] = builder.encode(members, 1234)
    index = ArchiveIndex(disk, PATH, 1234)
    for number, offset in enumerate(offsets):
        member = members[(number >= 10) + (number >= 30)]
        assert [entry[2:] for entry in index.find(number)] == [(member.offset, offset - member.start)]
