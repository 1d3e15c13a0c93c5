"""Strategies whose exits a test may choose, and the comparison of the two engines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trading.candles import HOUR_MS, CandleColumns
from trading.positions.exit_rules import Addition, ExitRules
from trading.simulation import BacktestResult, Costs, backtest, fast_trades, search
from trading.strategies.base import Strategy
from trading.strategies.technical.breakout import Breakout
from trading.strategies.technical.rsi_bollinger import RsiBollinger

LADDER = ((0.002, 0.3), (0.004, 0.3))
ADDITIONS = (Addition(0.003, 4 / 3, 0.007), Addition(0.006, 4 / 3, 0.005))
RULES = {
    "fixed": ExitRules(take_profit=0.004, stop_loss=0.003),
    "emergency": ExitRules(take_profit=0.01, stop_loss=0.02, emergency_stop=0.004),
    "trailing": ExitRules(stop_loss=0.004, trailing_stop=0.001),
    "trailing, armed by profit": ExitRules(
        stop_loss=0.004, trailing_stop=0.001, trailing_arm=0.003
    ),
    "ladder": ExitRules(take_profit=0.006, stop_loss=0.003, partials=LADDER),
    "ladder, trailing": ExitRules(stop_loss=0.003, trailing_stop=0.001, partials=LADDER),
    "whole ladder": ExitRules(stop_loss=0.003, partials=((0.002, 0.5), (0.004, 0.5))),
    "additions": ExitRules(
        stop_loss=0.010, emergency_stop=0.012, half_close=0.004, additions=ADDITIONS
    ),
    "exit after half": ExitRules(
        stop_loss=0.010, half_close=0.001, exit_after_half=True, additions=ADDITIONS
    ),
    "additions, trailing": ExitRules(
        stop_loss=0.010, trailing_stop=0.001, additions=ADDITIONS, time_exit_ms=43_200_000
    ),
    "time": ExitRules(stop_loss=0.003, take_profit=0.004, time_exit_ms=HOUR_MS),
    "guard": ExitRules(take_profit=0.004, leverage=125.0, liquidation_guard=0.2),
    "liquidation": ExitRules(take_profit=0.01, leverage=125.0),
}
"""Rules of every kind, near enough to the price to be met within days."""


def with_rules(strategy: type[Strategy], rules: ExitRules, side: int = 1) -> Strategy:
    """``strategy`` with ``rules`` in place of its own exits."""

    def exit_rules(self: Strategy, params: Any) -> ExitRules:
        del params
        return replace(rules, day_end=self.day_end)

    made = type(strategy.__name__, (strategy,), {"exit_rules": exit_rules, "side": side})
    return made()


@dataclass
class Pair:
    """The results of both engines for one strategy on the same candles."""

    full: BacktestResult
    reasons: set[str]


def compare(
    strategy: Strategy,
    candles: CandleColumns,
    params: dict[str, Any],
    costs: Costs,
    *,
    compiled: bool = True,
) -> Pair:
    """Assert that both engines give the same trades, fills, measures and days, to the bit.

    The full simulation must also give the same whether or not it looks at calm candles.
    """
    full = backtest(strategy, candles, params, costs, compiled=compiled)
    trades, fills = fast_trades(strategy, candles, params, costs, compiled=compiled)
    for ours, theirs in ((full.trades, trades), (full.fills, fills)):
        for name in ours.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), name)
    slow = backtest(strategy, candles, params, costs, compiled=compiled, every=True)
    for name in slow.trades.__dataclass_fields__:
        ours, theirs = getattr(full.trades, name), getattr(slow.trades, name)
        np.testing.assert_array_equal(ours, theirs, f"{name}, through every candle")
    assert slow.ambiguous_candles == full.ambiguous_candles
    found = search(strategy, candles, [params], {}, costs, compiled=compiled)
    assert found.results[0].metrics == full.metrics
    assert found.daily_returns[0].tobytes() == full.daily_returns.tobytes()
    return Pair(full, set(full.trades.reason.tolist()) | set(full.fills.reason.tolist()))


BREAKOUT = {"filters": "off", "signal_tf": "1m", "k": 0.1, "trigger": "cross"}
REVERSION = {"filters": "off", "signal_tf": "5m", "rsi_entry": 35.0, "rsi_exit": 60.0}
KINDS: dict[str, tuple[type[Strategy], dict[str, Any]]] = {
    "breakout": (Breakout, BREAKOUT),
    "reversion": (RsiBollinger, REVERSION),
}
