"""Reads what one report needs from the lake; nothing here decides how it looks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.report import formats
from flows.report.charts.prices import Bars
from flows.report.charts.structures import LIFETIME, Marks, marks_of
from flows.report.sections.allocation import PastWeights
from flows.report.sections.execution import LedgerRows
from flows.report.sections.quality import BadRows, SeriesQuality
from flows.steps.search.trial_history import MANUAL_RUN_PREFIX
from lake import tables
from lake.releases import Ensemble, read_ensemble
from lake.releases.diff import ReleaseDiff, diff_releases
from lake.releases.ensemble_file import past_ensembles
from lake.releases.manifest import Manifest
from lake.releases.reader import read_pointer, read_release
from lake.store import Lake, Partition
from lake.tables import Table
from trading.candles import interval_ms, interval_name
from trading.errors import ReleaseRefused

Row = Mapping[str, Any]

CHART_INTERVALS = ("1h", "4h", "15m", "1m")
BASE_INTERVAL = "1m"
NIGHTS = 14
"""Releases whose weights are shown."""
MODEL_ITSELF = -1  # the "fold" of a model trained on everything
CHECKS_MARK = "nocturne.checks"  # written beside checked candles by the step `validate`


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that the page is made of; rows are plain dictionaries."""

    as_of: datetime
    manifest: Row | None
    searches: Sequence[Row]
    folds: Sequence[Row]
    trades: Sequence[Row]
    equity: Sequence[Row]
    cards: Sequence[Row]
    bars: Mapping[str, Bars]
    marks: Mapping[str, Marks]
    series: Sequence[SeriesQuality]
    bad: Sequence[BadRows]
    oddities: Sequence[str]
    ledger: LedgerRows
    ensemble: Ensemble | None = None
    past_weights: Sequence[PastWeights] = ()
    changes: ReleaseDiff | None = None
    looks: Sequence[Row] = ()
    unseen: Sequence[Row] = ()
    parity: Sequence[Row] = ()
    drift: Sequence[Row] = ()


def read_report_data(lake: Lake, as_of: datetime, release_id: str | None) -> ReportData:
    """Read everything under ``as_of``; research as it was when the release was made.

    Raises `ReleaseRefused` for a release that is unknown or damaged.
    """
    made = find_manifest(lake, as_of, release_id)
    manifest = made.model_dump(mode="json") if made is not None else None
    seen = min(made.as_of, as_of) if made is not None else as_of
    folds = research_rows(lake, tables.FOLDS, seen)
    bars = read_bars(lake, manifest, folds, seen)
    return ReportData(
        as_of=as_of,
        manifest=manifest,
        searches=research_rows(lake, tables.SEARCHES, seen),
        folds=folds,
        trades=research_rows(lake, tables.TRADES, seen),
        equity=research_rows(lake, tables.EQUITY, seen),
        cards=with_released(read_cards(lake, seen), lake, made),
        bars=bars,
        marks={
            symbol: read_marks(lake, symbol, shown, seen)
            for symbol, shown in bars.items()
            if symbol in ict_symbols(manifest, folds)
        },
        series=read_series(lake, manifest, seen),
        bad=read_bad_rows(lake, seen),
        oddities=read_oddities(lake, manifest),
        ledger=read_ledger(lake, as_of),
        ensemble=find_ensemble(lake, made),
        past_weights=past_weights(lake, seen) if made is not None else (),
        changes=find_changes(lake, made),
        looks=known_rows(lake, tables.LOOKS, seen),
        unseen=known_rows(lake, tables.UNSEEN_DAYS, seen),
        parity=known_rows(lake, tables.PARITY, as_of),
        drift=night_rows(lake, tables.DRIFT, seen),
    )


def find_manifest(lake: Lake, as_of: datetime, release_id: str | None) -> Manifest | None:
    """Return the requested release, or the current one if it existed at ``as_of``, or None."""
    if release_id is not None:
        return read_release(lake.published, release_id).manifest
    pointer = read_pointer(lake.published)
    if pointer is None:
        return None
    manifest = read_release(lake.published, pointer.release_id).manifest
    return manifest if manifest.as_of <= as_of else None


def find_ensemble(lake: Lake, manifest: Manifest | None) -> Ensemble | None:
    """Return how the release shares the account, if it says so."""
    if manifest is None:
        return None
    return read_ensemble(read_release(lake.published, manifest.release_id))


def past_weights(lake: Lake, as_of: datetime) -> tuple[PastWeights, ...]:
    """Return the weights of the last releases up to ``as_of``, the newest first, one a moment."""
    found: dict[datetime, PastWeights] = {}
    for moment, ensemble in past_ensembles(lake.published, as_of):
        found.setdefault(moment, PastWeights(moment, ensemble.weights, ensemble.choice))
        if len(found) == NIGHTS:
            break
    return tuple(found[moment] for moment in sorted(found, reverse=True))


def find_changes(lake: Lake, manifest: Manifest | None) -> ReleaseDiff | None:
    """Return what differs from the release that it replaced; None if that one cannot be read."""
    if manifest is None or manifest.replaced is None:
        return None
    try:
        before = read_release(lake.published, manifest.replaced)
    except ReleaseRefused:  # pruned, or damaged: the report can do without it
        return None
    return diff_releases(before, read_release(lake.published, manifest.release_id))


def research_rows(lake: Lake, table: Table, as_of: datetime) -> list[dict[str, Any]]:
    """Return the rows of each subject's newest run up to ``as_of``.

    A subject is a strategy or model on a symbol. Manual searches count as trials, but are not
    shown. The flows name their runs after ``as_of``; if such runs exist, older ones are not
    read.
    """
    partitions = [
        p for p in lake.partitions(table) if not p.values["run"].startswith(MANUAL_RUN_PREFIX)
    ]
    stamp = f"{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    named = [partition for partition in partitions if partition.values["run"].endswith(stamp)]
    newest: dict[tuple[Any, ...], tuple[Any, str]] = {}
    rows: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for partition in named or partitions:
        for row in rows_of(lake, partition, as_of):
            subject = (row.get("strategy") or row.get("model"), row["symbol"])
            age = (row["as_of"], partition.values["run"])
            if subject not in newest or age > newest[subject]:
                newest[subject], rows[subject] = age, []
            if age == newest[subject]:
                rows[subject].append(row)
    return [row for subject in sorted(rows) for row in rows[subject]]


def night_rows(lake: Lake, table: Table, as_of: datetime) -> list[Row]:
    """Return the rows of the runs that are named after ``as_of``, in the order of their names."""
    stamp = f"{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    found = [part for part in lake.partitions(table) if part.values["run"].endswith(stamp)]
    found.sort(key=lambda part: part.values["run"])
    return [row for part in found for row in rows_of(lake, part, as_of)]


def known_rows(lake: Lake, table: Table, as_of: datetime) -> list[Row]:
    """Return the rows of a table of hypotheses that were known at ``as_of``, oldest first."""
    rows: list[Row] = lake.read(table, as_of=as_of).to_pylist()
    return sorted(rows, key=lambda row: row[table.time])


def rows_of(lake: Lake, partition: Partition, as_of: datetime) -> list[dict[str, Any]]:
    """Return the rows of one partition that were known at ``as_of``."""
    rows: list[dict[str, Any]] = lake.read_partition(partition, as_of).to_pylist()
    return rows


def read_cards(lake: Lake, as_of: datetime) -> list[Row]:
    """Read each model's card, a JSON file beside the model's own; missing ones are left out."""
    cards = []
    for row in research_rows(lake, tables.MODELS, as_of):
        if row["fold"] == MODEL_ITSELF and row.get("file"):
            path = (lake.root / row["file"]).with_suffix(".json")
            if path.is_file():
                cards.append(json.loads(path.read_text(encoding="utf-8")))
    return cards


def with_released(cards: Sequence[Row], lake: Lake, manifest: Manifest | None) -> list[Row]:
    """Put the cards of the release, which say what is known of a model, in place of training's."""
    found = {(card["model"], card["symbol"]): card for card in cards}
    if manifest is not None:
        folder = read_release(lake.published, manifest.release_id).folder
        for file in manifest.files:
            if file.kind == "model" and file.path.endswith(".json"):
                card = json.loads((folder / file.path).read_text(encoding="utf-8"))
                found[card["model"], card["symbol"]] = card
    return list(found.values())


def read_series(lake: Lake, manifest: Row | None, as_of: datetime) -> list[SeriesQuality]:
    """Read facts on the checked candles of the release's symbols, or of all without a release."""
    wanted = symbols_of(manifest)
    found: dict[tuple[str, str, str], SeriesQuality] = {}
    for partition in lake.partitions(tables.CANDLES):
        values = partition.values
        if wanted and values["symbol"] not in wanted:
            continue
        key = (values["venue"], values["symbol"], values["interval"])
        # A month at a time: all rows of many symbols together would fill the memory.
        data = lake.read_partition(partition, as_of, ["open_time", "gap_before"])
        if data.num_rows:
            month = series_quality(key, data)
            found[key] = month if key not in found else found[key].followed_by(month)
    return [found[key] for key in sorted(found)]


def series_quality(key: tuple[str, str, str], data: pa.Table) -> SeriesQuality:
    """Count rows and gaps of one month of a series."""
    venue, symbol, interval = key
    bounds = pc.min_max(data["open_time"].cast(pa.int64())).as_py()
    gaps = data["gap_before"]
    return SeriesQuality(
        venue=venue,
        symbol=symbol,
        interval=interval,
        rows=data.num_rows,
        first=bounds["min"],
        last=bounds["max"],
        gaps=pc.sum(pc.greater(gaps, 0).cast(pa.int64())).as_py(),
        missing=pc.sum(gaps).as_py(),
        longest=pc.max(gaps).as_py(),
    )


def read_oddities(lake: Lake, manifest: Row | None) -> list[str]:
    """Read the oddities that the checks accepted because they are known and explained."""
    wanted = symbols_of(manifest)
    found: list[str] = []
    for partition in lake.partitions(tables.CANDLES):
        if not wanted or partition.values["symbol"] in wanted:
            marks = lake.metadata(tables.CANDLES, **partition.values)
            found.extend(json.loads(marks.get(CHECKS_MARK, "{}")).get("oddities", ()))
    return found


def symbols_of(manifest: Row | None) -> frozenset[str]:
    """Return the symbols that the release trades or leaves out."""
    if manifest is None:
        return frozenset()
    entries = [*manifest["strategies"], *manifest["left_out"]]
    return frozenset(str(entry["symbol"]) for entry in entries)


def read_bad_rows(lake: Lake, as_of: datetime) -> list[BadRows]:
    """Count the rows in quarantine by series and reason."""
    found: dict[tuple[str, str, str, str], list[int]] = {}
    for partition in lake.partitions(tables.QUARANTINE):
        values = partition.values
        data = lake.read_partition(partition, as_of)
        times = data["open_time"].cast(pa.int64()).to_pylist()
        for reason, time in zip(data["reason"].to_pylist(), times, strict=True):
            key = (values["venue"], values["symbol"], values["interval"], reason)
            found.setdefault(key, []).append(time)
    return [
        BadRows(*key, len(times), min(times), max(times)) for key, times in sorted(found.items())
    ]


def read_bars(
    lake: Lake, manifest: Row | None, folds: Sequence[Row], as_of: datetime
) -> dict[str, Bars]:
    """Read hourly (or the next best) bars of each symbol over its test spans."""
    entries = manifest["strategies"] if manifest is not None else folds
    found: dict[str, Bars] = {}
    for symbol in sorted({str(entry["symbol"]) for entry in entries}):
        own = [row for row in folds if row["symbol"] == symbol]
        if not own:
            continue
        start, end = min(row["test_from"] for row in own), max(row["test_to"] for row in own)
        bars = bars_between(lake, symbol, start, end, as_of)
        if bars is not None:
            found[symbol] = bars
    return found


def ict_symbols(manifest: Row | None, folds: Sequence[Row]) -> frozenset[str]:
    """Return the symbols that an ICT strategy trades, whose charts show structures."""
    entries = manifest["strategies"] if manifest is not None else folds
    return frozenset(
        str(entry["symbol"]) for entry in entries if uses_structures(str(entry["strategy"]))
    )


def uses_structures(strategy: str) -> bool:
    """Tell whether a strategy trades on ICT structures."""
    return strategy.startswith("ict_")


def bars_between(
    lake: Lake, symbol: str, start: datetime, end: datetime, as_of: datetime
) -> Bars | None:
    """Return bars of the first interval that the lake has for the span."""
    for interval in CHART_INTERVALS:
        table = tables.CANDLES if interval == BASE_INTERVAL else tables.BARS
        parts = [
            lake.read_partition(partition, as_of)
            for partition in lake.partitions(table)
            if partition.values["symbol"] == symbol
            and partition.values["interval"] == interval
            and f"{start:%Y-%m}" <= partition.values["month"] <= f"{end:%Y-%m}"
        ]
        data = pa.concat_tables(parts, promote_options="default") if parts else None
        if data is None or not data.num_rows:
            continue
        inside = pc.and_(
            pc.greater_equal(data["open_time"], pa.scalar(start, data["open_time"].type)),
            pc.less(data["open_time"], pa.scalar(end, data["open_time"].type)),
        )
        data = data.filter(inside).sort_by("open_time")
        if data.num_rows:
            return columns_of(data, interval)
    return None


def read_marks(lake: Lake, symbol: str, bars: Bars, as_of: datetime) -> Marks:
    """Read the structures of the shown bars, as far as they were known at ``as_of``."""
    interval = interval_name(bars.interval_ms)
    first = formats.as_datetime(bars.times[0] - LIFETIME * bars.interval_ms)
    rows = [
        row
        for partition in lake.partitions(tables.STRUCTURES, symbol=symbol, interval=interval)
        if partition.values["month"] >= f"{first:%Y-%m}"
        for row in rows_of(lake, partition, as_of)
    ]
    return marks_of(rows, bars.interval_ms, bars.times[-1] + bars.interval_ms)


def columns_of(data: pa.Table, interval: str) -> Bars:
    """Convert a table of bars to tuples."""
    prices = [tuple(data[name].to_pylist()) for name in ("open", "high", "low", "close")]
    opens, highs, lows, closes = prices
    times = tuple(data["open_time"].cast(pa.int64()).to_pylist())
    return Bars(times, opens, highs, lows, closes, interval_ms(interval))


def read_ledger(lake: Lake, as_of: datetime) -> LedgerRows:
    """Read the exported ledger, as far as it was known at ``as_of``."""
    parts = [
        lake.read(table, as_of=as_of).to_pylist()
        for table in (
            tables.ORDERS,
            tables.FILLS,
            tables.POSITIONS,
            tables.EVENTS,
            tables.LEDGER_EQUITY,
        )
    ]
    return LedgerRows(*parts)
