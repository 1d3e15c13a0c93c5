"""The evidence section: every hypothesis with its budget and state, and what refused the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from statistics import NormalDist
from typing import Any

from flows.report import formats, tables
from flows.report.language import each, recorded, tr
from flows.report.views import BAD, GOOD, MUTED, WARN, Cell, EvidenceView, TableView
from trading.research.evidence.budget import NEW_DAYS, spent_by_look

Row = Mapping[str, Any]

POWER = 0.95
_TONES = {"confirmed": GOOD, "proven": GOOD, "unproven": WARN}
_NORMAL = NormalDist()


def evidence_view(
    looks: Sequence[Row], unseen: Sequence[Row], entries: Sequence[Row]
) -> EvidenceView:
    """Show the hypotheses of the ledger of looks, and the gates that refused a set.

    ``looks`` and ``unseen`` are rows of these tables, oldest first, ``entries`` the release's sets
    of parameters and its models (`model_entries`).
    """
    newest: dict[str, Row] = {}
    first: dict[str, Row] = {}
    for look in looks:
        first.setdefault(str(look["hypothesis"]), look)
        newest[str(look["hypothesis"])] = look
    rows = tuple(
        _hypothesis_row(first[name], look, _followed(unseen, look), looks)
        for name, look in sorted(newest.items())
    )
    refused = tuple(row for entry in entries for row in _refused_rows(entry))
    return EvidenceView(
        lead=_lead(newest),
        hypotheses=TableView(each(_HYPOTHESES), rows, words=frozenset({0, 1, 9})) if rows else None,
        refused=TableView(each(_REFUSED), refused, words=frozenset({0, 1, 2, 4}))
        if refused
        else None,
    )


def model_entries(cards: Sequence[Row]) -> list[Row]:
    """Return the cards of models as entries: what refused them stands beside the rest."""
    return [{**card, "strategy": card["model"]} for card in cards]


_HYPOTHESES = (
    "Hypothesis",
    "State",
    "Opened",
    "Looks",
    "Budget",
    "p",
    "E",
    "Days",
    "Risk of ruin",
    "What would be needed",
)
_REFUSED = ("Strategy", "Symbol", "Gate", "Figure", "Would have passed")


def _lead(newest: Mapping[str, Row]) -> str:
    if not newest:
        return tr("No look was taken yet, so no hypothesis is open.")
    spent = sum(float(look["alpha"]) for look in newest.values())
    return tr(
        "{hypotheses} opened; the newest looks spent {spent} of the chance of error. What passed "
        "is frozen and followed on days that it never saw.",
        hypotheses=tables.counted(len(newest), "hypothesis", "hypotheses"),
        spent=formats.percent(spent),
    )


def _followed(unseen: Sequence[Row], look: Row) -> Row | None:
    own = [row for row in unseen if row["hypothesis"] == look["hypothesis"]]
    return own[-1] if own else None


def _hypothesis_row(
    first: Row, look: Row, followed: Row | None, looks: Sequence[Row]
) -> tuple[Cell, ...]:
    state = _state(look, followed)
    reason = str(followed["reason"]) if followed and followed["reason"] else str(look["reason"])
    count = sum(row["hypothesis"] == look["hypothesis"] for row in looks)
    days = 0 if followed is None else int(followed["days"])
    return (
        Cell(
            str(look["hypothesis"]),
            hint=tr(
                "on {symbols}, {trials} trials", symbols=look["symbols"], trials=look["trials"]
            ),
        ),
        Cell(tr(state), _TONES[state], hint=recorded(reason)),
        Cell(formats.day(first["as_of"])),
        Cell(formats.whole(count)),
        Cell(
            formats.percent(look["alpha"], 3),
            hint=tr("of the strategy's share {share}", share=formats.percent(look["share"], 3)),
        ),
        Cell(formats.decimal(look["p_value"], 4)),
        Cell("–" if followed is None else formats.decimal(followed["e_value"], 2)),
        Cell(formats.whole(days)),
        Cell(formats.percent(look["ruin"], 1), hint=tr("within a year, drawdown beyond 25 %")),
        Cell(needed(look, followed), MUTED),
    )


def _state(look: Row, followed: Row | None) -> str:
    if followed is not None and followed["frozen_at"] == look["as_of"]:
        return str(followed["state"])
    if look["passed"]:
        return "proven"
    return "unproven" if followed is None else str(followed["state"])


def needed(look: Row, followed: Row | None) -> str:
    """Say what would raise a hypothesis by one state."""
    state = _state(look, followed)
    if state == "confirmed":
        return tr("nothing: it is confirmed")
    if state == "proven":
        if followed is None:
            return tr("unseen days: the first is not over")
        aim, known = float(followed["confirm_at"]), float(followed["e_value"])
        text = tr("E of {aim:.4g}", aim=aim)
        pace = _daily_pace(look)
        if pace > 0.0 and known > 0.0:
            days = math.ceil(max(0.0, math.log(aim / known)) / pace)
            text += tr(": about {days} more days at the pace of its test", days=formats.whole(days))
        return text
    alpha = spent_by_look(float(look["share"]), int(look["look"]) + 1)
    when = look["as_of"] + timedelta(days=NEW_DAYS)
    if alpha <= 0.0:
        return tr("nothing is left of the budget")
    line = _NORMAL.inv_cdf(1.0 - alpha) + _NORMAL.inv_cdf(POWER)
    return tr(
        "p of at most {alpha:.2g} at a look from {when} on: likely for a Sharpe ratio × √years of"
        " {line:.1f} or more",
        alpha=alpha,
        when=formats.day(when),
        line=line,
    )


def _daily_pace(look: Row) -> float:
    """Growth of log E a day if unseen days are as good as the tested: half the squared ratio."""
    statistic, days = look["statistic"], int(look["days"])
    if statistic is None or days < 1:
        return 0.0
    return 0.5 * float(statistic) ** 2 / days


def _refused_rows(entry: Row) -> list[tuple[Cell, ...]]:
    """One row for every gate that refused a set: which, which figure, what would have passed."""
    rows: list[tuple[Cell, ...]] = []
    for verdict in entry.get("verdicts") or ():
        if verdict["passed"]:
            continue
        name = str(verdict["name"])
        gate, value, required, _ = tables.verdict_row(verdict)
        strategy, symbol = Cell(str(entry["strategy"])), Cell(str(entry["symbol"]))
        figure = Cell(value.text, BAD, hint=recorded(str(verdict.get("text") or name)))
        rows.append((strategy, symbol, gate, figure, Cell(required.text)))
    known = entry.get("evidence") or {}
    if not rows and known.get("state") == "unproven":
        lost = Cell(
            tr("demoted") if known.get("demoted") else tr("unproven"),
            BAD,
            hint=recorded(known["reason"]),
        )
        gate = Cell(tr("Evidence of its hypothesis"), hint=recorded(known["reason"]))
        cells = (Cell(str(entry["strategy"])), Cell(str(entry["symbol"])), gate, lost)
        rows.append((*cells, Cell(tr("a later look that passes"))))
    return rows
