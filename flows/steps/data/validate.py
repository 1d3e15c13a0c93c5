"""From raw.candles to checked.candles: good rows go on, bad rows go to quarantine with a reason.

A symbol that fails keeps its last good partitions, and the others go on. Holes are marked and
listed in ``checked.gaps``; a symbol is left out only when they exceed the limits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import pyarrow as pa

from flows.settings import ValidationSettings
from flows.sources.trading_hours import ALWAYS_OPEN, TradingHours
from flows.steps.data.checks.agreement import agreements
from flows.steps.data.checks.candle_checks import CHECKS, CheckedMonth, CheckRules, check_month
from flows.steps.data.checks.month_facts import facts_of
from flows.steps.data.freshness import (
    MARK,
    content_of,
    is_current,
    load_sql,
    mark_of,
    write_known,
)
from flows.steps.data.holes import CheckedSpan, beyond_limits, gap_rows, gaps_of
from flows.steps.data.known_events import KnownEvent
from flows.steps.data.month_reports import (
    COUNTS,
    MonthReport,
    counts_of,
    stitched,
    stored_report,
)
from flows.steps.data.refused import refused_rows
from lake.content import content_hash, milliseconds
from lake.store import Lake, Partition
from lake.tables import CANDLES, GAPS, QUARANTINE, RAW_CANDLES
from trading.errors import DataError

TAIL_ROWS = 1440
_BATCH_ROWS = 400_000
# Change it together with the suite or the handling below: all partitions are then rechecked.
_CONTRACT = "candles-3"
# Limits that leave a symbol out; they do not change its rows.
_LIMITS = {
    "max_gap_minutes",
    "max_missing_share",
    "max_days_since_last",
    "max_quiet_minutes",
    "max_different_share",
}

Status = Literal["passed", "failed", "errored"]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ExpectedCandles:
    """From when on, and within which hours, a symbol should have candles."""

    wanted_from: datetime | None = None
    """None: from the beginning of its first month."""
    hours: TradingHours = ALWAYS_OPEN


@dataclass(frozen=True, slots=True)
class SymbolReport:
    """Outcome for one symbol; ``failed``: the data is bad, ``errored``: a check could not run."""

    venue: str
    symbol: str
    status: Status
    reasons: tuple[str, ...]
    rows: int
    quarantined: int
    gaps: int
    oddities: tuple[str, ...]
    months: tuple[MonthReport, ...]

    @property
    def ok(self) -> bool:
        """Whether dependent steps may use this symbol."""
        return self.status == "passed"


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """Outcome of a validation run: one report per symbol, in the requested order."""

    symbols: tuple[SymbolReport, ...]

    @property
    def passed(self) -> tuple[str, ...]:
        """Symbols that may be used."""
        return tuple(report.symbol for report in self.symbols if report.ok)

    @property
    def left_out(self) -> dict[str, str]:
        """Symbols that may not be used, with the reason."""
        return {r.symbol: "; ".join(r.reasons) for r in self.symbols if not r.ok}


def validate(
    lake: Lake,
    *,
    as_of: datetime,
    symbols: Sequence[str],
    venue: str = "binance_usdm",
    settings: ValidationSettings | None = None,
    known: Sequence[KnownEvent] = (),
    progress: Progress | None = None,
) -> ValidationReport:
    """Check every symbol; one that fails does not stop the others."""
    reports = []
    for symbol in symbols:
        report = validate_symbol(lake, venue, symbol, as_of, settings=settings, known=known)
        reports.append(report)
        if progress:
            progress(describe(report))
    return ValidationReport(tuple(reports))


def describe(report: SymbolReport) -> str:
    """Format one line for the terminal: ``BTCUSDT passed: 73139 rows, 0 quarantined, 0 gaps``."""
    text = (
        f"{report.symbol} {report.status}: {report.rows} rows, {report.quarantined} quarantined, "
        f"{report.gaps} gaps"
    )
    details = report.reasons or report.oddities
    return f"{text} ({'; '.join(details)})" if details else text


def validate_symbol(
    lake: Lake,
    venue: str,
    symbol: str,
    as_of: datetime,
    *,
    settings: ValidationSettings | None = None,
    known: Sequence[KnownEvent] = (),
    expected: ExpectedCandles | None = None,
) -> SymbolReport:
    """Check what was known of one symbol at ``as_of``; write its checked and quarantined rows.

    Without ``expected``, candles are expected from the first month on, at all hours.

    A month that was checked before, from the same raw content and with the same settings, is
    skipped. A damaged raw partition makes the symbol ``errored``; bad data never raises.
    """
    limits = settings or ValidationSettings()
    expected = expected or ExpectedCandles()
    rules = CheckRules(
        symbol,
        limits,
        tuple(event for event in known if event.applies_to(venue, symbol)),
        sparse=venue in limits.sparse_venues,
        hours=expected.hours,
    )
    months: list[MonthReport] = []
    waiting: list[_Work] = []
    before: _Before | None = None
    for partition in lake.partitions(RAW_CANDLES, venue=venue, symbol=symbol, interval="1m"):
        try:
            work = _work(lake, partition, before, as_of, rules)
        except DataError as error:
            work = MonthReport(partition.values["month"], 0, 0, errors=(str(error),))
        if isinstance(work, MonthReport):
            months.append(work)
        elif work is not None:
            waiting.append(work)
        if sum(item.data.num_rows for item in waiting) >= _BATCH_ROWS:
            months.extend(_check(lake, waiting, as_of, rules))
            waiting = []
        before = _Before(partition, work.data if isinstance(work, _Work) else None)
    months.extend(_check(lake, waiting, as_of, rules))
    months.sort(key=lambda report: report.month)
    months = stitched(lake, venue, symbol, months, expected.hours)
    if not months:
        reason = f"no candles of {symbol} before {as_of:%Y-%m-%d %H:%M}"
        months = [MonthReport("", 0, 0, failures=(reason,))]
    beyond = _settle_gaps(lake, venue, months, as_of, rules, expected.wanted_from)
    odd, apart = _disagreements(lake, venue, as_of, rules)
    return _summary(venue, symbol, months, (*beyond, *apart), odd)


def _disagreements(
    lake: Lake, venue: str, as_of: datetime, rules: CheckRules
) -> tuple[list[str], list[str]]:
    """Return what differs from the source's own longer candles: within the limit, and beyond it."""
    odd, beyond = [], []
    limit = rules.settings.max_different_share
    try:
        found = agreements(lake, venue, rules.symbol, as_of)
    except DataError as error:  # the minutes are read by then: a longer file is damaged
        return [f"{rules.symbol}: its longer candles are not compared: {error}"], []
    for one in found:
        if one.different and one.share > limit:
            beyond.append(
                f"{rules.symbol}: {one.sentence} ({one.share:.2%}), more than"
                f" validation.max_different_share = {limit:g}"
            )
        elif one.different:
            odd.append(f"{rules.symbol}: {one.sentence}")
    return odd, beyond


def _settle_gaps(
    lake: Lake,
    venue: str,
    months: Sequence[MonthReport],
    as_of: datetime,
    rules: CheckRules,
    wanted_from: datetime | None,
) -> list[str]:
    """Write the gaps of a symbol; say which limits its holes exceed."""
    usable = [month for month in months if month.span[1]]
    if not usable:
        return []
    wanted = None if wanted_from is None else milliseconds(wanted_from)
    span = CheckedSpan(usable[0].span[0], usable[-1].span[1], milliseconds(as_of), wanted)
    least = rules.settings.sparse_gap_minutes if rules.sparse else 0
    stretches = [gap for month in usable for gap in month.gaps if gap[1] > least]
    bad = [time for month in usable for time in month.bad]
    gaps = gaps_of(stretches, span, rules.events, bad, rules.hours)
    values = {"venue": venue, "symbol": rules.symbol, "interval": "1m"}
    if gaps or lake.partitions(GAPS, **values):
        write_known(lake, GAPS, gap_rows(gaps), as_of=as_of, partition=values, metadata={})
    quiet = max((month.quiet for month in usable), key=lambda run: run[1])
    return beyond_limits(rules.symbol, gaps, quiet, span, rules.settings, rules.hours)


def _summary(
    venue: str,
    symbol: str,
    months: Sequence[MonthReport],
    beyond: Sequence[str],
    odd: Sequence[str] = (),
) -> SymbolReport:
    errors = tuple(reason for month in months for reason in month.errors)
    failures = (*(reason for month in months for reason in month.failures), *beyond)
    status: Status = "errored" if errors else "failed" if failures else "passed"
    return SymbolReport(
        venue=venue,
        symbol=symbol,
        status=status,
        reasons=errors + failures,
        rows=sum(month.rows for month in months),
        quarantined=sum(month.quarantined for month in months),
        gaps=sum(len(month.gaps) for month in months),
        oddities=(*(text for month in months for text in month.oddities), *odd),
        months=tuple(months),
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """A month to check: its rows, those left out by the import, the rows before it, its mark."""

    values: Mapping[str, str]
    data: pa.Table
    refused: pa.Table
    tail: pa.Table | None
    mark: str


@dataclass(frozen=True, slots=True)
class _Before:
    """The month before another one; ``data`` are its known rows if they were read."""

    partition: Partition
    data: pa.Table | None


def _work(
    lake: Lake,
    partition: Partition,
    before: _Before | None,
    as_of: datetime,
    rules: CheckRules,
) -> _Work | MonthReport | None:
    """Return what to do for one month: its rows to check, or its stored report if it is current.

    None means that nothing of the month is known yet.
    """
    values = partition.values
    inputs = {"raw": content_of(lake, partition, as_of), **values}
    refused = refused_rows(lake, values, as_of)
    if refused.num_rows:
        inputs["refused"] = content_hash(refused)
    if before:
        inputs["tail"] = content_of(lake, before.partition, as_of)
    recipe = [_CONTRACT, rules.settings.model_dump_json(exclude=_LIMITS)]
    recipe.extend(event.model_dump_json() for event in rules.events)
    recipe.extend(load_sql(f"checks/{name}") for name in CHECKS)
    if not rules.hours.always:
        recipe.append(rules.hours.recipe)
    mark = mark_of("\n".join(recipe), inputs)
    if is_current(lake, CANDLES, mark, values):
        return stored_report(lake, values)
    data = lake.read_partition(partition, as_of)
    if not data.num_rows:
        return None
    return _Work(values, data, refused, _tail(lake, before, as_of), mark)


def _check(
    lake: Lake, waiting: Sequence[_Work], as_of: datetime, rules: CheckRules
) -> list[MonthReport]:
    """Check months together; in the usual case one run of the suite finds all of them right."""
    if not waiting:
        return []
    from flows.steps.data.checks.expectations import validate_facts

    whole = validate_facts([facts_of(work.data) for work in waiting])
    reports = []
    for work in waiting:
        checked = check_month(work.data, work.tail, rules, whole if whole.passed else None)
        reports.append(_settle(lake, work, checked, as_of))
    return reports


def _settle(lake: Lake, work: _Work, checked: CheckedMonth, as_of: datetime) -> MonthReport:
    """Write the rows of a checked month and report on it."""
    if work.refused.num_rows:
        bad = pa.concat_tables([checked.bad, work.refused], promote_options="default")
        checked = replace(checked, bad=bad)
    refused = len(set(work.refused["open_time"].to_pylist()))
    report = MonthReport(
        month=work.values["month"],
        rows=checked.good.num_rows,
        quarantined=work.data.num_rows - checked.good.num_rows + refused,
        gaps=checked.gaps,
        quiet=checked.quiet,
        span=_span(checked.good),
        bad=tuple(sorted(set(checked.bad["open_time"].cast(pa.int64()).to_pylist()))),
        oddities=checked.oddities,
        failures=checked.failures,
        errors=checked.errors,
    )
    _write(lake, checked, report, as_of, work.values, work.mark)
    if checked.failures or checked.errors:
        return replace(report, rows=0, gaps=(), span=(0, 0))
    return report


def _span(data: pa.Table) -> tuple[int, int]:
    times = data["open_time"].cast(pa.int64())
    return (times[0].as_py(), times[-1].as_py()) if data.num_rows else (0, 0)


def _tail(lake: Lake, before: _Before | None, as_of: datetime) -> pa.Table | None:
    if before is None:
        return None
    data = before.data
    if data is None:
        data = lake.read_partition(before.partition, as_of)
    return data.slice(max(0, data.num_rows - TAIL_ROWS))


def _write(
    lake: Lake,
    checked: CheckedMonth,
    report: MonthReport,
    as_of: datetime,
    values: Mapping[str, str],
    mark: str,
) -> None:
    """Write quarantine first: a crash in between leaves no mark, and the month is checked again."""
    if checked.bad.num_rows or lake.partitions(QUARANTINE, **values):
        write_known(
            lake,
            QUARANTINE,
            checked.bad,
            as_of=as_of,
            partition=values,
            metadata={},
        )
    if checked.failures or checked.errors:
        return
    write_known(
        lake,
        CANDLES,
        checked.good,
        as_of=as_of,
        partition=values,
        metadata={MARK: mark, COUNTS: counts_of(report)},
    )
