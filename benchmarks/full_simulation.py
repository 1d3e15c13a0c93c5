"""Time of the full simulation: one strategy, candle by candle, over one symbol-year of 1m candles.

Run from the root of the repository: ``python benchmarks/full_simulation.py``. It runs on one core.
"""

from __future__ import annotations

from _year import FEE_BPS, LETTER, a_year, best_of_both, verdict

from trading import compiled
from trading.simulation import Costs, backtest
from trading.strategies.registry import get_strategy

VALUES = LETTER | {"k": 0.5, "take_profit": 0.05, "stop_loss": 0.02}


def main() -> None:
    """Print the time of a run."""
    compiled.enable()
    strategy, candles, costs = get_strategy("breakout"), a_year(), Costs(FEE_BPS)
    first = backtest(strategy, candles, VALUES, costs)
    print(f"compile       {first.seconds_compile:9.3f} s; {len(first.trades)} trades")
    wall, used = best_of_both(25, lambda: backtest(strategy, candles, VALUES, costs))
    verdict("full simulation, a run", wall * 1e3, 5.0, "ms")
    print(f"{'  processor time':<34} {used * 1e3:9.4f} ms")
    print(f"{'  candles a second':<34} {len(candles) / wall:9.0f}")


if __name__ == "__main__":
    main()
