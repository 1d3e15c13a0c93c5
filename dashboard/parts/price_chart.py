"""The last trades of one symbol on its candles."""

from __future__ import annotations

from typing import Any

from dashboard.parts.cells import Row, Rows
from trading.candles import MINUTE_MS

MOST_TRADES = 20


def price_chart(rows: Rows) -> dict[str, Any]:
    """Return candles of the symbol traded last, as received, with its newest trades on them."""
    bars = rows["bars"]
    if not bars:
        return {"title": "", "bars": None, "trades": []}
    symbol, interval, first = bars[0]["symbol"], bars[0]["interval"], bars[0]["time"]
    shown = [row for row in rows["closed"] if row["symbol"] == symbol and row["opened_at"] >= first]
    return {
        "title": f"{symbol}, {interval // MINUTE_MS} min",
        "bars": {
            "interval": interval,
            "times": [bar["time"] for bar in bars],
            "opens": [bar["open"] for bar in bars],
            "highs": [bar["high"] for bar in bars],
            "lows": [bar["low"] for bar in bars],
            "closes": [bar["close"] for bar in bars],
        },
        "trades": [_trade(row) for row in shown[:MOST_TRADES]],
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
