"""What is traded: the strategies of the release on their symbols, and what each decided last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.parts.cells import Cell, Row, Rows, cell, table
from dashboard.parts.log import data_of

TRADED_HEAD = ["Symbol", "Strategy", "Entries", "Evidence", "Decided", "Last decision"]
DECISIONS = ("signal_generated", "signal_held", "entry_refused")


def traded_table(
    entries: Sequence[Mapping[str, Any]], rows: Rows, status: Row | None
) -> dict[str, Any]:
    """Show each strategy on a symbol; ``entries`` are those of the release."""
    last = _last_decisions(rows)
    return table(
        TRADED_HEAD,
        [
            [f"{one['strategy']} {one['symbol']}.{one['venue']}", _row(one, last, status or {})]
            for one in entries
        ],
    )


def _row(entry: Mapping[str, Any], last: Mapping[tuple[str, str], Row], status: Row) -> list[Cell]:
    strategy, symbol = str(entry["strategy"]), str(entry["symbol"])
    event = last.get((strategy, symbol))
    said = "" if event is None else str(data_of(event).get("reason") or "")
    return [
        cell(symbol),
        cell(strategy),
        _entries(strategy, symbol, status),
        cell("✓ proven", tone="good") if entry["proven"] else cell("! unproven", tone="warn"),
        cell(None if event is None else event["time"], "time"),
        cell(said or "–"),
    ]


def _entries(strategy: str, symbol: str, status: Row) -> Cell:
    """Say whether an entry would be sent, and what stands against it."""
    halted = status.get("halted") or {}
    because = next((why for name, why in halted.items() if name.split(".")[0] == symbol), None)
    if because:
        return cell(f"✗ halted: {because}", tone="bad")
    if strategy in status.get("strategies_off", ()):
        return cell("✗ off", tone="warn")
    if not status:
        return cell("–")
    return cell("✓ on", tone="good") if status.get("entries") else cell("✗ paused", tone="warn")


def _last_decisions(rows: Rows) -> dict[tuple[str, str], Row]:
    found: dict[tuple[str, str], Row] = {}
    for row in rows["decisions"]:
        key = (str(data_of(row).get("strategy")), str(row["symbol"]))
        found.setdefault(key, row)
    return found
