"""Positions, trades and profit out of an executor's ledger; reads only, money stays decimal."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from executor.ledger.reader import LedgerPlace, open_reading
from trading.candles import DAY_MS

Record = dict[str, Any]
_RESTING = (
    "coalesce((select cast(max(trigger_price) as double precision) from orders"
    " where position_id = positions.id and leg = '{leg}'"
    " and status in ('accepted', 'partly_filled')), {level}) as {level}"
)
"""The level of the order that rests at the exchange; before it does, the one of the signal."""
_POSITIONS = (
    "select id, symbol, strategy, side, quantity, entry_price,"
    f" {_RESTING.format(leg='sl', level='stop_price')},"
    f" {_RESTING.format(leg='tp', level='target_price')},"
    " leverage, opened_at, protected_at, release_id, realized_pnl, fees"
    " from positions where status not in ('closed', 'void') order by opened_at"
)
_TRADES = (
    "select id, symbol, strategy, side, entry_price, exit_price, exit_reason, realized_pnl, fees,"
    " opened_at, closed_at, release_id from positions where status = 'closed'"
    " order by closed_at desc limit ?"
)
_LAST_START = "select data from events where type = 'system_started' order by id desc limit 1"
_SPANS = {"today": 1, "7 days": 7, "30 days": 30}
_TIMES = ("opened_at", "closed_at", "protected_at")


def open_positions(ledger: LedgerPlace) -> list[Record]:
    """Return the open positions, the oldest first; times in ISO 8601."""
    with open_reading(ledger) as database:
        return [_record(row) for row in database.execute(_POSITIONS)]


def last_mode(ledger: LedgerPlace) -> str:
    """Return the mode of the last executor that wrote into a ledger; empty if none did."""
    with open_reading(ledger) as database:
        row = database.execute(_LAST_START).fetchone()
    return str(json.loads(row["data"]).get("mode", "")) if row is not None else ""


def closed_trades(ledger: LedgerPlace, count: int) -> list[Record]:
    """Return the last ``count`` closed positions, the newest first, with ``net`` after fees."""
    with open_reading(ledger) as database:
        rows = [_record(row) for row in database.execute(_TRADES, (count,))]
    for row in rows:
        row["net"] = str(Decimal(row["realized_pnl"]) - Decimal(row["fees"]))
    return rows


def profit(ledger: LedgerPlace) -> list[Record]:
    """Return trades, wins and net profit (quote currency) by span, the newest day being today.

    Spans end with the UTC day of the newest row, so a replayed day has its own today.
    """
    with open_reading(ledger) as database:
        rows = database.execute(
            "select closed_at, realized_pnl, fees from positions where status = 'closed'"
        ).fetchall()
        (newest,) = database.execute("select max(time) from equity").fetchone()
    latest = max([newest or 0, *(row["closed_at"] for row in rows)])
    end = latest // DAY_MS * DAY_MS + DAY_MS
    spans = {name: end - days * DAY_MS for name, days in _SPANS.items()} | {"all": 0}
    return [
        _sum_up(name, [row for row in rows if row["closed_at"] >= at]) for name, at in spans.items()
    ]


def _sum_up(name: str, rows: list[sqlite3.Row]) -> Record:
    nets = [Decimal(row["realized_pnl"]) - Decimal(row["fees"]) for row in rows]
    fees = sum((Decimal(row["fees"]) for row in rows), Decimal(0))
    return {
        "span": name,
        "trades": len(nets),
        "won": sum(net > 0 for net in nets),
        "net": str(sum(nets, Decimal(0))),
        "fees": str(fees),
    }


def _record(row: sqlite3.Row) -> Record:
    record = dict(row)
    for name in _TIMES:
        if record.get(name) is not None:
            moment = datetime.fromtimestamp(record[name] / 1000, UTC)
            record[name] = moment.isoformat(timespec="seconds")
    record["side"] = "long" if record["side"] > 0 else "short"
    return record
