"""Time of the account simulation: four seats on two symbols over a year of 1m candles.

Run from the root of the repository: ``python benchmarks/account.py``. The same seats one by one,
each with an account of its own, stand beside it: what sharing costs is the ratio of the two.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from _year import FEE_BPS, LETTER, YEAR, a_year, best_of_both

from trading.candles import MINUTE_MS, CandleColumns
from trading.jit import compiler
from trading.simulation import Costs
from trading.simulation.account.simulation import Limits, Seat, simulate_account
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy

REVERSION: dict[str, Value] = {"filters": "off", "signal_tf": "15m", "max_position_size": 0.25}
SIZED: dict[str, Value] = LETTER | {
    "max_position_size": 0.25,
    "take_profit": 0.03,
    "stop_loss": 0.01,
}
FUNDING_MS = 8 * 60 * MINUTE_MS


def the_seats() -> list[Seat]:
    """Two strategies on each symbol."""
    breakout, reversion = get_strategy("breakout"), get_strategy("rsi_bollinger")
    return [
        Seat(strategy, symbol, params)
        for symbol in ("BTCUSDT", "OTHER")
        for strategy, params in ((breakout, SIZED), (reversion, REVERSION))
    ]


def half_a_year_on(candles: CandleColumns) -> CandleColumns:
    """The same prices, half a year apart: another symbol with its own signals."""
    names = ("open", "high", "low", "close", "volume")
    moved = {name: np.roll(getattr(candles, name), YEAR // 2) for name in names}
    return replace(candles, **moved)


def main() -> None:
    """Print the time of a run, a candle and a seat."""
    compiler.enable()
    year = a_year()
    candles = {"BTCUSDT": year, "OTHER": half_a_year_on(year)}
    first = int(year.open_time[0])
    rates = dict.fromkeys(range(first, first + MINUTE_MS * YEAR, FUNDING_MS), 0.0001)
    funding = dict.fromkeys(candles, rates)
    seats, costs, limits = the_seats(), Costs(FEE_BPS), Limits(max_positions=3, max_exposure=0.6)

    def together() -> int:
        run = simulate_account(seats, candles, 10_000.0, costs, limits, funding=funding)
        return len(run) + sum(run.refused.values())

    def alone() -> None:
        for seat in seats:
            simulate_account([seat], candles, 10_000.0, costs, limits, funding=funding)

    print(f"{together()} entries taken or refused, {len(seats)} seats, {YEAR} candles a symbol")
    wall, used = best_of_both(5, together)
    print(f"{'account, a run':<34} {wall * 1e3:9.1f} ms")
    print(f"{'  processor time':<34} {used * 1e3:9.1f} ms")
    print(f"{'  a candle and seat':<34} {wall / (YEAR * len(seats)) * 1e9:9.1f} ns")
    apart, _ = best_of_both(3, alone)
    print(f"{'seats one by one / together':<34} {apart / wall:9.2f} x")


if __name__ == "__main__":
    main()
