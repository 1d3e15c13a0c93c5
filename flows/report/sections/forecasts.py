"""The forecasts behind the sizes of the day's entries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flows.report import formats
from flows.report.language import each, recorded, tr
from flows.report.views import Cell, TableView

Row = Mapping[str, Any]

HEAD = ("Entry", "Symbol", "Model", "Next hour, x usual", "Made at", "Size", "Quantity", "Without")
MOST = 50


def forecast_grid(events: Sequence[Row]) -> TableView | None:
    """Show each entry that the settings sized by a forecast; None where none was."""
    intents = [row for row in events if row.get("type") == "order_intent"]
    found = [(row, json.loads(row["data"])) for row in intents]
    used = [(row, data) for row, data in found if data.get("forecast")]
    if not used:
        return None
    rows = tuple(_row(row, data) for row, data in used[-MOST:])
    hidden = len(used) - len(rows)
    return TableView(
        each(HEAD),
        rows,
        words=frozenset({0, 1, 2, 4}),
        caption=tr("Entries and the forecast of volatility behind their size"),
        more=tr("{hidden} earlier entries are in the table `events`", hidden=hidden)
        if hidden
        else "",
    )


def _row(row: Row, data: Row) -> tuple[Cell, ...]:
    known = data["forecast"]
    when, symbol = Cell(formats.moment(row["time"])), Cell(str(row["symbol"]))
    size, without = Cell(str(data["quantity"])), Cell(str(data["without_forecast"]))
    if "missing" in known:
        none = Cell("–")
        return (
            when,
            symbol,
            Cell(tr("none: {missing}", missing=recorded(known["missing"]))),
            none,
            none,
            Cell("100%"),
            size,
            without,
        )
    model = f"{known['model']}{'' if known['proven'] else ' (' + tr('unproven') + ')'}"
    return (
        when,
        symbol,
        Cell(model),
        Cell(formats.decimal(known["value"] / known["usual"])),
        Cell(formats.moment(known["made_at"])),
        Cell(f"{known['share']:.0%}"),
        size,
        without,
    )
