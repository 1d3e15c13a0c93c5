"""Holes in a series of candles: how long, why, and whether they exceed the limits. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from flows.settings import ValidationSettings
from flows.sources.trading_hours import ALWAYS_OPEN, TradingHours
from flows.steps.data.known_events import Cause, KnownEvent, explain
from lake.content import milliseconds, moment_of
from lake.months import month_end, month_start, months_between
from lake.tables import GAPS
from trading.candles import DAY_MS, MINUTE_MS

Stretch = tuple[int, int]
"""First minute (ms since the epoch) and the number of minutes."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive minutes without a checked candle; those while the venue is closed do not count.

    ``first`` and ``last`` are the first and the last missing minute, ms.
    """

    first: int
    last: int
    minutes: int
    cause: Cause
    edge: bool = False
    """Whether it lies before the first or after the last candle."""


@dataclass(frozen=True, slots=True)
class CheckedSpan:
    """What limits the holes of one symbol, in ms: its first and last candle, and the current time.

    ``wanted`` is the time from which candles are expected, by default its first month's beginning.
    """

    first: int
    last: int
    as_of: int
    wanted: int | None = None


def gaps_of(
    stretches: Iterable[Stretch],
    span: CheckedSpan,
    events: Sequence[KnownEvent],
    quarantined: Sequence[int] = (),
    hours: TradingHours = ALWAYS_OPEN,
) -> tuple[Gap, ...]:
    """Give every hole its cause, and add a day or more before the first or after the last candle.

    Before the first candle, all is expected from ``span.wanted`` on. ``quarantined`` are minutes
    that the source has, but with values that cannot be right.
    """
    bad = set(quarantined)

    def gap(first: int, minutes: int, edge: bool = False) -> Gap:
        last = hours.minute(first, minutes - 1)
        length = (last - first) // MINUTE_MS + 1
        return Gap(first, last, minutes, _cause(events, first, length, bad), edge)

    found = [gap(first, minutes) for first, minutes in stretches]
    month = month_start(f"{moment_of(span.first):%Y-%m}")
    begin = milliseconds(month) if span.wanted is None else min(span.wanted, span.first)
    edges = [(begin, span.first), (span.last + MINUTE_MS, span.as_of)]
    for first, end in edges:
        minutes = hours.open_minutes(first, end)
        if end - first >= DAY_MS and minutes:
            found.append(gap(hours.minute(first), minutes, edge=True))
    return tuple(sorted(found, key=lambda gap: gap.first))


def _cause(events: Sequence[KnownEvent], first: int, minutes: int, bad: set[int]) -> Cause:
    event = explain(events, first, minutes)
    if event is not None:
        return event.cause
    return "source" if first in bad else "unknown"


def beyond_limits(
    symbol: str,
    gaps: Sequence[Gap],
    longest_quiet: Stretch,
    span: CheckedSpan,
    settings: ValidationSettings,
    hours: TradingHours = ALWAYS_OPEN,
) -> list[str]:
    """Say which limits a symbol exceeds; each sentence names the value, the limit and the setting.

    Explained holes do not count, nor do those before the first and after the last candle.
    """
    reasons = []
    inner = [gap for gap in gaps if not gap.edge and gap.cause in ("unknown", "source")]
    longest = max(inner, key=lambda gap: gap.minutes, default=None)
    if longest is not None and longest.minutes > settings.max_gap_minutes:
        months = whole_months(longest)
        named = f" (no candle in {', '.join(months)})" if months else ""
        reasons.append(
            f"{symbol}: {longest.minutes} minutes absent from {clock(longest.first)}{named}, "
            f"more than validation.max_gap_minutes = {settings.max_gap_minutes}"
        )
    expected = max(1, hours.open_minutes(span.first, span.last + MINUTE_MS))
    missing = sum(gap.minutes for gap in inner)
    if missing > settings.max_missing_share * expected and missing > 1:
        reasons.append(
            f"{symbol}: {missing} of {expected} minutes are absent ({missing / expected:.2%}), "
            f"more than validation.max_missing_share = {settings.max_missing_share:g}"
        )
    start, quiet = longest_quiet
    if quiet > settings.max_quiet_minutes:
        reasons.append(
            f"{symbol}: {quiet} minutes without a trade from {clock(start)}, "
            f"more than validation.max_quiet_minutes = {settings.max_quiet_minutes}"
        )
    days = (span.as_of - span.last) / DAY_MS
    if days > settings.max_days_since_last:
        ended = any(gap.cause == "delisted" and gap.first > span.last for gap in gaps)
        reasons.append(
            f"{symbol}: the last candle, {clock(span.last)}, is {days:.0f} days old"
            f"{' (delisted)' if ended else ''}, "
            f"more than validation.max_days_since_last = {settings.max_days_since_last}"
        )
    return reasons


def whole_months(gap: Gap) -> list[str]:
    """Return the months that lie in a gap from their first to their last minute."""
    end = gap.last + MINUTE_MS
    touched = months_between(gap.first, end)
    return [
        month
        for month in touched
        if milliseconds(month_start(month)) >= gap.first and milliseconds(month_end(month)) <= end
    ]


def gap_rows(gaps: Sequence[Gap]) -> pa.Table:
    """Return rows of ``checked.gaps``."""
    columns = {
        "first": [gap.first for gap in gaps],
        "last": [gap.last for gap in gaps],
        "minutes": [gap.minutes for gap in gaps],
        "cause": [gap.cause for gap in gaps],
    }
    arrays = [
        pa.array(columns[field.name], pa.int64()).cast(field.type)
        if pa.types.is_timestamp(field.type)
        else pa.array(columns[field.name], field.type)
        for field in GAPS.schema
    ]
    return pa.table(arrays, schema=GAPS.schema)


def clock(time_ms: int) -> str:
    """Format a time to the minute, UTC."""
    return f"{moment_of(time_ms):%Y-%m-%d %H:%M}"
