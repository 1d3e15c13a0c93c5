"""Time of all ICT structures over a year of 1m candles (525,600).

Run from the root of the repository: ``python benchmarks/ict.py``. Where the package
``smartmoneyconcepts`` can be imported, its five functions are timed in the same run on the first
``PEER`` candles (its time grows faster than the candles), or on the whole year (``--peer-year``).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from trading import compiled
from trading.candles import CandleColumns
from trading.ict.batch import FIELDS, find_structures

SAMPLE = Path(__file__).parents[1] / "data_lake/sample/candles_1m/usdm/BTCUSDT.parquet"
YEAR = 525_600
PLAIN = 20_000
PEER = 24_000


def a_year() -> CandleColumns:
    """The real sample laid end to end until it is a year long."""
    table = pq.read_table(SAMPLE)
    names = ("open", "high", "low", "close", "volume")
    prices = [np.resize(table[name].to_numpy(), YEAR) for name in names]
    start = int(table["open_time"].cast("int64")[0].as_py())
    return CandleColumns.of(start + 60_000 * np.arange(YEAR), *prices)


def peer_seconds(candles: CandleColumns) -> float | None:
    """Seconds of the five functions of smartmoneyconcepts; None where it is not installed."""
    try:
        import pandas as pd
        from smartmoneyconcepts.smc import smc
    except ImportError:
        return None
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name: getattr(candles, name) for name in names})
    started = time.perf_counter()
    swings = smc.swing_highs_lows(frame, swing_length=5)
    smc.fvg(frame)
    smc.bos_choch(frame, swings)
    smc.ob(frame, swings)
    smc.liquidity(frame, swings)
    return time.perf_counter() - started


def main() -> None:
    """Print microseconds a candle and the ratios."""
    compiled.enable()
    year = a_year()
    started = time.perf_counter()
    find_structures(year.rows(0, 1_000))
    print(f"compile or load  {time.perf_counter() - started:9.3f} s")
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        found = find_structures(year)
        seconds.append(time.perf_counter() - started)
    best = min(seconds)
    print(f"compiled         {best:9.3f} s, {best / YEAR * 1e6:.3f} us a candle")
    print("                 " + ", ".join(f"{n} {len(getattr(found, n)['at'])}" for n in FIELDS))
    started = time.perf_counter()
    find_structures(year.rows(0, PLAIN), compiled=False)
    plain = time.perf_counter() - started
    print(f"plain Python     {plain / PLAIN * 1e6:9.1f} us a candle ({PLAIN} candles)")
    for rows in (PEER, YEAR) if "--peer-year" in sys.argv else (PEER,):
        peer = peer_seconds(year.rows(0, rows))
        if peer is None:
            print("smartmoneyconcepts is not installed")
            return
        ratio = peer / rows / (best / YEAR)
        print(f"smartmoneyconcepts {peer:7.2f} s over {rows} candles: {ratio:.0f} x a candle")


if __name__ == "__main__":
    main()
