"""A ledger of the executor's own schema with a few rows, for the tests of the dashboard."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from executor.ledger.migrations import migrate
from trading.candles import HOUR_MS

NASTY = "<img src=x onerror=alert(1)>"
DAY = 20_000 * 24 * HOUR_MS


def make_ledger(state: Path) -> sqlite3.Connection:
    """Write an open position with a stop, a closed one, equity and an event."""
    state.mkdir(parents=True, exist_ok=True)
    ledger = sqlite3.connect(state / "ledger.sqlite", isolation_level=None)
    ledger.execute("pragma journal_mode = wal")
    migrate(ledger)
    add_position(ledger, 1, "BTCUSDT", None)
    add_position(ledger, 2, "ETHUSDT", DAY + HOUR_MS, strategy=f"rsi {NASTY}")
    add_stop(ledger, 1, 98.5)
    for hours, equity in ((-2, "100"), (-1, "110"), (1, "121")):
        add(
            ledger,
            "equity",
            {
                "time": DAY + hours * HOUR_MS,
                "venue": "binance_usdm",
                "asset": "USDT",
                "wallet": "100",
                "equity": equity,
                "open_positions": 1,
            },
        )
    data = json.dumps({"reason": f"RSI too high {NASTY}"})
    event = {"id": "e1", "time": DAY, "type": "signal_held", "symbol": f"BTC{NASTY}"}
    add(ledger, "events", event | {"data": data, "wall_time": DAY})
    return ledger


def add(ledger: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> None:
    """Insert a row; columns that must have a value and are not given get an empty one."""
    row = dict(values)
    for _, name, kind, needed, default, _ in ledger.execute(f"pragma table_info({table})"):
        if needed and default is None and name not in row:
            row[name] = "" if kind == "TEXT" else 0
    names = ", ".join(row)
    marks = ", ".join("?" for _ in row)
    ledger.execute(f"insert into {table} ({names}) values ({marks})", tuple(row.values()))


def add_position(
    ledger: sqlite3.Connection,
    number: int,
    symbol: str,
    closed: int | None,
    strategy: str = "breakout",
) -> None:
    """Insert a long position of 0.5 at 100, opened at midnight; a closed one won 2 before 0.5."""
    values: dict[str, Any] = {
        "id": number,
        "symbol": symbol,
        "strategy": strategy,
        "side": 1,
        "status": "open" if closed is None else "closed",
        "quantity": "0.5",
        "entry_price": 100.0,
        "opened_at": DAY,
        "closed_at": closed,
        "params": "{}",
        "key": f"key-{number}",
    }
    if closed is not None:
        values |= {"exit_price": 104.0, "exit_reason": "take_profit"}
        values |= {"realized_pnl": "2", "fees": "0.5"}
    add(ledger, "positions", values)


def add_stop(ledger: sqlite3.Connection, position: int, price: float) -> None:
    """Insert a stop that rests at the exchange."""
    values = {
        "client_id": f"c-{position}-{price}",
        "key": f"key-{position}",
        "leg": "sl",
        "n": int(price * 10),
        "position_id": position,
        "status": "accepted",
        "trigger_price": str(price),
        "created_at": DAY,
    }
    add(ledger, "orders", values)


def write_status(state: Path, **changes: Any) -> None:
    """Write a status of an executor that runs."""
    status = {
        "status": "running",
        "timestamp": int(time.time() * 1000),
        "mode": "replay",
        "entries": True,
        "halt": "running",
        "entries_off_because": None,
        "release": "20250622T000000Z-abcdefgh",
        "market_stream": {"up": True, "silent_s": 0.5},
    }
    (state / "status.json").write_text(json.dumps(status | changes))
