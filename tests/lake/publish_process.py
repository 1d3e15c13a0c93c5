"""A publisher in its own process that can kill itself at a step; run by the crash tests.

Usage: publish_process.py ROOT K AS_OF_HOURS STEP, where STEP is the number of the step at which the
process kills itself (-1: never). Prints the steps it reached, then ``published ID PROMOTED``.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from lake.releases import NewFile, publish
from tests.lake.builders import AS_OF, WALL, candidate, entry


def main() -> None:
    """Publish one candidate."""
    root, k, hours, last_step = Path(sys.argv[1]), *(float(arg) for arg in sys.argv[2:5])
    reached = 0

    def on_step(step: str) -> None:
        nonlocal reached
        print(step, flush=True)
        if reached == int(last_step):
            os.kill(os.getpid(), signal.SIGKILL)
        reached += 1

    made = candidate(entry(k), as_of=AS_OF + timedelta(hours=hours))
    model = NewFile("model/weights.bin", "model", str(k).encode() * 200_000)
    made = type(made)(**{**vars(made), "files": (model,)})
    result = publish(root, made, WALL, on_step=on_step)
    print(f"published {result.release_id} {result.promoted}", flush=True)


if __name__ == "__main__":
    main()
