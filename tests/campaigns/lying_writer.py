"""A stand-in for Python that runs the log's writer on a disk that lies: a sync does nothing and says that all is well.

A campaign that cannot tell it from the real one shows nothing.
"""

from __future__ import annotations

import os
import runpy
import sys


def lie(fd: object) -> None:
    """Do nothing."""


if __name__ == "__main__":
    os.fdatasync = lie
    # What it is asked: ``-I -S wal/writer_main.py DESCRIPTOR``.
    program = next(index for index, argument in enumerate(sys.argv) if argument.endswith("writer_main.py"))
    sys.argv = sys.argv[program:]
    runpy.run_path(sys.argv[0], run_name="__main__")
