"""What drifts: the models' errors of the last day, and the features whose last week is unusual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.report import formats
from flows.report.language import each, recorded, tr
from flows.report.views import BAD, WARN, Cell, TableView
from flows.steps.features.drift import NOTABLE

Row = Mapping[str, Any]

HEAD = ("Symbol", "What", "Score", "Usual up to", "State")
MOST = 5
"""Features that are listed for each symbol, those that moved most."""
_ERRORS = "errors of "


def drift_grid(rows: Sequence[Row]) -> TableView | None:
    """Show the errors of every model, and the features of each symbol that drift notably.

    A score of errors is their distance by that of calm days, one of a feature its population
    stability index. None without any row.
    """
    errors = [row for row in rows if str(row["feature"]).startswith(_ERRORS)]
    features = [row for row in rows if row not in errors and row["score"] >= NOTABLE]
    shown: list[Row] = []
    for symbol in sorted({str(row["symbol"]) for row in (*errors, *features)}):
        shown += sorted((r for r in errors if r["symbol"] == symbol), key=lambda r: r["feature"])
        moved = [row for row in features if row["symbol"] == symbol]
        shown += sorted(moved, key=lambda row: (-row["score"], row["feature"]))[:MOST]
    if not shown:
        return None
    hidden = len(errors) + len(features) - len(shown)
    return TableView(
        each(HEAD),
        tuple(_row(row) for row in shown),
        words=frozenset({0, 1, 4}),
        caption=tr(
            "Drift: errors of the last day against all days before, and features of the last week"
            " that moved"
        ),
        more=tr("{hidden} more features moved; they are in the table `drift`", hidden=hidden)
        if hidden
        else "",
    )


def _row(row: Row) -> tuple[Cell, ...]:
    limit = row.get("limit")
    state = Cell(tr("moved"), WARN)
    if limit is not None:
        state = Cell(tr("drifts: unproven"), BAD) if row["score"] > limit else Cell(tr("as before"))
    return (
        Cell(str(row["symbol"])),
        Cell(recorded(str(row["feature"]))),
        Cell(formats.decimal(row["score"])),
        Cell(formats.decimal(NOTABLE if limit is None else limit)),
        state,
    )
