"""Time of the surge strategy's decisions, of five timeframes each, over a year of 1m candles.

Run from the root of the repository: ``python benchmarks/surge.py``. Times are processor time.
Doubling the longest window must not double the cost of a candle.
"""

from __future__ import annotations

import time

from _targets import Targets
from _year import YEAR, a_year, best_of_both

from trading.candles import CandleColumns
from trading.jit import compiler
from trading.simulation.backtest import decide
from trading.strategies.decider import Decider
from trading.strategies.registry import get_strategy

PLAIN = 10_000
SURGE = get_strategy("surge")


def compiled_cost(candles: CandleColumns, long_span: int) -> float:
    """Return the microseconds of all decisions per candle."""
    _, seconds = best_of_both(3, lambda: decide(SURGE, candles, {"long_span": long_span}))
    return seconds / len(candles) * 1e6


def plain_cost(candles: CandleColumns) -> float:
    """Return the microseconds of the executor's decider per candle."""
    rows = [candles.candle(row) for row in range(len(candles))]

    def feed() -> None:
        decider = Decider(SURGE, {}, candles.interval_ms)
        for candle in rows:
            decider.on_candle(candle)

    return best_of_both(1, feed)[1] / len(candles) * 1e6


def main() -> None:
    """Print microseconds per candle, and how they grow with the window."""
    compiler.enable()
    year = a_year()
    started = time.perf_counter()
    decide(SURGE, year.rows(0, 1_000), {})
    print(f"compile or load: {time.perf_counter() - started:.2f} s; {YEAR:,} candles")
    usual, longer = compiled_cost(year, 480), compiled_cost(year, 960)
    targets = Targets()
    targets.at_most("decision, compiled", usual, 5.0, "us a candle")
    targets.at_most("window of 960 instead of 480", longer / usual, 1.2, "times")
    plain = plain_cost(year.rows(0, PLAIN))
    targets.at_most("decision, plain Python", plain, 200.0, "us a candle")
    targets.finish()


if __name__ == "__main__":
    main()
