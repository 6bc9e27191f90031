"""Answers are read whole, in whatever pieces they arrive."""

from __future__ import annotations

import pytest

from service.load.answer import Answer, AnswerError, AnswerReader

PLAIN = b"HTTP/1.1 201 Created\r\ncontent-LENGTH:5\r\nServer: x\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_pieces_of_any_size_are_put_together(size: int) -> None:
    """One answer after the other, with a length, in chunks, and without a body."""
    reader = AnswerReader()
    found: list[Answer] = []
    for one in (PLAIN, CHUNKED, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", PLAIN):
        pieces = [one[start : start + size] for start in range(0, len(one), size)]
        found += [answer for piece in pieces if (answer := reader.feed(piece)) is not None]
    assert found == [
        Answer(201, b"hello", closes=False),
        Answer(200, b"hello world", closes=False),
        Answer(304, b"", closes=False),
        Answer(201, b"hello", closes=False),
    ]


def test_an_interim_answer_is_passed_over() -> None:
    """What counts comes behind it, in the same bytes or later."""
    assert AnswerReader().feed(b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN) == Answer(201, b"hello", closes=False)
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.1 100 Continue\r\n\r\n") is None
    assert reader.feed(PLAIN) == Answer(201, b"hello", closes=False)


def test_the_end_of_the_connection_is_told() -> None:
    """Nothing may be sent on it any more."""
    answer = AnswerReader().feed(b"HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert answer == Answer(503, b"", closes=True)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "expected an answer of HTTP"),
        (b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", "neither"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "size of a chunk"),
        (b"x" * 70_000, "no end of the header"),
    ],
)
def test_what_is_no_answer_is_refused(data: bytes, says: str) -> None:
    """With what was found."""
    with pytest.raises(AnswerError, match=says):
        AnswerReader().feed(data)
