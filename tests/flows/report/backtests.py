"""A back-test of a few trades, made by hand for the tests of its page."""

from __future__ import annotations

import numpy as np

from flows.report.backtest_page import BacktestRun
from flows.report.views import Fact
from trading.candles import HOUR_MS, CandleColumns
from trading.simulation import Trades

START = 20_000 * 24 * HOUR_MS
NASTY = "</script><script>alert('x')</script>"


def candles(count: int = 96) -> CandleColumns:
    """Return hours that rise by one from 100, three up and two down around the open."""
    opens = 100.0 + np.arange(count, dtype=float)
    return CandleColumns.of(
        START + HOUR_MS * np.arange(count),
        opens,
        opens + 3.0,
        opens - 2.0,
        opens + 1.0,
        np.full(count, 5.0),
    )


def trades_of(*rows: tuple[int, int, int, float, str]) -> Trades:
    """Return trades from (entry hour, exit hour, side, net return, reason)."""
    hours = np.array([row[:2] for row in rows], dtype=np.int64).reshape(-1, 2)
    sides = np.array([row[2] for row in rows], dtype=np.int64)
    return Trades(
        signal_time=START + HOUR_MS * (hours[:, 0] - 1),
        entry_time=START + HOUR_MS * hours[:, 0],
        exit_time=START + HOUR_MS * hours[:, 1],
        side=sides,
        entry_price=100.0 + hours[:, 0].astype(float),
        exit_price=100.0 + hours[:, 1].astype(float),
        net_return=np.array([row[3] for row in rows], dtype=float),
        reason=np.array([row[4] for row in rows], dtype=str),
        funding=np.zeros(len(rows)),
        risk_wanted=np.full(len(rows), np.nan),
        risk_taken=np.full(len(rows), np.nan),
        bound_by=np.full(len(rows), ""),
        spent=np.ones(len(rows)),
    )


def small_run(*rows: tuple[int, int, int, float, str], total: float) -> BacktestRun:
    """Return a run with a capital of 10,000."""
    measures = {
        "total_return": total,
        "trades": len(rows),
        "win_rate": 0.5,
        "max_drawdown": 0.1,
        "sharpe": 1.5,
        "profit_factor": 2.0,
        "exposure": 0.25,
        "days": 4,
    }
    return BacktestRun(
        strategy=f"breakout {NASTY}",
        source=f"BTC.parquet {NASTY}",
        params={"k": 0.5, "stop_loss": 0.02},
        candles=candles(),
        trades=trades_of(*rows),
        measures=measures,
        capital=10_000.0,
        costs=(Fact("Fee of a fill", "5 bp"),),
    )


TWO = ((10, 20, 1, 0.1, "take_profit"), (30, 40, -1, -0.1, f"stop {NASTY}"))
