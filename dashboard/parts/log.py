"""The events of the ledger, each with its reason."""

from __future__ import annotations

import json
from typing import Any

from dashboard.parts.cells import Cell, Row, Rows, cell, table

WHY = ("reason", "why", "text", "error")
BAD = ("failed", "refused", "error", "reached", "disconnected", "shock", "halted", "exceeded")
LOG_HEAD = ["Time", "Event", "Symbol", "What"]


def log_table(rows: Rows) -> dict[str, Any]:
    """Show the newest events."""
    return table(LOG_HEAD, [[row["id"], log_row(row)] for row in rows["events"]])


def log_row(row: Row) -> list[Cell]:
    """Show one event with its reason, if it has one."""
    data = data_of(row)
    words = str(row["type"]).replace("_", " ")
    tone = "bad" if words.rpartition(" ")[2] in BAD else ""
    return [
        cell(row["time"], "time"),
        cell(words, tone=tone),
        cell(row["symbol"]),
        cell(_what(data)),
    ]


def data_of(row: Row) -> dict[str, Any]:
    """Return what an event says; nothing where it cannot be read."""
    try:
        found = json.loads(row["data"])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _what(data: dict[str, Any]) -> str:
    """Return the reason, else the short values by name."""
    reason = next((str(data[name]) for name in WHY if data.get(name)), "")
    who = str(data.get("strategy") or "")
    if reason:
        return f"{who}: {reason}" if who and who not in reason else reason
    short = [f"{name} {value}" for name, value in data.items() if _is_short(value)]
    return ", ".join(short[:6]).replace("_", " ")


def _is_short(value: Any) -> bool:
    return isinstance(value, str | int | float) and 0 < len(str(value)) <= 40
