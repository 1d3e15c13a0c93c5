"""The five functions of smartmoneyconcepts; run by `_peers.py` in an interpreter of its own.

Reads ``candles.npz`` of the folder given, prints one JSON object with the seconds they took.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

with contextlib.redirect_stdout(io.StringIO()):  # it greets
    from smartmoneyconcepts.smc import smc

NAMES = ("open", "high", "low", "close", "volume")


def main(folder: Path) -> None:
    """Time them one after the other."""
    columns = np.load(folder / "candles.npz")
    frame = pd.DataFrame({name: columns[name] for name in NAMES})
    started = time.perf_counter()
    swings = smc.swing_highs_lows(frame, swing_length=5)
    smc.fvg(frame)
    smc.bos_choch(frame, swings)
    smc.ob(frame, swings)
    smc.liquidity(frame, swings)
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
