"""Check one month of one symbol's raw candles. Pure: nothing is read or written.

Two tools check the rows: Great Expectations says whether a month is right, by its facts; SQL says
which rows are wrong; what remains without those rows must pass the suite. Gaps, outages and price
jumps are found by SQL models that return the offending rows. Holes are reported, never a failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.settings import ValidationSettings
from flows.sources.trading_hours import ALWAYS_OPEN, TradingHours
from flows.steps.data.checks import quick_checks
from flows.steps.data.checks.month_facts import facts_of
from flows.steps.data.freshness import connect_briefly, load_sql
from flows.steps.data.holes import Stretch, clock
from flows.steps.data.known_events import KnownEvent, explain
from trading.candles import MINUTE_MS

if TYPE_CHECKING:
    from flows.steps.data.checks.expectations import SuiteResult

CHECKS = ("candle_rows", "candle_flows", "price_jumps", "wicks", "quiet_runs")


@dataclass(frozen=True, slots=True)
class CheckedMonth:
    """Result for one month: rows to keep, rows to quarantine, and why.

    ``gaps`` are the holes before and between the rows to keep; ``quiet`` is the longest unexplained
    run of minutes without a trade, ``(0, 0)`` without one.
    """

    good: pa.Table
    bad: pa.Table
    gaps: tuple[Stretch, ...]
    quiet: Stretch
    oddities: tuple[str, ...]
    failures: tuple[str, ...]
    errors: tuple[str, ...]


@dataclass(slots=True)
class _Findings:
    """Collected while one month is checked; ``bad`` holds (open_time in ms, reason)."""

    bad: list[tuple[int, str]] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    quiet: Stretch = (0, 0)


@dataclass(frozen=True, slots=True)
class CheckRules:
    """What a symbol is checked against: its name, the limits, and the events that concern it."""

    symbol: str
    settings: ValidationSettings
    events: Sequence[KnownEvent] = ()
    sparse: bool = False
    """Whether the venue omits minutes without trades."""
    hours: TradingHours = ALWAYS_OPEN


def check_month(
    data: pa.Table,
    tail: pa.Table | None,
    rules: CheckRules,
    suite: SuiteResult | None = None,
) -> CheckedMonth:
    """Check one month of raw candles; ``tail`` holds the last rows before it, of whatever month.

    The tail is used for gaps and outages only. ``data`` has the columns of raw.candles and at
    least one row. ``suite`` is the suite's result for ``data``, if it is known already.
    """
    symbol, settings = rules.symbol, rules.settings
    from flows.steps.data.checks.expectations import validate_facts

    found = _Findings()
    first = suite or validate_facts([facts_of(data)])
    _find_bad_rows(data, found, settings)
    good = _without(data, found.bad)
    if not rules.sparse:
        _find_quiet_runs(data, good, tail, found, rules)
    good = _without(data, found.bad)
    found.errors.extend(f"{symbol}: {phrase} could not be evaluated" for phrase in first.errored)
    share = 1 - good.num_rows / data.num_rows
    if share > settings.max_bad_share and data.num_rows - good.num_rows > 1:
        found.failures.append(
            f"{symbol}: {data.num_rows - good.num_rows} of {data.num_rows} rows are bad "
            f"({share:.2%}, allowed {settings.max_bad_share:.2%}), first "
            f"{clock(min(found.bad)[0])}: {min(found.bad)[1]}"
        )
    elif good.num_rows and (good.num_rows < data.num_rows or first.failed):
        again = validate_facts([facts_of(good)])
        found.failures.extend(f"{symbol}: not met: {phrase}" for phrase in again.failed)
        found.errors.extend(
            f"{symbol}: {phrase} could not be evaluated" for phrase in again.errored
        )
    closed = rules.hours.closed_days(_times(good))
    if closed:
        found.oddities.append(
            f"{symbol}: candles of {', '.join(map(str, closed[:3]))}"
            f"{' …' if len(closed) > 3 else ''}, days without a session by the trading hours"
        )
    marked = _with_gaps(good, tail, rules.hours)
    return CheckedMonth(
        good=marked,
        bad=_quarantined(data, found.bad),
        gaps=_stretches(marked, tail, rules.hours),
        quiet=found.quiet,
        oddities=tuple(found.oddities),
        failures=tuple(found.failures),
        errors=tuple(found.errors),
    )


def _find_bad_rows(data: pa.Table, found: _Findings, settings: ValidationSettings) -> None:
    """Run the models that may find something; a later one sees what the earlier ones left."""
    if quick_checks.candle_rows(data):
        found.bad.extend(_offending("candle_rows", {"raw_candles": data}, {}))
    if quick_checks.candle_flows(data):
        found.bad.extend(_offending("candle_flows", {"raw_candles": data}, {}))
    limits = {
        "sigmas": settings.jump_sigmas,
        "floor_move": settings.jump_floor,
        "thin_share": settings.thin_volume_share,
    }
    good = _without(data, found.bad)
    if quick_checks.price_jumps(good, settings):
        found.bad.extend(_offending("price_jumps", {"good_candles": good}, limits))
        good = _without(data, found.bad)
    if quick_checks.wicks(good, settings):
        found.bad.extend(_offending("wicks", {"good_candles": good}, limits))


def _offending(
    check: str, tables: Mapping[str, pa.Table], params: Mapping[str, Any]
) -> list[tuple[int, str]]:
    with connect_briefly() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        rows = connection.sql(load_sql(f"checks/{check}"), params=dict(params)).to_arrow_table()
    times = rows["open_time"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_pylist()
    return list(zip(times, rows["reason"].to_pylist(), strict=True))


def _find_quiet_runs(
    data: pa.Table,
    good: pa.Table,
    tail: pa.Table | None,
    found: _Findings,
    rules: CheckRules,
) -> None:
    """Find runs of minutes without a trade and look them up in the known events."""
    month_from = data["open_time"][0].value
    columns = ["open_time", "volume"]
    parts = [tail.select(columns)] if tail is not None else []
    candles = pa.concat_tables([*parts, good.select(columns)])
    least = {"least": rules.settings.quiet_minutes}
    if not quick_checks.quiet_runs(candles, least["least"]):
        return
    with connect_briefly() as connection:
        connection.register("candles", candles.filter(pc.equal(candles["volume"], 0.0)))
        quiet = connection.sql(load_sql("checks/quiet_runs"), params=least).fetchall()
    for start, minutes in quiet:
        if start + minutes * MINUTE_MS <= month_from:
            continue
        event = explain(rules.events, start, minutes)
        if event is None:
            found.quiet = max(found.quiet, (start, minutes), key=lambda run: run[1])
            continue
        found.oddities.append(
            f"{rules.symbol}: {minutes} minutes without a trade from {clock(start)}: "
            f"{event.reason} (noted {event.noted})"
        )
        if not event.keep:
            times = range(start, start + minutes * MINUTE_MS, MINUTE_MS)
            found.bad.extend((time, f"known: {event.reason}") for time in times)


def _times(data: pa.Table) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.asarray(data["open_time"].cast(pa.int64()).to_numpy())


def _without(data: pa.Table, bad: Sequence[tuple[int, str]]) -> pa.Table:
    if not bad:
        return data
    return data.filter(pa.array(~np.isin(_times(data), [time for time, _ in bad])))


def _quarantined(data: pa.Table, bad: Sequence[tuple[int, str]]) -> pa.Table:
    """Return the bad rows as they came, each with all of its reasons."""
    reasons: dict[int, list[str]] = {}
    for time, reason in sorted(set(bad)):
        reasons.setdefault(time, []).append(reason)
    rows = data.filter(pa.array(np.isin(_times(data), list(reasons)))) if bad else data.slice(0, 0)
    texts = ["; ".join(reasons[int(time)]) for time in _times(rows)]
    return rows.append_column("reason", pa.array(texts, pa.string()))


def _before(good: pa.Table, tail: pa.Table | None) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the minute after the row before each row; that of the first known row is its own."""
    times = _times(good)
    first = _times(tail)[-1:] + MINUTE_MS if tail is not None and tail.num_rows else times[:1]
    return np.concatenate([first, times + MINUTE_MS])[: len(times)]


def _with_gaps(good: pa.Table, tail: pa.Table | None, hours: TradingHours) -> pa.Table:
    """Add ``gap_before``: open minutes missing directly before a row; 0 before the first known."""
    missing = hours.elapsed(_times(good)) - hours.elapsed(_before(good, tail))
    return good.append_column("gap_before", pa.array(missing, pa.int64()))


def _stretches(marked: pa.Table, tail: pa.Table | None, hours: TradingHours) -> tuple[Stretch, ...]:
    """Return the holes directly before the rows of a month."""
    gaps = marked["gap_before"].to_numpy()
    rows = np.flatnonzero(gaps)
    firsts = [hours.minute(int(begin)) for begin in _before(marked, tail)[rows]]
    return tuple(zip(firsts, gaps[rows].tolist(), strict=True))
