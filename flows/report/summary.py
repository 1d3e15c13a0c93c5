"""The report in a few lines of plain text, for a message on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from flows.report import formats
from flows.report.lake_reader import ReportData
from flows.report.language import tr
from flows.report.sections.account import equity_curve
from flows.report.sections.execution import net_result
from flows.report.tables import counted, joined
from flows.report.week import of_last_days

Row = Mapping[str, Any]

LONGEST = 1_800
"""Discord takes 2,000 characters."""
WEEK = 7


def summary_of(data: ReportData, days: int, unusable: Sequence[tuple[str, str]] = ()) -> str:
    """Return what the last ``days`` brought: release, result, comparison with replay, data.

    Language and clock are those of the page (`localized`). ``unusable`` are files that the run
    could not use, with the reason.
    """
    span = of_last_days(data, days)
    first = data.as_of - timedelta(days=days)
    lines = [
        _title(days, first=formats.moment(first), last=formats.moment(data.as_of)),
        _release(data),
        *_left_out(data),
        *_results(span),
        *_equity(span),
        *_parity(span),
        *_data(data, unusable),
    ]
    text = "\n".join(lines)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2]} …"


def _title(days: int, *, first: str, last: str) -> str:
    if days == WEEK:
        return tr("Nocturne, week {first} to {last}", first=first, last=last)
    if days == 1:
        return tr("Nocturne, day {first} to {last}", first=first, last=last)
    return tr("Nocturne, {days} days {first} to {last}", days=days, first=first, last=last)


def _release(data: ReportData) -> str:
    manifest = data.manifest
    if manifest is None:
        return tr("Release: none was published, so nothing is traded.")
    entries = manifest["strategies"]
    return tr(
        "Release {release}: {proven} of {sets} proven.",
        release=manifest["release_id"],
        proven=sum(bool(entry["proven"]) for entry in entries),
        sets=counted(len(entries), "parameter set"),
    )


def _left_out(data: ReportData) -> list[str]:
    if data.manifest is None or not data.manifest["left_out"]:
        return []
    names = sorted({str(one["symbol"]) for one in data.manifest["left_out"]})
    return [tr("Left out: {names}.", names=joined(names))]


def _results(span: ReportData) -> list[str]:
    """Return the result by quote asset, and the best and the worst strategy."""
    if span.ledger.empty:
        return [tr("Trades: none.")]
    closed = [row for row in span.ledger.positions if row.get("closed_at")]
    running = len(span.ledger.positions) - len(closed)
    if not closed:
        return [tr("Trades: none closed, {open} open.", open=running)]
    sums: dict[str, float] = {}
    by_strategy: dict[str, float] = {}
    for row in closed:
        asset = str(row.get("quote_asset") or "")
        sums[asset] = sums.get(asset, 0.0) + net_result(row)
        name = f"{row['strategy']} {asset}".strip()
        by_strategy[name] = by_strategy.get(name, 0.0) + net_result(row)
    text = tr(
        "Trades: {closed} closed, {won} won, {result} after fees, {open} open.",
        closed=len(closed),
        won=sum(net_result(row) > 0 for row in closed),
        result=joined([formats.change(value, asset) for asset, value in sorted(sums.items())]),
        open=running,
    )
    return [text, *_extremes(by_strategy, sums)]


def _extremes(by_strategy: Mapping[str, float], sums: Mapping[str, float]) -> list[str]:
    """Return the best and the worst strategy; results of two assets cannot be ranked."""
    if len(by_strategy) < 2 or len(sums) != 1:
        return []
    ranked = sorted(by_strategy.items(), key=lambda item: (item[1], item[0]))
    digits = formats.digits_of(next(iter(sums)))
    worst, best = (
        f"{name} {formats.change(result, digits=digits)}"
        for name, result in (ranked[0], ranked[-1])
    )
    return [tr("Best: {best}; worst: {worst}.", best=best, worst=worst)]


def _equity(span: ReportData) -> list[str]:
    """Return the first and the last equity of each asset; the wallets of a moment add up."""
    found: dict[str, list[Row]] = {}
    for row in span.ledger.equity:
        found.setdefault(str(row.get("asset") or ""), []).append(row)
    lines = []
    for asset, rows in sorted(found.items()):
        curve = equity_curve(rows)
        values = (float(rows[0]["equity"]),) if curve is None else curve.values
        first, last = (formats.money(value, asset) for value in (values[0], values[-1]))
        end = f"{last} {asset}".rstrip()
        lines.append(tr("Equity: {first} to {last}.", first=first, last=end))
    return lines


def _parity(span: ReportData) -> list[str]:
    if not span.parity:
        return []
    verdicts = [str(row["verdict"]) for row in span.parity]
    left, odd = verdicts.count("not compared"), verdicts.count("different")
    found = [tr("{count} compared", count=len(verdicts) - left)]
    if len(verdicts) > left:
        found.append(
            tr("different from the replay: {count}", count=odd)
            if odd
            else tr("none differs from the replay")
        )
    if left:
        found.append(tr("{count} not compared: see the report", count=left))
    return [tr("Live decisions and trades: {found}.", found=", ".join(found))]


def _data(data: ReportData, unusable: Sequence[tuple[str, str]]) -> list[str]:
    bad, gaps = sum(one.rows for one in data.bad), sum(one.gaps for one in data.series)
    text = tr(
        "Data: {rows} in quarantine, {gaps} marked.",
        rows=counted(bad, "row"),
        gaps=counted(gaps, "gap"),
    )
    if not unusable:
        return [text]
    return [text, tr("Not usable: {paths}.", paths=joined([path for path, _ in unusable]))]
