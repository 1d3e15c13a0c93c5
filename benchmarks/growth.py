"""How the time of the fast search grows: with its trades, not with candles that cross no level.

Run from the root of the repository: ``python benchmarks/growth.py``. Each candle of the year is
followed by an idle one at its close; trades stay the same.
"""

from __future__ import annotations

from functools import partial

from _targets import Targets
from _year import FEE_BPS, a_year, best_of_both, the_grid, with_idle_candles

from trading.candles import CandleColumns, interval_name
from trading.jit import compiler
from trading.jit.backends import backend
from trading.simulation import Costs, search
from trading.simulation.prepared_candles import PreparedCandles
from trading.simulation.results import SearchRow
from trading.strategies.registry import get_strategy
from trading.strategies.setup import Setup


def signals_ratio(candles: CandleColumns) -> float:
    """Return the time for the signals of eleven values of k over that of one (11 if separate)."""
    strategy = get_strategy("breakout")
    prepared = PreparedCandles(candles, backend(compiled=True))
    fixed = {"filters": "off", "signal_tf": interval_name(candles.interval_ms)}
    ks = sorted({values["k"] for values in the_grid()})
    setups = [Setup.of(strategy, fixed | {"k": k}, candles.interval_ms) for k in ks]
    middle = setups[len(ks) // 2 : len(ks) // 2 + 1]
    found: list[float] = []
    for chosen in (setups, middle):
        found.append(best_of_both(30, partial(prepared.scan, chosen))[1])
    return found[0] / found[1]


def main() -> None:
    """Print the time on both, and their ratio."""
    compiler.enable()
    strategy, grid = get_strategy("breakout"), the_grid()
    one = a_year()
    two = with_idle_candles(one)

    def run(candles: CandleColumns) -> list[SearchRow]:
        fixed = {"filters": "off", "signal_tf": interval_name(candles.interval_ms)}
        return search(strategy, candles, grid, fixed, Costs(FEE_BPS)).results

    trades = [sum(row.metrics.trades for row in run(candles)) for candles in (one, two)]
    seconds: list[tuple[float, float]] = [(9.0, 9.0), (9.0, 9.0)]
    for _ in range(10):  # in turns, so that a busy machine slows both
        for i, candles in enumerate((one, two)):
            wall, used = best_of_both(2, partial(run, candles))
            seconds[i] = min(seconds[i][0], wall), min(seconds[i][1], used)
    for candles, count, (wall, used) in zip((one, two), trades, seconds, strict=True):
        print(
            f"{len(candles):>9} candles, {count} trades: {wall * 1e3:8.2f} ms, "
            f"processor {used * 1e3:8.2f} ms"
        )
    targets = Targets()
    targets.below("twice the candles, wall", seconds[1][0] / seconds[0][0], 1.2, "x")
    targets.below("twice the candles, processor", seconds[1][1] / seconds[0][1], 1.2, "x")
    ratio = signals_ratio(one)
    print(f"{'signals of 11 values of k / of one':<36} {ratio:9.4f} x (11 if separate)")
    targets.finish()


if __name__ == "__main__":
    main()
