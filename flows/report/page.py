"""Combines the sections: from what was read to the page that the template fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flows.report import formats
from flows.report.charts.prices import bars_data, bars_key
from flows.report.lake_reader import ReportData, uses_structures
from flows.report.language import tr
from flows.report.sections.allocation import allocation_view
from flows.report.sections.comparison import comparisons
from flows.report.sections.drift import drift_grid
from flows.report.sections.evidence import evidence_view, model_entries
from flows.report.sections.execution import execution_view
from flows.report.sections.first_screen import first_screen
from flows.report.sections.forecasts import forecast_grid
from flows.report.sections.models import model_views, models_lead
from flows.report.sections.parity import parity_view
from flows.report.sections.quality import inputs_view, quality_view
from flows.report.sections.strategies import StrategyResults, slug, strategy_view
from flows.report.tables import counted, joined
from flows.report.views import Fact, Header, Page, StrategyView

Row = Mapping[str, Any]


def page_of(data: ReportData, unusable: Sequence[tuple[str, str]] = ()) -> Page:
    """Return the whole report as a view model; ``unusable`` are files with the reason."""
    manifest = data.manifest
    entries = strategy_entries(data)
    left_out = manifest["left_out"] if manifest is not None else ()
    return Page(
        header=header_view(data, entries),
        first=first_screen(data, entries),
        bars={bars_key(slug(name)): bars_data(bars) for name, bars in data.bars.items()},
        inputs=inputs_view(manifest),
        quality=replace(
            quality_view(data.series, data.bad, left_out, data.oddities),
            unusable=tuple(f"{path}: {reason}" for path, reason in unusable),
        ),
        strategies=tuple(one_strategy(data, entry) for entry in entries),
        strategies_lead=strategies_lead(manifest, entries),
        comparisons=comparisons(entries),
        evidence=evidence_view(data.looks, data.unseen, [*entries, *model_entries(data.cards)]),
        allocation=allocation_view(data.ensemble, data.past_weights),
        models=model_views(data.cards),
        models_lead=models_lead(data.cards),
        drift=drift_grid(data.drift),
        forecasts=forecast_grid(data.ledger.events),
        execution=execution_view(data.ledger),
        parity=parity_view(data.parity),
    )


def strategy_entries(data: ReportData) -> list[Row]:
    """Return what the release trades; without a release, what was searched."""
    if data.manifest is not None:
        return sorted(data.manifest["strategies"], key=lambda e: (e["strategy"], e["symbol"]))
    pairs = {(str(row["strategy"]), str(row["symbol"])) for row in data.folds}
    return [{"strategy": strategy, "symbol": symbol} for strategy, symbol in sorted(pairs)]


def one_strategy(data: ReportData, entry: Row) -> StrategyView:
    """Return the view of one strategy on one symbol."""
    own = (str(entry["strategy"]), str(entry["symbol"]))

    def mine(rows: Sequence[Row]) -> list[Row]:
        return [row for row in rows if (row["strategy"], row["symbol"]) == own]

    evidence = StrategyResults(
        searches=mine(data.searches),
        folds=mine(data.folds),
        trades=mine(data.trades),
        equity=mine(data.equity),
        bars=data.bars.get(own[1]),
        marks=data.marks.get(own[1]) if uses_structures(own[0]) else None,
    )
    return strategy_view(entry, evidence)


def header_view(data: ReportData, entries: Sequence[Row]) -> Header:
    """Show the release, its state and the main figures."""
    manifest = data.manifest
    if manifest is None:
        why: tuple[str, ...] = (
            tr("No release was published at this time, so the executor has nothing to trade."),
        )
        state, release_id = "none", ""
    else:
        state = "proven" if manifest["proven"] else "unproven"
        release_id, why = str(manifest["release_id"]), release_why(manifest, entries)
    return Header(
        title=tr("Nightly report"),
        release_id=release_id,
        state=state,
        why=why,
        as_of=formats.moment(data.as_of),
        facts=header_facts(data, entries),
    )


def release_why(manifest: Row, entries: Sequence[Row]) -> tuple[str, ...]:
    """Explain the state of the release, and what follows from it."""
    lines = []
    proven = sum(bool(entry["proven"]) for entry in entries)
    if not entries:
        lines.append(tr("The release trades nothing, so nothing is proven."))
    elif manifest["proven"]:
        lines.append(
            tr(
                "All {parameter_sets} passed every gate.",
                parameter_sets=counted(len(entries), "parameter set"),
            )
        )
    else:
        lines.append(
            tr(
                "{proven} of {parameter_sets} passed every gate. The release may be used in "
                "replay and paper; live trades only what is proven.",
                proven=proven,
                parameter_sets=counted(len(entries), "parameter set"),
            )
        )
    if manifest["left_out"]:
        names = sorted({str(one["symbol"]) for one in manifest["left_out"]})
        lines.append(tr("Left out: {names}; data quality gives the reason.", names=joined(names)))
    return tuple(lines)


def header_facts(data: ReportData, entries: Sequence[Row]) -> tuple[Fact, ...]:
    """Return the main figures."""
    manifest = data.manifest
    found = []
    if manifest is not None:
        run = manifest["flow_run"]
        proven = sum(bool(entry["proven"]) for entry in entries)
        rows = sum(int(reading["rows"]) for reading in manifest["fingerprint"])
        found = [
            Fact(
                tr("Proven"),
                tr("{proven} of {entries}", proven=proven, entries=len(entries)),
                tr("strategy and symbol"),
            ),
            Fact(tr("Made as of"), formats.day(manifest["as_of"]), valid_text(manifest)),
            Fact(
                tr("Rows read"),
                formats.whole(rows),
                counted(len(manifest["fingerprint"]), "partition"),
            ),
            Fact(tr("Flow run"), str(run["name"]), str(run["id"])[:13], "name"),
        ]
    quarantined = sum(one.rows for one in data.bad)
    orders = len(data.ledger.orders)
    trips = sum(bool(row.get("closed_at")) for row in data.ledger.positions)
    return (
        *found,
        Fact(
            tr("Quarantined"), formats.whole(quarantined), tr("rows"), "warn" if quarantined else ""
        ),
        Fact(tr("Orders"), formats.whole(orders), counted(trips, "round trip")),
    )


def valid_text(manifest: Row) -> str:
    """Say how long the parameters are valid."""
    until = manifest["valid_until"].get("params")
    return tr("valid until {until}", until=formats.stamp(until)) if until else ""


def strategies_lead(manifest: Row | None, entries: Sequence[Row]) -> str:
    """Say how to read the section, in one or two sentences."""
    if not entries:
        return tr("No search was stored, so there is nothing to evaluate.")
    if manifest is None:
        return tr("Searches were stored, but nothing was published: no parameters were chosen.")
    return tr(
        "Parameters were chosen in-sample and validated out-of-sample, after costs. A parameter "
        "set is proven when it passes every gate."
    )
