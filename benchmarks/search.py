"""Time of the fast search: 440 combinations of breakout over one symbol-year of 1m candles
(525,600).

Run from the root of the repository: ``python benchmarks/search.py``. The real sample is laid end
to end until it is a year long. Compared are the fast search, the full simulation, and a plain
compiled loop over the candles of a year that knows nothing but the strategy's rules; what counts
is the ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numba import njit

from trading import compiled
from trading.candles import DAY_MS, CandleColumns
from trading.simulation import Costs, backtest, search
from trading.strategies.registry import get_strategy

SAMPLE = Path(__file__).parents[1] / "data_lake/sample/candles_1m/usdm/BTCUSDT.parquet"
YEAR = 525_600
LETTER = {"filters": "off", "signal_tf": "1m"}
FEE_BPS = 5.0


def a_year(copies: int = 1) -> CandleColumns:
    """A year of candles, each followed by ``copies - 1`` more years of the same."""
    table = pq.read_table(SAMPLE)
    names = ("open", "high", "low", "close", "volume")
    prices = [np.resize(table[name].to_numpy(), YEAR * copies) for name in names]
    start = int(table["open_time"].cast("int64")[0].as_py())
    return CandleColumns.of(start + 60_000 * np.arange(YEAR * copies), *prices)


def the_grid() -> list[dict[str, float]]:
    """K, take-profit and stop-loss as in the spec: 11 x 8 x 5."""
    return [
        {"k": (30 + 5 * k) / 100, "take_profit": (3 + t) / 100, "stop_loss": (1 + s) / 100}
        for k in range(11)
        for t in range(8)
        for s in range(5)
    ]


@njit(nogil=True)
def candle_loop(times, opens, highs, lows, closes, k, take_profit, stop_loss, fee):  # type: ignore[no-untyped-def]
    """The strategy's rules, one candle after the other; the equity at the end."""
    equity, entry, inside, wants = 1.0, 0.0, False, False
    day, high, low, target = -2, 0.0, 0.0, np.inf
    for i in range(len(times)):
        today = times[i] // DAY_MS
        if today != day:
            target = opens[i] + (high - low) * k if today == day + 1 and day >= 0 else np.inf
            day, high, low = today, highs[i], lows[i]
        high, low = max(high, highs[i]), min(low, lows[i])
        last_of_day = i + 1 == len(times) or times[i + 1] // DAY_MS != today
        if wants:
            inside, wants, entry = True, False, opens[i]
        if inside:
            price = 0.0
            if lows[i] <= entry * (1 - stop_loss):
                price = entry * (1 - stop_loss)
            elif highs[i] >= entry * (1 + take_profit):
                price = entry * (1 + take_profit)
            elif last_of_day:
                price = closes[i]
            if price > 0.0:
                equity *= price / entry * (1 - fee) / (1 + fee)
                inside = False
        elif not last_of_day and i > 0 and closes[i] > target >= closes[i - 1]:
            wants = True
    return equity


def best_of(times: int, work: Callable[[], Any]) -> float:
    """Seconds of the quickest of several runs."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main() -> None:
    """Print seconds, milliseconds a combination, and the ratios."""
    compiled.enable()
    started = time.perf_counter()
    candles, grid = a_year(), the_grid()
    print(f"load          {time.perf_counter() - started:9.3f} s")
    strategy, costs, fee = get_strategy("breakout"), Costs(FEE_BPS), FEE_BPS / 10_000
    first = search(strategy, candles, grid, LETTER, costs)
    print(f"compile       {first.seconds_compile:9.3f} s (kept on disk for the next process)")
    columns = (candles.open_time, candles.open, candles.high, candles.low, candles.close)

    def loop(values: dict[str, float]) -> float:
        ending = candle_loop(*columns, values["k"], values["take_profit"], values["stop_loss"], fee)
        return float(ending)

    for values, row in zip(grid[::37], first.results[::37], strict=True):
        assert abs(loop(values) - 1.0 - row.metrics.total_return) < 1e-9
    fast = best_of(5, lambda: search(strategy, candles, grid, LETTER, costs)) / len(grid)
    plain = best_of(3, lambda: [loop(values) for values in grid[::10]]) / len(grid[::10])
    backtest(strategy, candles, LETTER | grid[0], costs)
    full = best_of(3, lambda: backtest(strategy, candles, LETTER | grid[0], costs))
    print(f"fast search   {fast * 1e3:9.4f} ms a combination ({len(grid)} combinations)")
    print(
        f"candle loop   {plain * 1e3:9.4f} ms a combination: {plain / fast:.1f} x the fast search"
    )
    print(f"full simulation {full * 1e3:7.3f} ms a run: {full / fast:.1f} x the fast search")
    sparse = [{"k": 2.0, "take_profit": 0.1, "stop_loss": 0.05}] * 40
    one, two = (
        best_of(3, lambda c=c: search(strategy, c, sparse, LETTER, costs))
        for c in (candles, a_year(2))
    )
    print(f"two years at few trades take {two / one:.2f} x the time of one")


if __name__ == "__main__":
    main()
