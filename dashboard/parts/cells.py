"""Cells, tables and facts, as the pages get them.

A cell is ``{"value", "unit", "tone"}``; the page writes it as `web/charts/base.js` writes numbers.
A table is ``{"head", "rows"}``, each row a unique key and its cells. Nobody changes a cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
Cell = dict[str, Any]


def cell(value: Any, unit: str = "text", tone: str = "") -> Cell:
    """Return one value with its unit and colour; the same text may be the same object."""
    if isinstance(value, str):
        return _text_cell(value, unit, tone)
    return {"value": value, "unit": unit, "tone": tone}


@lru_cache(maxsize=1024)
def _text_cell(value: str, unit: str, tone: str) -> Cell:
    """Return a text: symbols, strategies and reasons stand in hundreds of rows."""
    return {"value": value, "unit": unit, "tone": tone}


def why_cell(order: str | None) -> Cell:
    """Return a link to the page that traces an order back to its data."""
    if not order:
        return cell(None)
    return {**cell("why"), "link": f"/why/{quote(order, safe='')}"}


def table(head: list[str], rows: list[list[Any]]) -> dict[str, Any]:
    """Return a table of rows, each a unique key and its cells."""
    return {"head": head, "rows": rows}


def fact(label: str, value: Any, unit: str, tone: str = "", note: str = "") -> dict[str, Any]:
    """Return one labelled value."""
    return {"label": label, "note": note, **cell(value, unit, tone)}


def signed(value: float | None, unit: str = "change") -> Cell:
    """Return a result with its sign and colour."""
    return cell(value, unit, signed_tone(value or 0.0))


def signed_tone(value: float) -> str:
    """Return the colour of a result."""
    return "good" if value > 0 else "bad" if value < 0 else ""


def side_of(row: Row) -> str:
    """Return the side of a position in a word."""
    return "long" if row["side"] > 0 else "short"


def net_of(row: Row) -> float:
    """Return a closed position's profit after fees, in its quote asset."""
    return float(row["realized_pnl"]) - float(row["fees"])
