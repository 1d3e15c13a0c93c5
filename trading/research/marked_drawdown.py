"""The drawdown of a run whose open positions are marked to the market, candle by candle."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from trading.candles import CandleColumns, Floats
from trading.simulation.results import BacktestResult, Costs, Fills, Trades


def marked_drawdown(candles: CandleColumns, runs: Iterable[BacktestResult], costs: Costs) -> float:
    """Return the largest fall of the equity from a peak, as a share of the peak.

    ``runs`` are consecutive runs on one equity over ``candles``. Positions are marked at the
    extremes of each candle: a peak at the better one of an earlier candle, a fall at the worse one.
    On the candle of a fill the price of the fill counts, for what the candle does after a stop is
    not the account's. Funding counts when the position closes.
    """
    equity, peak, deepest = 1.0, 1.0, 0.0
    for run in runs:
        places = np.searchsorted(run.fills.trade, np.arange(len(run.trades) + 1))
        for number in range(len(run.trades)):
            own = slice(int(places[number]), int(places[number + 1]))
            worse, better = _marks(candles, run.trades, run.fills, number, own, costs)
            peaks = np.maximum.accumulate(np.append(peak, equity * better))
            falls = 1.0 - equity * worse / peaks[:-1]
            deepest = max(deepest, float(falls.max(initial=0.0)))
            equity *= 1.0 + float(run.trades.net_return[number])
            peak = max(float(peaks[-1]), equity)
            deepest = max(deepest, 1.0 - equity / peak)
    return deepest


def _marks(
    candles: CandleColumns, trades: Trades, fills: Fills, number: int, own: slice, costs: Costs
) -> tuple[Floats, Floats]:
    """Return the worse and the better mark of each candle of a trade, in entry equities."""
    side, fee = int(trades.side[number]), costs.fee_bps / 10_000.0
    values, prices = fills.value[own], fills.price[own]
    held = -float((values / prices).sum())
    cash = -(side + fee) * float(trades.spent[number] - np.maximum(values, 0.0).sum())
    row = int(np.searchsorted(candles.open_time, trades.entry_time[number]))
    ends = np.searchsorted(candles.open_time, fills.time[own])
    lows, highs = (candles.low, candles.high) if side > 0 else (candles.high, candles.low)
    worse: list[Floats] = []
    better: list[Floats] = []
    for value, price, end in zip(values.tolist(), prices.tolist(), ends.tolist(), strict=True):
        if end > row:
            worse.append(1.0 + cash + side * held * lows[row:end])
            better.append(1.0 + cash + side * held * highs[row:end])
            row = int(end)
        cash -= side * value + abs(value) * fee
        held += value / price
        mark = np.array([1.0 + cash + side * held * price])
        worse.append(mark)
        better.append(mark)
    return np.concatenate(worse), np.concatenate(better)
