"""Time of a walk-forward: 20 folds x 440 combinations of breakout over a year of 1m candles.

Run from the root of the repository: ``python benchmarks/walk_forward.py``. Each fold trains on 120
days (every combination) and is evaluated out-of-sample on the next 12; the real sample is repeated
until it is a year long. The time of the same work as single back-tests is printed as well.
"""

from __future__ import annotations

import argparse
import time
from functools import partial

from _targets import Targets
from _year import FEE_BPS, NO_FILTERS, a_year, best_of, the_grid

from trading.candles import DAY_MS
from trading.jit import compiler
from trading.research.search_task import SearchTask
from trading.research.walk_forward import rolling_folds, walk_forward
from trading.simulation import Costs, backtest
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy

FOLDS = 20
TARGET_S = 3.0
FILTERED: dict[str, Value] = {"signal_tf": "1h", "min_volatility": 0.0, "min_adx": 0.0}


def main() -> None:
    """Print seconds, and the ratio to plain back-tests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="runs, of which the best counts")
    parser.add_argument("--workers", type=int, default=2, help="threads")
    arguments = parser.parse_args()
    repeats, workers = arguments.repeats, arguments.workers
    compiler.enable()
    started = time.perf_counter()
    candles, grid = a_year(), the_grid()
    print(f"load               {time.perf_counter() - started:8.3f} s")
    strategy, costs = get_strategy("breakout"), Costs(FEE_BPS)
    start = int(candles.open_time[0]) // DAY_MS * DAY_MS
    train, test = 120 * DAY_MS, 12 * DAY_MS
    end = start + 121 * DAY_MS + FOLDS * test
    folds = rolling_folds(start, end, train=train, test=test, purge=DAY_MS)
    assert len(folds) == FOLDS
    targets = Targets()
    for name, fixed in (("1m signals", NO_FILTERS), ("1h signals, filters", FILTERED)):
        task = SearchTask(strategy, candles, fixed, costs)
        walk = partial(walk_forward, task, grid, folds, workers=workers)
        walk()  # compiles
        seconds = best_of(repeats, walk)
        learning = candles.slice(folds[0].train_start, folds[0].train_end)
        single = partial(backtest, strategy, learning, {**fixed, **grid[0]}, costs)
        plain = best_of(3, single)
        print(
            f"{name}: {FOLDS} folds x {len(grid)} combinations; as single back-tests about"
            f" {plain * len(grid) * FOLDS:,.0f} s"
        )
        targets.at_most(f"walk-forward, {name}", seconds, TARGET_S, "s")
    targets.finish()


if __name__ == "__main__":
    main()
