"""A side of a benchmark, seen from outside: its process, and what it can be asked."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


class SideProcess:
    """`bench.side` as a process of its own.

    Args:
        arguments: Its own.

    Attributes:
        port: On 127.0.0.1.
    """

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "bench.side", *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._line())

    def ask(self, what: str) -> Any:
        """Return what it answers."""
        if self._process.stdin is None:
            raise RuntimeError("the side has no standard input")
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return json.loads(self._line())

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _line(self) -> str:
        if self._process.stdout is None:
            raise RuntimeError("the side has no standard output")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the side has ended with code {self._process.wait()}")
        return line
