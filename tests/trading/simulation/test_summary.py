"""The summary of a back-test: its exits and its months, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from trading.candles import DAY_MS, CandleColumns
from trading.simulation import Costs, backtest
from trading.simulation.results import Trades
from trading.simulation.summary import ExitCount, RunSummary, exits_of, monthly_returns
from trading.strategies.registry import get_strategy


def trades_of(*ends: tuple[str, float]) -> Trades:
    """Round trips that ended for these reasons with these net returns."""
    count = len(ends)
    whole, none = np.arange(count), np.zeros(count)
    return Trades(
        signal_time=whole,
        entry_time=whole,
        exit_time=whole,
        side=np.ones(count, dtype=np.int64),
        entry_price=none + 1.0,
        exit_price=none + 1.0,
        net_return=np.array([value for _, value in ends]),
        reason=np.array([reason for reason, _ in ends]),
        funding=none,
        risk_wanted=none,
        risk_taken=none,
        bound_by=np.array([""] * count),
        spent=none + 1.0,
    )


def test_exits_are_counted_by_reason_with_their_wins_and_mean() -> None:
    exits = exits_of(
        trades_of(
            ("stop_loss", -0.02), ("take_profit", 0.03), ("stop_loss", 0.0), ("stop_loss", 0.005)
        )
    )
    assert list(exits) == ["stop_loss", "take_profit"]
    assert exits["stop_loss"] == ExitCount(3, 1, pytest.approx(-0.005))
    assert exits["take_profit"] == ExitCount(1, 1, 0.03)


def test_days_are_compounded_by_their_month() -> None:
    days = np.array([30, 31, 32]) * DAY_MS  # 31 January, 1 and 2 February 1970
    months = monthly_returns(days, np.array([0.01, 0.1, 0.1]))
    assert months == pytest.approx({"1970-01": 0.01, "1970-02": 0.21})


def test_the_balance_ends_with_what_the_trades_earned(bitcoin: CandleColumns) -> None:
    candles = bitcoin.rows(0, 3_000)
    params = {"filters": "off", "signal_tf": "1m", "rsi_entry": 45.0, "band_width": 0.5}
    ran = backtest(get_strategy("rsi_bollinger"), candles, params, Costs(5.0))
    summary = RunSummary.of(ran, candles, 2_000.0)
    assert len(ran.trades) > 0
    assert summary.start_balance == 2_000.0
    earned = np.prod(1.0 + ran.trades.net_return)
    assert summary.end_balance == pytest.approx(2_000.0 * earned, rel=1e-9)
