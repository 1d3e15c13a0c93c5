"""The report in a few lines of plain text, for a message on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from flows.report import formats
from flows.report.lake_reader import ReportData
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

    ``unusable`` are files that the run could not use, with the reason.
    """
    span = of_last_days(data, days)
    first = data.as_of - timedelta(days=days)
    title = "week" if days == WEEK else "day" if days == 1 else f"{days} days"
    lines = [
        f"Nocturne, {title} {formats.moment(first)} to {formats.moment(data.as_of)}",
        _release(data),
        *_left_out(data),
        *_results(span),
        *_equity(span),
        *_parity(span),
        *_data(data, unusable),
    ]
    text = "\n".join(lines)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2]} …"


def _release(data: ReportData) -> str:
    manifest = data.manifest
    if manifest is None:
        return "Release: none was published, so nothing is traded."
    entries = manifest["strategies"]
    proven = sum(bool(entry["proven"]) for entry in entries)
    sets = counted(len(entries), "parameter set")
    return f"Release {manifest['release_id']}: {proven} of {sets} proven."


def _left_out(data: ReportData) -> list[str]:
    if data.manifest is None or not data.manifest["left_out"]:
        return []
    names = sorted({str(one["symbol"]) for one in data.manifest["left_out"]})
    return [f"Left out: {joined(names)}."]


def _results(span: ReportData) -> list[str]:
    """Return the result by quote asset, and the best and the worst strategy."""
    if span.ledger.empty:
        return ["Trades: none."]
    closed = [row for row in span.ledger.positions if row.get("closed_at")]
    running = len(span.ledger.positions) - len(closed)
    if not closed:
        return [f"Trades: none closed, {running} open."]
    sums: dict[str, float] = {}
    by_strategy: dict[str, float] = {}
    for row in closed:
        asset = str(row.get("quote_asset") or "")
        sums[asset] = sums.get(asset, 0.0) + net_result(row)
        name = f"{row['strategy']} {asset}".strip()
        by_strategy[name] = by_strategy.get(name, 0.0) + net_result(row)
    won = sum(net_result(row) > 0 for row in closed)
    result = joined([formats.change(value, asset) for asset, value in sorted(sums.items())])
    lines = [f"Trades: {len(closed)} closed, {won} won, {result} after fees, {running} open."]
    if len(by_strategy) > 1 and len(sums) == 1:
        ranked = sorted(by_strategy.items(), key=lambda item: (item[1], item[0]))
        (worst, least), (best, most) = ranked[0], ranked[-1]
        digits = formats.digits_of(next(iter(sums)))
        lines.append(
            f"Best: {best} {formats.change(most, digits=digits)};"
            f" worst: {worst} {formats.change(least, digits=digits)}."
        )
    return lines


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
        lines.append(f"Equity: {first} to {last} {asset}".rstrip() + ".")
    return lines


def _parity(span: ReportData) -> list[str]:
    if not span.parity:
        return []
    verdicts = [str(row["verdict"]) for row in span.parity]
    left, odd = verdicts.count("not compared"), verdicts.count("different")
    found = [f"{len(verdicts) - left} compared"]
    if len(verdicts) > left:
        found.append(f"different from the replay: {odd}" if odd else "none differs from the replay")
    if left:
        found.append(f"{left} not compared: see the report")
    return [f"Live decisions and trades: {', '.join(found)}."]


def _data(data: ReportData, unusable: Sequence[tuple[str, str]]) -> list[str]:
    bad, gaps = sum(one.rows for one in data.bad), sum(one.gaps for one in data.series)
    lines = [f"Data: {counted(bad, 'row')} in quarantine, {counted(gaps, 'gap')} marked."]
    if unusable:
        lines.append(f"Not usable: {joined([path for path, _ in unusable])}.")
    return lines
