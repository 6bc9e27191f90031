"""Answers out of the bytes of a connection: HTTP/1.1 as far as a load tester meets it."""

from __future__ import annotations

import re
from typing import NamedTuple

_END = b"\r\n\r\n"
_LINE = b"\r\n"
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
_HEAD_MAX = 64 * 1024
_NO_BODY = frozenset({204, 304})
_INTERIM = 200


class AnswerError(Exception):
    """What arrived is no answer that can be read."""


class Answer(NamedTuple):
    """One answer.

    Attributes:
        status: Of HTTP.
        body: Its bytes.
        closes: The server closes the connection after it.
    """

    status: int
    body: bytes
    closes: bool


class AnswerReader:
    """Takes bytes as they arrive, and gives the answer once it is whole. One request is open at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[int, bool] | None = None
        self._length: int | None = None
        self._chunks: list[bytes] = []

    def feed(self, data: bytes) -> Answer | None:
        """Return the answer that these bytes end, None while more must come.

        Raises:
            AnswerError: They are no answer.
        """
        self._buffer += data
        if self._head is None and not self._read_head():
            return None
        body = self._dechunked() if self._length is None else self._whole()
        if body is None or self._head is None:
            return None
        answer = Answer(self._head[0], body, self._head[1])
        self._head = None
        return answer

    def _read_head(self) -> bool:
        end = self._buffer.find(_END)
        if end < 0:
            if len(self._buffer) > _HEAD_MAX:
                raise AnswerError(f"no end of the header within {_HEAD_MAX} bytes")
            return False
        head = bytes(self._buffer[: end + len(_LINE)])
        del self._buffer[: end + len(_END)]
        found = _STATUS.match(head)
        if found is None:
            raise AnswerError(f"expected an answer of HTTP/1.1, found {head[:60]!r}")
        status = int(found[1])
        if status < _INTERIM:
            return bool(self._buffer) and self._read_head()
        length = _LENGTH.search(head)
        if length is not None or status in _NO_BODY:
            self._length = int(length[1]) if length is not None and status not in _NO_BODY else 0
        elif _CHUNKED.search(head) is not None:
            self._length = None
        else:
            raise AnswerError("the answer has neither Content-Length nor chunks")
        self._head = (status, _CLOSES.search(head) is not None)
        return True

    def _whole(self) -> bytes | None:
        if self._length is None or len(self._buffer) < self._length:
            return None
        body = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        return body

    def _dechunked(self) -> bytes | None:
        while (end := self._buffer.find(_LINE)) >= 0:
            line = bytes(self._buffer[:end]).partition(b";")[0].strip()
            try:
                size = int(line, 16)
            except ValueError:
                raise AnswerError(f"expected the size of a chunk, found {line[:60]!r}") from None
            whole = end + len(_LINE) + size + len(_LINE)
            if len(self._buffer) < whole:
                return None
            if size:
                self._chunks.append(bytes(self._buffer[end + len(_LINE) : whole - len(_LINE)]))
            del self._buffer[:whole]
            if not size:
                body, self._chunks = b"".join(self._chunks), []
                return body
        return None
