"""The breakout strategy without filters, in plain Python straight from its rules."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

DAY_MS = 86_400_000


def trade_breakout(rows, k, take_profit, stop_loss, fee, trigger):
    """Trades of ``rows`` = [(open_time ms, open, high, low, close)], each as a dict.

    ``trigger`` is ``level`` (first close above the target, one entry a day) or ``cross``.
    """
    days = [datetime.fromtimestamp(row[0] / 1000, UTC).date() for row in rows]
    by_day = {}
    for day, row in zip(days, rows, strict=True):
        by_day.setdefault(day, []).append(row)
    whole = whole_days(by_day)

    def target(day):
        yesterday = whole.get(day - timedelta(days=1))
        if not yesterday:
            return None
        reach = max(row[2] for row in yesterday) - min(row[3] for row in yesterday)
        return by_day[day][0][1] + reach * k

    targets = {day: target(day) for day in by_day}
    last_of_day = [i + 1 == len(rows) or days[i + 1] != days[i] for i in range(len(rows))]
    ends_day = [datetime.fromtimestamp(r[0] / 1000, UTC).strftime("%H:%M") == "23:59" for r in rows]

    trades = []
    position = None
    count_from = 0
    entered_on = set()
    for i, (time, open_, _, _, close) in enumerate(rows):
        if position is not None and position["entry_row"] == i:
            position["entry_price"] = open_
        if position is not None:
            entry = position["entry_price"]
            if days[i] != days[position["entry_row"]]:  # the last minutes of its day are missing
                left = leave(entry, (time, *[open_] * 4), take_profit, stop_loss, True, False)
            else:
                is_last = i == len(rows) - 1
                left = leave(entry, rows[i], take_profit, stop_loss, ends_day[i], is_last)
            if left is None:
                continue
            price, reason = left
            growth = price / entry * (1 - fee) / (1 + fee)
            position |= {"exit_time": time, "exit_price": price, "reason": reason}
            trades.append(position | {"net_return": growth - 1, "exit_day": days[i]})
            position = None
            count_from = i + 1
            continue
        level = targets[days[i]]
        if i == 0 or i < count_from or level is None or last_of_day[i]:
            continue
        if trigger == "level":
            signals = close > level and days[i] not in entered_on
        else:
            signals = close > level and not rows[i - 1][4] > level
        if signals:
            entered_on.add(days[i])
            position = {"entry_row": i + 1, "entry_time": rows[i + 1][0]}
    return trades


def whole_days(by_day):
    """The days without the first one if the candles begin inside it."""
    first = next(iter(by_day))
    begins_late = by_day[first][0][0] % DAY_MS > 0
    return {day: rows for day, rows in by_day.items() if day != first or not begins_late}


def leave(entry, row, take_profit, stop_loss, ends_day, is_last):
    """Price and reason of the exit on one candle, or None."""
    _, _, high, low, close = row
    if low <= entry * (1 - stop_loss):
        return entry * (1 - stop_loss), "stop_loss"
    if high >= entry * (1 + take_profit):
        return entry * (1 + take_profit), "take_profit"
    if ends_day:
        return close, "day_end"
    return (close, "end_of_data") if is_last else None


def measure(rows, trades):
    """Total return, trades, win rate, maximum drawdown and Sharpe ratio."""
    equity, peak, drawdown = 1.0, 1.0, 0.0
    by_day = {}
    for trade in trades:
        equity *= 1 + trade["net_return"]
        peak = max(peak, equity)
        drawdown = max(drawdown, 1 - equity / peak)
        before = by_day.get(trade["exit_day"], 1.0)
        by_day[trade["exit_day"]] = before * (1 + trade["net_return"])
    first = datetime.fromtimestamp(rows[0][0] / 1000, UTC).date()
    last = datetime.fromtimestamp(rows[-1][0] / 1000, UTC).date()
    calendar = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    returns = [by_day.get(day, 1.0) - 1 for day in calendar]
    sharpe = 0.0
    if len(returns) > 1:
        mean = sum(returns) / len(returns)
        deviation = math.sqrt(sum((r - mean) ** 2 for r in returns) / (len(returns) - 1))
        if deviation > 1e-13:
            sharpe = mean / deviation * math.sqrt(365)
    wins = sum(trade["net_return"] > 0 for trade in trades)
    return {
        "total_return": equity - 1,
        "trades": len(trades),
        "win_rate": wins / len(trades) if trades else 0.0,
        "max_drawdown": drawdown,
        "sharpe": sharpe,
    }
