"""Closed trades: each of them, and by strategy, symbol, reason and day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.parts.cells import Cell, Row, cell, net_of, side_of, signed, table, why_cell

TRADE_HEAD = [
    *("Closed", "Symbol", "Strategy", "Side", "Quantity", "Entry", "Exit", "After fees"),
    *("Held", "Reason", "Why"),
]
GROUP_HEAD = ["Trades", "Won", "After fees", "Fees", "Profit factor", "Mean", "Worst"]
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOST_WEEKS = 26


def trades_table(closed: Sequence[Row], cells: Sequence[list[Cell]]) -> dict[str, Any]:
    """Show the newest closed positions, with the cells of each."""
    return table(TRADE_HEAD, [[row["id"], one] for row, one in zip(closed, cells, strict=True)])


def trade_rows(closed: Sequence[Row]) -> list[list[Cell]]:
    """Show closed positions."""
    return [trade_row(row) for row in closed]


def trade_row(row: Row) -> list[Cell]:
    """Show one closed position."""
    exit_price = row["exit_price"]
    return [
        cell(row["closed_at"], "time"),
        cell(row["symbol"]),
        cell(row["strategy"]),
        cell(side_of(row)),
        cell(_quantity(row)),
        cell(float(row["entry_price"]), "price"),
        cell(None if exit_price is None else float(exit_price), "price"),
        signed(net_of(row)),
        cell(int(row["closed_at"]) - int(row["opened_at"]), "duration"),
        cell(str(row["exit_reason"] or "–").replace("_", " ")),
        why_cell(row["exit_order"]),
    ]


def _quantity(row: Row) -> str:
    """Return what was bought or sold at first; what is left of it when it is closed is nothing."""
    traded = row["traded"]
    return str(row["quantity"]) if traded is None else f"{float(traded):.8g}"


def group_table(label: str, found: Sequence[Row]) -> dict[str, Any]:
    """Show results by one column; amounts of different currencies are never added up."""
    return table(
        [label, *GROUP_HEAD], [[f"{one['name']} {one['asset']}", _group_row(one)] for one in found]
    )


def _group_row(one: Row) -> list[Cell]:
    factor = one["gained"] / -one["lost"] if one["lost"] else None
    name = str(one["name"] or "–")
    return [
        cell(name if one["asset"] == "USDT" else f"{name} ({one['asset']})"),
        cell(one["count"], "count"),
        cell(one["won"] / one["count"], "share"),
        signed(one["net"]),
        cell(one["fees"], "number"),
        cell(factor, "number"),
        signed(one["net"] / one["count"]),
        signed(one["worst"]),
    ]


def calendar_table(found: Sequence[Row]) -> dict[str, Any]:
    """Show the result of each day, a week a row, the newest on top.

    Only days of the first currency by name count, where there are several.
    """
    asset = min((str(one["asset"]) for one in found), default="")
    by_day = {
        _date(int(one["day"])): (float(one["net"]), int(one["count"]))
        for one in found
        if one["asset"] == asset
    }
    mondays = sorted({day - timedelta(days=day.weekday()) for day in by_day}, reverse=True)
    rows: list[list[Any]] = []
    for monday in mondays[:MOST_WEEKS]:
        days = [by_day.get(monday + timedelta(days=n)) for n in range(7)]
        total = sum(day[0] for day in days if day is not None)
        cells = [signed(None if day is None else day[0]) for day in days]
        rows.append([f"{monday:%Y-%m-%d}", [cell(f"{monday:%Y-%m-%d}"), *cells, signed(total)]])
    return table(["Week of", *WEEKDAYS, f"Week, {asset}" if asset else "Week"], rows)


def _date(day: int) -> datetime:
    return datetime.fromtimestamp(day * 86_400, UTC)
