"""The five functions of smartmoneyconcepts; `_peers.py` runs it in the peers' interpreter.

It reads ``candles.npz`` and ``settings.json`` from a folder and prints one JSON object: processor
seconds of each function. After ``limit_s`` in all (0: never) it stops.
"""

from __future__ import annotations

import contextlib
import io
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

with contextlib.redirect_stdout(io.StringIO()):  # it prints a greeting
    from smartmoneyconcepts.smc import smc

NAMES = ("open", "high", "low", "close", "volume")


class StoppedError(Exception):
    """The time limit is reached."""


def stop(*_: object) -> None:
    """Handle the signal of the timer."""
    raise StoppedError


def main(folder: Path) -> None:
    """Time the functions one after the other."""
    columns = np.load(folder / "candles.npz")
    limit = json.loads((folder / "settings.json").read_text()).get("limit_s", 0.0)
    frame = pd.DataFrame({name: columns[name] for name in NAMES})
    taken: dict[str, float] = {}

    def timed(name: str, run: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        started = time.process_time()
        try:
            return run()
        finally:
            taken[name] = time.process_time() - started

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit)
    stopped = True
    with contextlib.suppress(StoppedError):
        swings = timed("swings", lambda: smc.swing_highs_lows(frame, swing_length=5))
        timed("gaps", lambda: smc.fvg(frame))
        timed("breaks", lambda: smc.bos_choch(frame, swings))
        timed("blocks", lambda: smc.ob(frame, swings))
        timed("liquidity", lambda: smc.liquidity(frame, swings))
        stopped = False
    signal.setitimer(signal.ITIMER_PROF, 0.0)
    print(json.dumps({"stopped": stopped, "seconds": taken}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
