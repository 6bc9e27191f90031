"""Large files are removed in pieces, and never from under those who still see them."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wal.removal import PIECE_BYTES, remove

LARGE = 3 * PIECE_BYTES + 5


class Rests:
    """Notes, at each rest, how long the file is that was open under a path."""

    def __init__(self, path: Path) -> None:
        self.sizes: list[int] = []
        self._path = path

    def __call__(self, _: float) -> None:
        """Find it among this process's open files, since opening it again would be to hold it."""
        assert not self._path.exists()
        self.sizes += [one.stat().st_size for one in opened() if str(one.readlink()) == f"{self._path} (deleted)"]


def opened() -> list[Path]:
    """Return the links to this process's open files."""
    # The descriptor that the directory is read by is gone by now.
    return [one for one in list(Path("/proc/self/fd").iterdir()) if one.is_symlink()]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a file of more than three pieces."""
    path = tmp_path / "large"
    path.write_bytes(b"a" * LARGE)
    return path


def test_a_large_file_goes_in_pieces(large: Path) -> None:
    """Each rest finds it shorter by a piece, and its name is gone at the first one."""
    rests, before = Rests(large), len(opened())
    remove(large, rest=rests)
    assert rests.sizes == [LARGE - PIECE_BYTES, LARGE - 2 * PIECE_BYTES, LARGE - 3 * PIECE_BYTES]
    assert len(opened()) == before


def test_a_file_of_one_piece_goes_at_once(tmp_path: Path) -> None:
    """At the limit without a rest, one byte past it with one."""
    for size, count in ((PIECE_BYTES, 0), (PIECE_BYTES + 1, 1)):
        path = tmp_path / str(size)
        path.write_bytes(bytes(size))
        rests = Rests(path)
        remove(path, rest=rests)
        assert not path.exists()
        assert len(rests.sizes) == count


def test_a_copy_under_another_name_keeps_its_content(large: Path) -> None:
    """As a backup of hard links has it."""
    copy = large.with_name("copy")
    os.link(large, copy)
    remove(large)
    assert not large.exists()
    assert copy.read_bytes() == b"a" * LARGE


def test_who_has_it_open_reads_it_to_its_end(large: Path) -> None:
    """As an inspection beside the server does."""
    with large.open("rb") as file:
        assert file.read(10) == b"a" * 10
        remove(large)
        assert not large.exists()
        assert len(file.read()) == LARGE - 10


def test_who_has_it_mapped_reads_it_to_its_end(large: Path) -> None:
    """A mapping of a file that became shorter would end its process."""
    with large.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    remove(large)
    assert mapped[-1:] == b"a"
    assert len(mapped) == LARGE


def test_who_opens_it_while_it_is_looked_at_does_not_end_the_process(large: Path) -> None:
    """The kernel tells who holds a lease of such an open, by a signal, and SIGIO would end the server."""
    program = f"""if True:
        import fcntl, os, pathlib
        from wal.removal import remove
        real = fcntl.fcntl
        def meanwhile_opened(descriptor, command, argument):
            told = real(descriptor, command, argument)
            if (command, argument) == (fcntl.F_SETLEASE, fcntl.F_WRLCK):
                try:
                    os.open(f"/proc/self/fd/{{descriptor}}", os.O_RDONLY | os.O_NONBLOCK)
                except BlockingIOError:
                    print("leased", flush=True)
            return told
        fcntl.fcntl = meanwhile_opened
        remove(pathlib.Path({str(large)!r}))
        print("removed")
    """
    ended = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False, timeout=60)
    assert (ended.stdout, ended.returncode) == (b"leased\nremoved\n", 0)
    assert not large.exists()


def test_a_link_goes_and_what_it_points_to_stays(large: Path) -> None:
    """Nobody asked for more."""
    link = large.with_name("link")
    link.symlink_to(large)
    remove(link)
    assert not os.path.lexists(link)
    assert large.stat().st_size == LARGE


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    """As of `unlink`."""
    with pytest.raises(FileNotFoundError):
        remove(tmp_path / "nothing")
