"""The last trades of one symbol on its candles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.parts.cells import Row, Rows
from trading.candles import MINUTE_MS

INTERVALS_MIN = (1, 5, 15, 30, 60, 240)
MOST_BARS = 300
MOST_TRADES = 20


def price_chart(rows: Rows) -> dict[str, Any]:
    """Return candles of the symbol traded last, as received, with its newest trades on them."""
    minutes = sorted({row["open_time"]: row for row in rows["candles"]}.values(), key=_opened)
    if len(minutes) < 2:
        return {"title": "", "bars": None, "trades": []}
    span = (_opened(minutes[-1]) - _opened(minutes[0])) // MINUTE_MS + 1
    step = next((n for n in INTERVALS_MIN if span <= n * MOST_BARS), INTERVALS_MIN[-1])
    symbol, first = minutes[0]["symbol"], _opened(minutes[0])
    shown = [row for row in rows["closed"] if row["symbol"] == symbol and row["opened_at"] >= first]
    return {
        "title": f"{symbol}, {step} min",
        "bars": _bars(minutes, step * MINUTE_MS),
        "trades": [_trade(row) for row in shown[:MOST_TRADES]],
    }


def _opened(row: Row) -> int:
    return int(row["open_time"])


def _bars(minutes: Sequence[Row], interval: int) -> dict[str, Any]:
    """Join minutes into longer candles."""
    grouped: dict[int, list[Row]] = {}
    for row in minutes:
        grouped.setdefault(_opened(row) // interval * interval, []).append(row)
    return {
        "interval": interval,
        "times": list(grouped),
        "opens": [group[0]["open"] for group in grouped.values()],
        "highs": [max(row["high"] for row in group) for group in grouped.values()],
        "lows": [min(row["low"] for row in group) for group in grouped.values()],
        "closes": [group[-1]["close"] for group in grouped.values()],
    }


def _trade(row: Row) -> dict[str, Any]:
    entry, exit_price = float(row["entry_price"]), float(row["exit_price"] or row["entry_price"])
    return {
        "entered": int(row["opened_at"]),
        "exited": int(row["closed_at"]),
        "entry": entry,
        "exit": exit_price,
        "net": row["side"] * (exit_price / entry - 1) if entry else 0.0,
        "side": row["side"],
        "reason": str(row["exit_reason"] or "").replace("_", " "),
    }
