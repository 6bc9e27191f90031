"""What runs in a child process of the server, at low priority: one job (`wal.child_job`).

Run as ``python -m wal.child_main``. It inherits no descriptor, changes no file that the server knows, and ends when its
input does, that is, with the server. It gives way before it imports what takes time.
"""

from __future__ import annotations

import gc
import os

from wal.low_priority import give_way

if __name__ == "__main__":
    give_way(os.getppid())
    # A job makes no cycles worth collecting and ends soon; looking for them among a million values stops its rests.
    gc.disable()
    from wal.child_job import main  # its imports take 0.1 s of a processor

    main()
