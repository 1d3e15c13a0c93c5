"""The sections on the inputs: what was read, and what the checks found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from flows.report import formats
from flows.report.language import recorded, tr, zone_name
from flows.report.tables import counted, joined
from flows.report.views import BAD, GOOD, MONO, MUTED, WARN, Cell, Inputs, Quality, TableView

Row = Mapping[str, Any]

SERIES_HEAD = (
    "Symbol",
    "Series",
    "Rows",
    "First ({zone})",
    "Last ({zone})",
    "Gaps",
    "Missing",
    "Quarantined",
    "Checks",
)


@dataclass(frozen=True, slots=True)
class SeriesQuality:
    """One series of checked candles; times in ms UTC, ``missing`` in candles."""

    venue: str
    symbol: str
    interval: str
    rows: int
    first: int
    last: int
    gaps: int
    missing: int
    longest: int

    def followed_by(self, later: SeriesQuality) -> SeriesQuality:
        """Return the facts of these candles and of the later ones of the same series."""
        return replace(
            self,
            rows=self.rows + later.rows,
            last=later.last,
            gaps=self.gaps + later.gaps,
            missing=self.missing + later.missing,
            longest=max(self.longest, later.longest),
        )


@dataclass(frozen=True, slots=True)
class BadRows:
    """Rows of one series that went to quarantine for one reason; times in ms UTC."""

    venue: str
    symbol: str
    interval: str
    reason: str
    rows: int
    first: int
    last: int


def inputs_view(manifest: Row | None) -> Inputs:
    """Show every partition that the release read, from its manifest."""
    if manifest is None:
        return Inputs(tr("No release was published, so nothing is recorded as read."), None)
    readings = manifest["fingerprint"]
    total = sum(int(reading["rows"]) for reading in readings)
    text = tr(
        "{partitions} with {rows}, nothing at or after {as_of}. A hash covers exactly the rows "
        "that were read; the release's manifest holds it in full.",
        partitions=counted(len(readings), "partition"),
        rows=counted(total, "row"),
        as_of=formats.moment(manifest["as_of"]),
    )
    head = (
        tr("Table"),
        tr("Partition"),
        tr("Rows"),
        tr("First ({zone})", zone=zone_name()),
        tr("Last ({zone})", zone=zone_name()),
        tr("Hash"),
    )
    rows = tuple(reading_row(reading) for reading in readings)
    return Inputs(text, TableView(head, rows, frozenset({0, 1, 3, 4, 5})) if rows else None)


def reading_row(reading: Row) -> tuple[Cell, ...]:
    """Show one partition."""
    folders = str(reading["path"]).split("/")
    where = " / ".join(unquote(f.partition("=")[2]) for f in folders if "=" in f)
    return (
        Cell(f"{reading['layer']}.{reading['table']}"),
        Cell(where),
        Cell(formats.whole(reading["rows"])),
        Cell(formats.stamp(reading["first"])),
        Cell(formats.stamp(reading["last"])),
        Cell(formats.digest(reading["sha256"]), MONO, hint=str(reading["sha256"])),
    )


def quality_view(
    series: Sequence[SeriesQuality],
    bad: Sequence[BadRows],
    left_out: Sequence[Row],
    oddities: Sequence[str] = (),
) -> Quality:
    """Show rows, gaps and quarantine of each series, and the symbols that failed."""
    if not series and not bad and not left_out:
        return Quality(tr("The lake holds no checked candles at this time."), None, None)
    refused = {str(one["symbol"]): str(one["reason"]) for one in left_out}
    known = {one.symbol for one in series}
    rows = [series_row(one, bad, refused) for one in series]
    rows += [absent_row(name, bad, why) for name, why in refused.items() if name not in known]
    head = tuple(tr(text, zone=zone_name()) for text in SERIES_HEAD)
    table = TableView(head, tuple(rows), frozenset({0, 1, 3, 4, 8}))
    return Quality(
        quality_lead(series, bad, refused),
        table,
        bad_grid(bad),
        tuple(recorded(one) for one in oddities),
    )


def quality_lead(
    series: Sequence[SeriesQuality], bad: Sequence[BadRows], refused: Mapping[str, str]
) -> str:
    """Summarize the state of the data in at most three sentences."""
    parts = [tr("{rows} passed the checks.", rows=counted(sum(one.rows for one in series), "row"))]
    quarantined = sum(one.rows for one in bad)
    parts.append(
        tr("{rows} went to quarantine, each with its reason.", rows=counted(quarantined, "row"))
        if quarantined
        else tr("No row went to quarantine.")
    )
    if refused:
        parts.append(tr("Left out of the release: {names}.", names=joined(sorted(refused))))
    return " ".join(parts)


def series_row(
    one: SeriesQuality, bad: Sequence[BadRows], refused: Mapping[str, str]
) -> tuple[Cell, ...]:
    """Show one series of candles."""
    own = (one.venue, one.symbol, one.interval)
    count = sum(b.rows for b in bad if (b.venue, b.symbol, b.interval) == own)
    return (
        Cell(one.symbol),
        Cell(f"{one.venue} {one.interval}"),
        Cell(formats.whole(one.rows)),
        Cell(formats.stamp(one.first)),
        Cell(formats.stamp(one.last)),
        Cell(formats.whole(one.gaps), WARN if one.gaps else MUTED),
        Cell(
            formats.whole(one.missing),
            WARN if one.missing else MUTED,
            hint=tr("the longest gap is {candles}", candles=counted(one.longest, "candle")),
        ),
        Cell(formats.whole(count), WARN if count else MUTED),
        checks_cell(refused.get(one.symbol), count),
    )


def absent_row(symbol: str, bad: Sequence[BadRows], reason: str) -> tuple[Cell, ...]:
    """Show a symbol that was left out and has no checked candles at all."""
    count = sum(one.rows for one in bad if one.symbol == symbol)
    blank = [Cell(formats.NONE, MUTED) for _ in range(6)]
    return (
        Cell(symbol),
        *blank,
        Cell(formats.whole(count), WARN if count else MUTED),
        checks_cell(reason, count),
    )


def checks_cell(reason: str | None, quarantined: int) -> Cell:
    """Show what became of the symbol."""
    if reason is not None:
        return Cell(tr("✗ left out: {reason}", reason=recorded(reason)), f"{BAD} wrap")
    return (
        Cell(tr("✓ passed, rows in quarantine"), WARN)
        if quarantined
        else Cell(tr("✓ passed"), GOOD)
    )


def bad_grid(bad: Sequence[BadRows]) -> TableView | None:
    """Show why rows went to quarantine."""
    if not bad:
        return None
    rows = tuple(
        (
            Cell(one.symbol),
            Cell(one.interval),
            Cell(recorded(one.reason), "wrap"),
            Cell(formats.whole(one.rows)),
            Cell(formats.stamp(one.first)),
            Cell(formats.stamp(one.last)),
        )
        for one in bad
    )
    head = (
        tr("Symbol"),
        tr("Interval"),
        tr("Reason"),
        tr("Rows"),
        tr("First ({zone})", zone=zone_name()),
        tr("Last ({zone})", zone=zone_name()),
    )
    return TableView(head, rows, frozenset({0, 1, 2, 4, 5}), caption=tr("Quarantine"))
