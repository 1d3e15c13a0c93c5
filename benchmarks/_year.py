"""What the benchmarks share: a symbol-year of candles, the grid of the targets, and timing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from trading.candles import MINUTE_MS, CandleColumns
from trading.strategies.parameters import Value

SAMPLE = Path(__file__).parents[1] / "data_lake/sample/candles_1m/usdm/BTCUSDT.parquet"
YEAR = 525_600
NO_FILTERS: dict[str, Value] = {"filters": "off", "signal_tf": "1m"}
FEE_BPS = 5.0
NAMES = ("open", "high", "low", "close", "volume")


def a_year() -> CandleColumns:
    """Repeat the real sample until it is a year of minutes long (525,600)."""
    table = pq.read_table(SAMPLE)
    opens, highs, lows, closes, volumes = (
        np.resize(table[name].to_numpy(), YEAR) for name in NAMES
    )
    start = int(table["open_time"].cast("int64")[0].as_py())
    times = start + MINUTE_MS * np.arange(YEAR)
    return CandleColumns.of(times, opens, highs, lows, closes, volumes)


def sample_rows() -> int:
    """Return the number of candles in the real sample."""
    return int(pq.read_metadata(SAMPLE).num_rows)


def with_idle_candles(candles: CandleColumns) -> CandleColumns:
    """Double the candles: an idle one follows each at its close and crosses no level."""
    half = candles.interval_ms // 2
    times = np.repeat(candles.open_time, 2)
    times[1::2] += half
    opens, highs, lows, closes, volumes = (np.repeat(getattr(candles, name), 2) for name in NAMES)
    for prices in (opens, highs, lows, closes):
        prices[1::2] = candles.close
    volumes[1::2] = 0.0
    return CandleColumns.of(times, opens, highs, lows, closes, volumes, half)


def the_grid() -> list[dict[str, float]]:
    """Return the grid of k, take-profit and stop-loss: 11 x 8 x 5."""
    return [
        {"k": (30 + 5 * k) / 100, "take_profit": (3 + t) / 100, "stop_loss": (1 + s) / 100}
        for k in range(11)
        for t in range(8)
        for s in range(5)
    ]


def best_of(times: int, work: Callable[[], Any]) -> float:
    """Return the wall-clock seconds of the fastest run."""
    return best_of_both(times, work)[0]


def best_of_both(times: int, work: Callable[[], Any]) -> tuple[float, float]:
    """Return the wall-clock and the processor seconds of the fastest runs."""
    wall, used = [], []
    gc.collect()
    for _ in range(times):
        started, begun = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started)
        used.append(time.process_time() - begun)
    return min(wall), min(used)
