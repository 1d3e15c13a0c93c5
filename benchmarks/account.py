"""Time of the account simulation: two strategies on two symbols over a year of 1m candles.

Run from the root of the repository: ``python benchmarks/account.py``. For comparison, each strategy
also runs alone on each symbol, with its own account.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from _year import FEE_BPS, NO_FILTERS, YEAR, a_year, best_of_both

from trading.candles import MINUTE_MS, CandleColumns
from trading.jit import compiler
from trading.simulation import Costs
from trading.simulation.account.simulation import (
    AccountLimits,
    AccountSettings,
    SymbolMarkets,
    TradedStrategy,
    simulate_account,
)
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy

REVERSION: dict[str, Value] = {"filters": "off", "signal_tf": "15m", "max_position_size": 0.25}
SIZED: dict[str, Value] = NO_FILTERS | {
    "max_position_size": 0.25,
    "take_profit": 0.03,
    "stop_loss": 0.01,
}
FUNDING_MS = 8 * 60 * MINUTE_MS


def the_strategies() -> list[TradedStrategy]:
    """Return two strategies on each symbol."""
    breakout, reversion = get_strategy("breakout"), get_strategy("rsi_bollinger")
    return [
        TradedStrategy(strategy, symbol, params)
        for symbol in ("BTCUSDT", "OTHER")
        for strategy, params in ((breakout, SIZED), (reversion, REVERSION))
    ]


def half_a_year_on(candles: CandleColumns) -> CandleColumns:
    """Shift the prices by half a year: another symbol with its own signals."""
    names = ("open", "high", "low", "close", "volume")
    moved = {name: np.roll(getattr(candles, name), YEAR // 2) for name in names}
    return replace(candles, **moved)


def main() -> None:
    """Print the time per run, and per candle and strategy."""
    compiler.enable()
    year = a_year()
    candles = {"BTCUSDT": year, "OTHER": half_a_year_on(year)}
    first = int(year.open_time[0])
    rates = dict.fromkeys(range(first, first + MINUTE_MS * YEAR, FUNDING_MS), 0.0001)
    funding = dict.fromkeys(candles, rates)
    traded, markets = the_strategies(), SymbolMarkets(candles, funding=funding)
    limits = AccountLimits(max_positions=3, max_exposure=0.6)
    settings = AccountSettings(10_000.0, Costs(FEE_BPS), limits)

    def together() -> int:
        run = simulate_account(traded, markets, settings)
        return len(run) + sum(run.refused.values())

    def alone() -> None:
        for one in traded:
            simulate_account([one], markets, settings)

    print(f"{together()} entries taken or refused, {len(traded)} strategies, {YEAR} candles")
    wall, used = best_of_both(5, together)
    print(f"{'account, a run':<34} {wall * 1e3:9.1f} ms")
    print(f"{'  processor time':<34} {used * 1e3:9.1f} ms")
    print(f"{'  per candle and strategy':<34} {wall / (YEAR * len(traded)) * 1e9:9.1f} ns")
    apart, _ = best_of_both(3, alone)
    print(f"{'one by one / together':<34} {apart / wall:9.2f} x")


if __name__ == "__main__":
    main()
