"""The record codec."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wal.model import put
from wal.change import Change, Record, decode_raw_record, decode_record
from wal.record import (
    ALIGNMENT,
    HEADER_BYTES,
    NO_DIGEST,
    Entry,
    RecordType,
    Seal,
    chain_digest,
    decode_header,
    decode_seal,
    frame_batch,
    frame_bytes,
    link_of_record,
    payload_of,
    seal,
    transaction,
)

LOG_ID = b"0123456789abcdef"


def frame(*entries: Entry) -> bytes:
    """Frame a batch at the beginning of a log."""
    return frame_batch(entries, segment=1, epoch=1, log_id=LOG_ID, previous=NO_DIGEST)[0]


def entry(sequence: int, value: bytes = b"{}") -> Entry:
    """Return a transaction of one change."""
    return transaction(sequence, Record(7, "user_1", "op", [put("a", value)]))


@given(st.binary(max_size=200))
def test_a_frame_gives_back_its_record(value: bytes) -> None:
    """What was framed is read again, whatever the value."""
    data = frame(entry(1, value))
    header = decode_header(data, 0)
    assert header is not None
    payload = payload_of(data, 0, header)
    assert payload is not None
    assert decode_record(payload) == Record(7, "user_1", "op", [put("a", value)])


@given(st.integers(0, 5000))
def test_a_frame_is_aligned_and_ends_in_a_byte_that_is_not_zero(length: int) -> None:
    """So that a frame whose end was never written is told from a whole one."""
    data = frame(Entry(RecordType.TRANSACTION, 1, bytes(length), b""))
    assert len(data) == frame_bytes(length)
    assert len(data) % ALIGNMENT == 0
    assert data[-1] != 0


def test_every_flipped_bit_of_a_frame_is_noticed() -> None:
    """Header, payload, padding and trailer are all covered."""
    whole = frame(entry(1))
    for bit in range(len(whole) * 8):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        header = decode_header(bytes(data), 0)
        assert header is None or payload_of(bytes(data), 0, header) is None, f"bit {bit}"


def test_every_cut_of_a_frame_is_noticed() -> None:
    """A frame that is not all there does not verify."""
    whole = frame(entry(1))
    for length in range(len(whole)):
        data = whole[:length]
        header = decode_header(data, 0)
        assert header is None or payload_of(data, 0, header) is None


def test_a_batch_names_its_first_sequence_and_chains_its_records() -> None:
    """Each header names the batch and the digest before it."""
    first, second = entry(5), entry(6)
    data = frame(first, second)
    headers = [decode_header(data, 0), decode_header(data, frame_bytes(len(first.payload)))]
    assert [header.batch for header in headers if header] == [5, 5]
    assert headers[1] is not None
    assert headers[1].previous == chain_digest(NO_DIGEST, first.type, 5, first.link)


def test_the_link_of_a_record_that_was_read_is_the_link_it_was_written_with() -> None:
    """The chain can be checked from the bytes alone."""
    written = entry(1, b"some value")
    assert link_of_record(decode_raw_record(written.payload)) == written.link


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (Record(8, "user_1", "op", [put("a", b"1")]), "time"),
        (Record(7, "user_2", "op", [put("a", b"1")]), "actor"),
        (Record(7, "user_1", "op", [put("a", b"2")]), "value"),
        (Record(7, "user_1", "op", [Change(b"salt", "note.put", "note", "a", 1, 0, b"1")]), "salt"),
    ],
)
def test_the_digest_covers_each_part(other: Record, what: str) -> None:
    """Another part, another digest."""
    one = transaction(1, Record(7, "user_1", "op", [put("a", b"1")]))
    two = transaction(1, other)
    assert chain_digest(NO_DIGEST, 1, 1, one.link) != chain_digest(NO_DIGEST, 1, 1, two.link), what


def test_a_seal_gives_back_what_it_holds() -> None:
    """Its type tells rotation from shutdown."""
    content = Seal(9, bytes(16), {"note": 3}, 12)
    assert decode_seal(seal(11, content).payload) == content
    assert seal(11, content).type is RecordType.ROTATION_SEAL
    assert seal(11, Seal(9, bytes(16), {}, None)).type is RecordType.SHUTDOWN_SEAL


def test_the_header_has_the_size_that_the_format_says() -> None:
    """96 bytes, as drawn in the format's document."""
    assert frame_bytes(0) == HEADER_BYTES + ALIGNMENT
