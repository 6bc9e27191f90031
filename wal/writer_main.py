"""What runs in the writer's process: take a batch from the socket, write it, sync it, say so.

It is run as a file, with the standard library alone, so that it starts fast and stays small. It ends when the socket
does. A request is a header, whose first one for a file carries its descriptor, and the data; an answer is an errno.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
import sys

REQUEST = struct.Struct("<QQ?")
"""Offset in the file and length of the data, in bytes; and if it is another file, whose descriptor comes along."""
ANSWER = struct.Struct("<i")
"""What went wrong, 0 if nothing did. The first answer is given before any request: it is ready."""


def main(connection: socket.socket) -> None:
    """Serve one server until it closes the connection or ends."""
    # The server says when to end. What signals it, a terminal or an init system, may mean all its processes.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    connection.sendall(ANSWER.pack(0))
    descriptor = -1
    while True:
        header, descriptors, _, _ = socket.recv_fds(connection, REQUEST.size, 1)
        if len(header) < REQUEST.size:
            return
        offset, length, is_other = REQUEST.unpack(header)
        data = receive(connection, length)
        if data is None:
            # The server has ended; a batch of which a part is missing was acknowledged to nobody.
            return
        if is_other:
            if descriptor >= 0:
                os.close(descriptor)
            # None comes when there is no number left for it here. The batch must not go into the file before.
            descriptor = descriptors[0] if descriptors else -1
        connection.sendall(ANSWER.pack(errno.EMFILE if descriptor < 0 else write(descriptor, offset, data)))


def receive(connection: socket.socket, length: int) -> memoryview | None:
    """Return so many bytes, None if the connection ends before."""
    data = memoryview(bytearray(length))
    received = 0
    while received < length:
        count = connection.recv_into(data[received:])
        if not count:
            return None
        received += count
    return data


def write(descriptor: int, offset: int, data: memoryview) -> int:
    """Write and sync; returns the errno of what failed, 0 if nothing did."""
    try:
        while data:
            # A short write is no error; the rest may tell why (ENOSPC, EFBIG).
            written = os.pwrite(descriptor, data, offset)
            data = data[written:]
            offset += written
        os.fdatasync(descriptor)
    except OSError as error:
        return error.errno or -1
    return 0


def run(connection: socket.socket) -> int:
    """Serve, and return the exit code: 1 if an answer could not be given, which the server learns from the end."""
    try:
        main(connection)
    except ConnectionError:
        # A server that was killed leaves nobody to answer.
        return 0
    except OSError as error:
        sys.stderr.write(f"annolog: the log's writer cannot talk to its server: {error}. The next start decides.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(socket.socket(fileno=int(sys.argv[1]))))
