"""The first screen: what is traded now, whether to trust it, what changed, what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import mean
from typing import Any

from flows.report import formats, tables
from flows.report.lake_reader import ReportData
from flows.report.language import each, recorded, tr
from flows.report.sections.account import account_view
from flows.report.sections.execution import LedgerRows, resting_stops, slippage_bps
from flows.report.sections.parity import parity_check
from flows.report.sections.strategies import OUT, searched_names
from flows.report.tables import counted, joined
from flows.report.views import (
    BAD,
    GOOD,
    MUTED,
    WARN,
    Cell,
    Changes,
    Check,
    FirstScreen,
    TableView,
)
from lake.releases.diff import ReleaseDiff

Row = Mapping[str, Any]

MOST_PARAMETERS = 4
MOST_CHANGES = 8
TRADING_HEAD = (
    "Strategy",
    "Symbol",
    "State",
    "Return",
    "Sharpe",
    "Drawdown",
    "Trades",
    "Gates",
    "Parameters",
    "Valid until",
)


def first_screen(data: ReportData, entries: Sequence[Row]) -> FirstScreen:
    """Return the answers that come first; ``entries`` are what the release trades."""
    return FirstScreen(
        account=account_view(data.ledger),
        trading=trading_grid(data, entries) if data.manifest is not None else None,
        checks=checks(data, entries),
        changes=changes_view(data.changes, data.manifest),
        steps=next_steps(data, entries),
    )


def trading_grid(data: ReportData, entries: Sequence[Row]) -> TableView | None:
    """Show one row per strategy and symbol that the release trades."""
    assert data.manifest is not None
    if not entries:
        return None
    until = data.manifest["valid_until"].get("params")
    rows = tuple(trading_row(entry, data.searches, until, data.as_of) for entry in entries)
    caption = tr("Out-of-sample results, after costs")
    return TableView(each(TRADING_HEAD), rows, frozenset({0, 1, 2, 8}), caption=caption)


def trading_row(
    entry: Row, searches: Sequence[Row], until: Any, as_of: datetime
) -> tuple[Cell, ...]:
    """Show one parameter set with its out-of-sample figures."""
    outside = entry.get(OUT) or {}
    strategy, symbol = str(entry["strategy"]), str(entry["symbol"])
    own = [row for row in searches if (row["strategy"], row["symbol"]) == (strategy, symbol)]
    names = ("total_return", "sharpe", "max_drawdown", "trades")
    figures = [tables.metric_cell(name, outside) for name in names]
    expired = until is not None and formats.as_datetime(until) <= as_of  # type: ignore[operator]
    return (
        Cell(strategy),
        Cell(symbol),
        Cell(tr("✓ proven"), GOOD) if entry.get("proven") else Cell(tr("! unproven"), WARN),
        *figures,
        Cell(tables.gates_passed(entry.get("verdicts") or ())),
        Cell(key_parameters(entry.get("params") or {}, own), f"{MUTED} wrap"),
        Cell(formats.day(until), BAD if expired else ""),
    )


def key_parameters(params: Mapping[str, Any], searches: Sequence[Row]) -> str:
    """Write the searched parameters, or all of them, on one line."""
    varied = searched_names(searches)
    searched = [name for name in sorted(params) if name in varied]
    names = searched or sorted(params)
    shown = [f"{name} {formats.anything(params[name])}" for name in names[:MOST_PARAMETERS]]
    more = len(names) - MOST_PARAMETERS
    return ", ".join(shown) + (tr(" and {more} more", more=more) if more > 0 else "")


def checks(data: ReportData, entries: Sequence[Row]) -> tuple[Check, ...]:
    """Return gates, validity, fills, protection and data, each with a verdict."""
    found = [gate_check(entries)] if data.manifest is not None else []
    if data.manifest is not None and (until := data.manifest["valid_until"].get("params")):
        found.append(validity_check(until, data.as_of))
    live = ledger_checks(data.ledger)
    if not data.ledger.empty:
        live = (*live, parity_check(data.parity))
    return (*found, *live, data_check(data))


def gate_check(entries: Sequence[Row]) -> Check:
    """Say how many parameter sets passed every gate, and which gates failed most."""
    proven = sum(bool(entry.get("proven")) for entry in entries)
    text = tr(
        "{proven} of {parameter_sets} passed every gate.",
        proven=proven,
        parameter_sets=counted(len(entries), "parameter set"),
    )
    failed: dict[str, int] = {}
    for entry in entries:
        for name in tables.failed_gates(entry.get("verdicts") or ()):
            failed[name] = failed.get(name, 0) + 1
    if failed:
        worst = sorted(failed.items(), key=lambda item: (-item[1], item[0]))[:3]
        text += tr(
            " Most often not passed: {names}.", names=joined([f"{name} ({n})" for name, n in worst])
        )
    tone = GOOD if entries and proven == len(entries) else WARN
    return Check(tr("Gates"), text, tone)


def validity_check(until: Any, as_of: datetime) -> Check:
    """Say whether the parameters are still valid."""
    moment = formats.as_datetime(until)
    assert moment is not None
    if moment <= as_of:
        text = tr(
            "The parameters expired on {moment}: only exits are allowed.",
            moment=formats.moment(moment),
        )
        return Check(tr("Validity"), text, BAD)
    return Check(
        tr("Validity"),
        tr("The parameters are valid until {moment}.", moment=formats.moment(moment)),
        GOOD,
    )


def ledger_checks(ledger: LedgerRows) -> tuple[Check, ...]:
    """Compare fills with decisions, and positions with their resting stops."""
    if ledger.empty:
        return (
            Check(tr("Live trading"), tr("Nothing was traded, so nothing can be compared."), WARN),
        )
    slips = [slip for order in ledger.orders if (slip := slippage_bps(order)) is not None]
    bare = [row for row in ledger.positions if not resting_stops(row, ledger.orders)]
    if slips:
        text = tr(
            "{fills} cost {mean} bp on average against the decided price, {highest} bp at worst.",
            fills=counted(len(slips), "fill"),
            mean=formats.decimal(mean(slips), 1),
            highest=formats.decimal(max(slips), 1),
        )
        fills = Check(tr("Fills and decisions"), text, GOOD if mean(slips) <= 5 else WARN)
    else:
        fills = Check(
            tr("Fills and decisions"), tr("No fill can be compared with a decision."), WARN
        )
    count = counted(len(ledger.positions), "position")
    if bare:
        text = tr(
            "{bare} of {count} never had a stop at the exchange.", bare=len(bare), count=count
        )
        return (fills, Check(tr("Protection"), text, BAD))
    return (
        fills,
        Check(
            tr("Protection"), tr("{count}, each with a stop at the exchange.", count=count), GOOD
        ),
    )


def data_check(data: ReportData) -> Check:
    """Summarize the data: rows, quarantine, gaps, symbols left out."""
    left_out = data.manifest["left_out"] if data.manifest is not None else ()
    rows = sum(one.rows for one in data.series)
    quarantined = sum(one.rows for one in data.bad)
    missing = sum(one.missing for one in data.series)
    text = tr(
        "{rows} passed the checks; {quarantined} in quarantine, {missing} missing.",
        rows=counted(rows, "row"),
        quarantined=formats.whole(quarantined),
        missing=formats.whole(missing),
    )
    if left_out:
        names = sorted({str(one["symbol"]) for one in left_out})
        return Check(
            tr("Data"), tr("{text} Left out: {names}.", text=text, names=joined(names)), BAD
        )
    return Check(tr("Data"), text, WARN if quarantined or missing or not rows else GOOD)


def changes_view(changes: ReleaseDiff | None, manifest: Row | None) -> Changes:
    """Say what differs from the release before, without hashes and partitions."""
    if manifest is None:
        return Changes(tr("Nothing was published."))
    if changes is None:
        return Changes(tr("This is the first release of this lake, or the one before is gone."))
    lines = [line for line in changes.changes if not line.startswith(("file ", "partition "))]
    if not lines:
        return Changes(tr("The same strategies and parameters as {before}.", before=changes.before))
    lead = tr(
        "Against {before}: {differences}.",
        before=changes.before,
        differences=counted(len(lines), "difference"),
    )
    if len(lines) > MOST_CHANGES:
        lead += tr(
            " The first {count}; `nocturne release diff` shows all.",
            count=MOST_CHANGES,
        )
    return Changes(lead, tuple(recorded(line) for line in lines[:MOST_CHANGES]))


def lost_outside(entry: Row) -> bool:
    """Tell whether a parameter set earned nothing out-of-sample."""
    result = (entry.get(OUT) or {}).get("total_return")
    return result is None or float(result) <= 0.0


def next_steps(data: ReportData, entries: Sequence[Row]) -> tuple[str, ...]:
    """Return what to do next, the most urgent first."""
    steps = []
    ledger, manifest = data.ledger, data.manifest
    unsafe = [
        row
        for row in ledger.positions
        if not row.get("closed_at") and not resting_stops(row, ledger.orders)
    ]
    if unsafe:
        names = joined(sorted({str(row["symbol"]) for row in unsafe}))
        steps.append(
            tr(
                "Check the stops of {names} at the exchange now: none rests in the ledger.",
                names=names,
            )
        )
    if manifest is None:
        steps.append(tr("Run `nocturne flow nightly`: nothing is published, so nothing can trade."))
        return tuple(steps)
    until = formats.as_datetime(manifest["valid_until"].get("params"))
    if until is not None and until <= data.as_of:
        steps.append(tr("Run `nocturne flow nightly`: the parameters have expired."))
    if manifest["left_out"]:
        steps.append(
            tr("Look at data quality: at least one symbol was left out because of its data.")
        )
    unproven = [entry for entry in entries if not entry.get("proven")]
    if unproven:
        steps.append(
            tr(
                "Keep {subject} in replay or paper: {unproven} of {parameter_sets} did not pass "
                "the gates, and live refuses them.",
                subject=tr("it") if len(entries) == 1 else tr("this release"),
                unproven=len(unproven),
                parameter_sets=counted(len(entries), "parameter set"),
            )
        )
    if entries and all(lost_outside(entry) for entry in entries):
        steps.append(
            tr("Search other strategies, symbols or grids: none of these earned out-of-sample.")
        )
    if ledger.empty:
        steps.append(tr("Start the executor on this release: `nocturne executor run`."))
    return tuple(steps) or (tr("Nothing. Everything passed, and every position has its stop."),)
