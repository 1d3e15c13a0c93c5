"""Strategies side by side: one row per strategy and symbol, the measures that set them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.report import tables
from flows.report.language import tr
from flows.report.sections.strategies import OUT
from flows.report.views import Cell, Comparison, TableView

Row = Mapping[str, Any]

ICT = {"ict_conservative": "A", "ict_aggressive": "B", "ict_mixed": "C"}
"""The three ICT strategies in the order of their letters."""
MEASURES = (
    ("win_rate", "Win rate"),
    ("profit_factor", "Profit factor"),
    ("sharpe", "Sharpe ratio"),
    ("max_drawdown", "Maximum drawdown"),
    ("reward_to_risk", "Average reward to risk"),
    ("total_return", "Return"),
    ("trades", "Trades"),
)


def comparisons(entries: Sequence[Row]) -> tuple[Comparison, ...]:
    """Compare the ICT strategies if the release holds more than one of them."""
    letters = list(ICT)
    found = [entry for entry in entries if entry["strategy"] in ICT]
    if len({entry["strategy"] for entry in found}) < 2:
        return ()
    found.sort(key=lambda e: (str(e["symbol"]), letters.index(str(e["strategy"]))))
    head = (tr("ICT"), tr("Strategy"), tr("Symbol"), *(tr(label) for _, label in MEASURES))
    rows = tuple(_row(entry) for entry in found)
    return (
        Comparison(
            title=tr("ICT strategies side by side"),
            lead=tr("Out-of-sample, after costs, over the same days of each symbol."),
            grid=TableView(head, rows, frozenset({0, 1, 2})),
        ),
    )


def _row(entry: Row) -> tuple[Cell, ...]:
    measured = entry.get(OUT) or {}
    name = str(entry["strategy"])
    return (
        Cell(ICT[name]),
        Cell(name),
        Cell(str(entry["symbol"])),
        *(tables.metric_cell(column, measured) for column, _ in MEASURES),
    )
