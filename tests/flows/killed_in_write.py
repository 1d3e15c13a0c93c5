"""A process that kills itself inside one of its writes to the lake; run by the kill tests."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path


def kill_in_write(number: int) -> None:
    """Let the n-th rename of a temporary file never happen: this process dies before it."""
    count = itertools.count(1)
    rename = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self.name.endswith(".tmp") and next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(self, target)

    Path.replace = replace  # type: ignore[method-assign, assignment]
