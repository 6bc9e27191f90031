"""The real server as a process that is killed and started again on one port."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

_READY_SECONDS = 60.0


class ServerProcess:
    """`annolog serve` over a directory.

    Args:
        directory: Of the data; what it logs lies beside it.

    Attributes:
        ready_seconds: That its first start took.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._log = directory.with_suffix(".log")
        self._port = 0
        self.url = ""
        self.ready_seconds = self.start()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def output(self) -> str:
        """Return what it has logged."""
        return self._log.read_text()

    def start(self) -> float:
        """Start it, and return the seconds until it was ready."""
        begin = time.perf_counter()
        options = ["--port", str(self._port), "--data-dir", str(self._directory)]
        with self._log.open("w") as log:
            command = [sys.executable, "-m", "service.cli", "serve", *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        found = None
        while found is None:
            if self._process.poll() is not None or time.perf_counter() - begin > _READY_SECONDS:
                raise RuntimeError(f"The server did not start: {self.output()}")
            time.sleep(0.005)
            found = re.search(r"http://127\.0\.0\.1:(\d+)", self.output())
        self.url, self._port = found[0], int(found[1])
        return time.perf_counter() - begin

    def said(self) -> str:
        """Return what it said at its start about what it found."""
        found = re.search(r"(Recovered: [^\"]*|No existing snapshot found[^\"]*)", self.output())
        return found[0].strip() if found else ""

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code."""
        self._process.terminate()
        return self._process.wait()
