"""What runs in a child process of the server, at low priority: one job (`wal.child_job`).

Run as ``python -m wal.child_main``. It inherits no descriptor, changes no file that the server knows, and ends when its
input does, that is, with the server. It gives way before it imports what takes time.
"""

from __future__ import annotations

import contextlib
import os
import threading

_NICENESS = 19
_IDLE_SECONDS = 60.0


def give_way() -> None:
    """Use the processor only while nobody else wants it; after a minute take the smallest share, so as to get on.

    A low priority alone is not enough: who is to be woken may have to wait for some milliseconds until the process that
    runs has used its slice up, whatever its share, and a request is woken several times (`docs/performance.md`).
    """
    os.nice(_NICENESS)
    with contextlib.suppress(PermissionError):
        # Where a sandbox does not allow it, it is the smallest share from the beginning.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    after = threading.Timer(_IDLE_SECONDS, os.sched_setscheduler, (os.getpid(), os.SCHED_OTHER, os.sched_param(0)))
    after.daemon = True
    after.start()


if __name__ == "__main__":
    give_way()
    from wal.child_job import main  # its imports take 0.1 s of a processor

    main()
