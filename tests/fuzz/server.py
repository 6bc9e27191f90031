"""The process that is fuzzed, with small limits."""

from __future__ import annotations

from pathlib import Path

from tests.test_server import Server

_KIB = 1024
SETTINGS = {
    "LOG__SEGMENT_BYTES": 2048 * _KIB,
    "LOG__RECORD_BYTES_MAX": 256 * _KIB,
    "LOG__FILL_PAUSE_MS": 0.1,
    "COMPACTION__GROWTH_BYTES_MIN": 4096 * _KIB,
    "ARCHIVE__KEEP_BYTES": 8192 * _KIB,
    "LIMITS__BODY_BYTES": 96 * _KIB,
    "LIMITS__TEXT_BYTES": 64 * _KIB,
    "LIMITS__ENTITY_BYTES": 32 * _KIB,
    "LIMITS__BODY_SECONDS": 0.5,
    "LIMITS__HEADERS_MAX": 32,
    "LIMITS__HEADER_LINE_BYTES": 2 * _KIB,
    "LIMITS__PAGE_SIZE_MAX": 100,
    "LIMITS__PAGE_BYTES": 256 * _KIB,
    "LIMITS__ITEMS_MAX": 2000,
    "LIMITS__FAILED_LOGINS_MAX": 1_000_000,
    "LIMITS__FAILED_LOGINS_ADDRESS_MAX": 1_000_000,
    "LIMITS__REGISTRATIONS_ADDRESS_MAX": 1_000_000,
    "IDEMPOTENCY__ENTRIES_MAX": 1000,
    "MAINTENANCE__INTERVAL_SECONDS": 2,
    "PASSWORDS__MEMORY_KIB": 64,
    "PASSWORDS__PASSES": 1,
}


class Victim(Server):
    """The server."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, environment={f"ANNOLOG_{name}": str(value) for name, value in SETTINGS.items()})

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    def memory_kib(self) -> int:
        """Return how much of its memory is resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()
