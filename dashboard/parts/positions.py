"""Open positions with their levels, and the orders that rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.parts.cells import Cell, Row, Rows, cell, side_of, signed, table, why_cell
from trading.order_ids import LEGS

NOT_RESTING = frozenset(
    {"intent", "sent", "unknown", "filled", "cancelled", "expired", "rejected", "dead"}
)
POSITION_HEAD = [
    *("Symbol", "Strategy", "Side", "Quantity", "Entry", "Price", "Profit", "Share", "Stop"),
    *("To stop", "Target", "To target", "Opened", "Why"),
]
ORDER_HEAD = ["Symbol", "What", "Side", "Quantity", "At", "State", "Strategy", "Since", "Why"]


def positions_table(rows: Rows, status: Row | None) -> dict[str, Any]:
    """Show the open positions with the prices that the executor last named."""
    held = (status or {}).get("positions", ())
    prices = {(one["venue"], one["symbol"]): one.get("price") for one in held}
    return table(
        POSITION_HEAD,
        [
            [row["id"], position_row(row, rows["stops"], prices.get(_instrument(row)))]
            for row in rows["open"]
        ],
    )


def _instrument(row: Row) -> tuple[str, str]:
    return row["venue"], row["symbol"]


def alive_order(position: Row, orders: Sequence[Row], leg: str) -> Row | None:
    """Return the newest order of a leg that rests for a position."""
    found = [
        row
        for row in orders
        if row["position_id"] == position["id"]
        and row["leg"] == leg
        and str(row["status"]) not in NOT_RESTING
    ]
    return found[-1] if found else None


def position_row(row: Row, orders: Sequence[Row], price: float | None = None) -> list[Cell]:
    """Show one open position; its profit is before fees, at ``price``."""
    entry = float(row["entry_price"])
    stop, target = (_level(row, orders, leg) for leg in ("sl", "tp"))
    profit = share = None
    if price:
        profit = row["side"] * (price - entry) * float(row["quantity"])
        share = row["side"] * (price / entry - 1) if entry else None
    return [
        cell(row["symbol"]),
        cell(row["strategy"]),
        cell(side_of(row)),
        cell(row["quantity"]),
        cell(entry, "price"),
        cell(price, "price"),
        signed(profit),
        signed(share, "share"),
        cell("✗ none", tone="bad") if stop is None else cell(stop, "price"),
        cell(_distance(row, price, stop, -1), "share"),
        cell(target, "price"),
        cell(_distance(row, price, target, 1), "share"),
        cell(row["opened_at"], "time"),
        why_cell(row["entry_order"]),
    ]


def _level(position: Row, orders: Sequence[Row], leg: str) -> float | None:
    """Return where a protective order rests; None if none does."""
    order = alive_order(position, orders, leg)
    return None if order is None else float(order["trigger_price"] or 0.0)


def _distance(position: Row, price: float | None, level: float | None, way: int) -> float | None:
    """Return how far the price has to go to a level, as a share of it."""
    if not price or not level:
        return None
    return float(way * position["side"] * (level / price - 1))


def orders_table(rows: Rows) -> dict[str, Any]:
    """Show every order whose end is not known, the newest first."""
    return table(ORDER_HEAD, [[row["client_id"], _order_row(row)] for row in rows["orders"]])


def _order_row(row: Row) -> list[Cell]:
    state = str(row["status"]).replace("_", " ")
    at = row["trigger_price"] or row["price"]
    return [
        cell(row["symbol"]),
        cell(LEGS.get(row["leg"], row["leg"])),
        cell(str(row["side"]).lower()),
        cell("all" if row["close_position"] else row["quantity"]),
        cell(float(at) if at else None, "price"),
        cell(state, tone="warn" if state == "unknown" else ""),
        cell(row["strategy"]),
        cell(row["created_at"], "time"),
        why_cell(row["client_id"]),
    ]
