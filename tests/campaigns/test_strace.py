"""What strace is asked, and how what it tells is read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.campaigns.strace import A_WHILE, FOR_GOOD, Injection, Point, injecting, launcher, points, was_carried_out

DATA = Path("/srv/run/data")
TRACE = """\
7 openat(AT_FDCWD</x>, "/usr/lib/python.zip", O_RDONLY|O_CLOEXEC) = 3</usr/lib/python.zip>
7 mkdir("/srv/run/data/log", 0700)        = 0
7 openat(AT_FDCWD</x>, "/srv/run/data/log/a", O_RDWR|O_CREAT|O_EXCL, 0600) = 4</srv/run/data/log/a>
7 pwrite64(4</srv/run/data/log/a>, "z", 1, 0) = 1
8 pwrite64(4</srv/run/data/log/a>, "z", 1, 0) = 1
8 pwrite64(5</srv/run/data/log/b>, "z", 1, 0 <unfinished ...>
7 pwrite64(4</srv/run/data/log/a>, "z", 1, 0) = 1
8 <... pwrite64 resumed>)                 = 1
7 openat(AT_FDCWD</x>, "/srv/run/data/log/b", O_RDWR|O_CLOEXEC) = 5</srv/run/data/log/b>
7 sendmsg(6<socket:[99]>, {msg_name=NULL}, 0) = 1
7 rename("/srv/run/data/log/a", "/srv/run/data/log/c") = 0
7 read(6<socket:[99]>, "x", 1)            = 1
7 +++ exited with 0 +++
"""


def test_every_call_is_told_once_and_counted_by_thread_name_and_file() -> None:
    """What two threads do is one point; a file that is only opened is none; reading is none."""
    assert points(TRACE.splitlines(), DATA) == [
        Point("mkdir", "log", 1),
        Point("openat", "log/a", 1),
        Point("pwrite64", "log/a", 1),
        Point("pwrite64", "log/b", 1),
        Point("pwrite64", "log/a", 2),
        Point("sendmsg", None, 1),
        Point("rename", "log/a", 1),
    ]


def test_calls_without_a_file_are_counted_as_strace_counts_them() -> None:
    """By their name alone, because nothing else is asked of it."""
    trace = ['7 write(4</srv/run/data/log/a>, "z", 1) = 1', '7 write(1</tmp/pipe>, "z", 1) = 1']
    assert points(trace, DATA) == [Point("write", "log/a", 1), Point("write", None, 2)]


@pytest.mark.parametrize(("times", "when"), [("", "3"), (FOR_GOOD, "3+"), (A_WHILE, "3..6")])
def test_an_injection_names_the_file_the_call_and_the_occurrence(times: str, when: str) -> None:
    """Once, for good, or for a while."""
    command = injecting(Path("/o"), Injection(Point("fdatasync", "log/a", 3), "error=EIO", times), DATA, own=False)
    assert command[command.index("-P") + 1] == "/srv/run/data/log/a"
    assert f"inject=fdatasync:error=EIO:when={when}" in command


def test_a_signal_is_not_sent_from_the_filter_in_the_kernel() -> None:
    """It would never arrive; children are let go of where only the process itself is meant."""
    for own in (False, True):
        kill = injecting(Path("/o"), Injection(Point("sendmsg", None, 1), "signal=KILL"), DATA, own=own)
        assert "--seccomp-bpf" not in kill
        assert "-P" not in kill
        assert ("-b" in kill) == own


@pytest.mark.parametrize(
    ("told", "done"),
    [
        ("7 fsync(3) = -1 EIO (Input/output error) (INJECTED)\n", True),
        ("7 pwrite64(3, 1, 0) = ?\n", True),
        ("7 pwrite64(3, 1, 0 <unfinished ...>\n", True),
        ("7 pwrite64(3, 1, 0) = 1\n", False),
        ("", False),
    ],
)
def test_it_is_known_if_an_injection_took_place(told: str, done: bool, tmp_path: Path) -> None:
    """A run that it did not meet is not counted."""
    (tmp_path / "trace").write_text(told)
    assert was_carried_out(tmp_path / "trace") == done
    assert not was_carried_out(tmp_path / "none")


def test_a_launcher_puts_a_command_before_the_python_that_is_meant(tmp_path: Path) -> None:
    """And before no other."""
    path = launcher(tmp_path / "launcher", ["env", "MEANT=yes"], "meant")
    for argument, expected in (("meant_main", "yes"), ("other_main", "None")):
        command = [str(path), "-c", "import os; print(os.environ.get('MEANT'))", argument]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == expected
