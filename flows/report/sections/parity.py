"""The parity section: days of live trading beside their replays, and where the money went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flows.report import formats
from flows.report.language import each, recorded, tr, zone_name
from flows.report.tables import counted
from flows.report.views import BAD, GOOD, MUTED, WARN, Cell, Check, ParityView, TableView

Row = Mapping[str, Any]

MOST_DAYS = 30
MOST_ROWS = 50
_BP = 10_000
_DAYS = (
    "Day",
    "Decisions",
    "Trades",
    "Different",
    "Explained",
    "Gap",
    "Fees",
    "Funding",
    "Slippage",
    "Latency",
    "Rest",
)
_ROWS = ("Candle ({zone})", "Strategy", "Symbol", "What", "Verdict", "Live", "Replay", "Reason")
_PARTS = ("gap", "fees", "funding", "slippage", "latency", "rest")
_TONES = {"different": BAD, "explained": MUTED, "not compared": WARN}


def parity_view(rows: Sequence[Row]) -> ParityView:
    """Show each day's comparison, and the rows that are not equal, newest first."""
    days = sorted({str(row["day"]) for row in rows}, reverse=True)
    if not days:
        return ParityView(tr("No day of live trading was compared with its replay yet."))
    odd = sorted(
        (row for row in rows if row["verdict"] != "equal"),
        key=lambda row: (row["verdict"] == "different", row["bar_time"]),
        reverse=True,
    )
    more = (
        tr("The first {shown} of {rows}.", shown=MOST_ROWS, rows=len(odd))
        if len(odd) > MOST_ROWS
        else ""
    )
    return ParityView(
        lead=_lead(rows, days),
        days=TableView(
            each(_DAYS),
            tuple(_day_row(day, [r for r in rows if r["day"] == day]) for day in days[:MOST_DAYS]),
            caption=tr("Mean difference of a trade in bp of what was entered: live minus replay"),
        ),
        odd=TableView(
            tuple(tr(text, zone=zone_name()) for text in _ROWS),
            tuple(_odd_row(row) for row in odd[:MOST_ROWS]),
            words=frozenset(range(len(_ROWS))),
            more=more,
        )
        if odd
        else None,
    )


def parity_check(rows: Sequence[Row]) -> Check:
    """Say whether live trading does what was tested."""
    if not rows:
        return Check(tr("Parity with live"), tr("No day was compared with its replay yet."), WARN)
    last = max(str(row["day"]) for row in rows)
    of_day = [row for row in rows if row["day"] == last]
    left = [row for row in of_day if row["verdict"] == "not compared"]
    own = [row for row in of_day if row["verdict"] != "not compared"]
    different = [row for row in own if row["verdict"] == "different"]
    text = tr(
        "On {last} {decisions_and_trades}",
        last=last,
        decisions_and_trades=counted(len(own), "decision and trade", "decisions and trades"),
    )
    if different:
        text += tr(
            " were compared and {different} differ: {reason}.",
            different=len(different),
            reason=recorded(str(different[0]["reason"])),
        )
        return Check(tr("Parity with live"), text, BAD)
    text = tr("{text} equal their replay or are explained.", text=text)
    if left:
        text += tr(
            " Not compared: {left}, first: {reason}.",
            left=len(left),
            reason=recorded(str(left[0]["reason"])),
        )
    return Check(tr("Parity with live"), text, WARN if left else GOOD)


def _lead(rows: Sequence[Row], days: Sequence[str]) -> str:
    different = sum(row["verdict"] == "different" for row in rows)
    found = (
        tr("{differences} demoted their strategies.", differences=counted(different, "difference"))
        if different
        else tr("No difference was found.")
    )
    return tr(
        "The research code decided again on the candles that the executor received, on {days}. "
        "{found}",
        days=counted(len(days), "day"),
        found=found,
    )


def _day_row(day: str, rows: Sequence[Row]) -> tuple[Cell, ...]:
    trades = [row for row in rows if row["what"] == "trade"]
    known = [row for row in trades if row.get("gap") is not None]
    different = sum(row["verdict"] == "different" for row in rows)
    explained = sum(row["verdict"] == "explained" for row in rows)
    means = [
        Cell(formats.decimal(sum(row[name] for row in known) / len(known) * _BP, 1))
        if known
        else Cell(formats.NONE)
        for name in _PARTS
    ]
    return (
        Cell(day),
        Cell(formats.whole(sum(row["what"] in ("enter", "exit") for row in rows))),
        Cell(formats.whole(len(trades))),
        Cell(formats.whole(different), BAD if different else GOOD),
        Cell(formats.whole(explained)),
        *means,
    )


def _odd_row(row: Row) -> tuple[Cell, ...]:
    return (
        Cell(formats.stamp(row["bar_time"])),
        Cell(str(row["strategy"])),
        Cell(str(row["symbol"])),
        Cell(tr(str(row["what"]))),
        Cell(tr(str(row["verdict"])), _TONES[str(row["verdict"])]),
        Cell(recorded(str(row["live"])) or formats.NONE),
        Cell(recorded(str(row["replayed"])) or formats.NONE),
        Cell(recorded(str(row["reason"]))),
    )
