"""`annolog serve` whose children are started by another program than Python: the one that DRILL_LAUNCHER names."""

from __future__ import annotations

import os
import sys

from service.cli import main

if __name__ == "__main__":
    sys.executable = os.environ.get("DRILL_LAUNCHER") or sys.executable
    main()
