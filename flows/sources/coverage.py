"""What the lake lacks of a series of one-minute candles: pure functions over its open times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from flows.sources.interface import TimeSpan
from lake.content import milliseconds, moment_of
from lake.months import month_end, month_start, months_between
from trading.candles import DAY_MS, MINUTE_MS

Times = npt.NDArray[np.int64]


def missing(times: Times, wanted: TimeSpan) -> list[TimeSpan]:
    """Stretches of ``wanted`` without a candle; ``times`` are sorted open times in ms."""
    inside = times[(times >= wanted.begin) & (times < wanted.end)]
    starts = np.concatenate(([wanted.begin], inside + MINUTE_MS))
    ends = np.concatenate((inside, [wanted.end]))
    holes = np.flatnonzero(starts < ends)
    return [TimeSpan(int(starts[i]), int(ends[i])) for i in holes]


def months(span: TimeSpan) -> Iterator[tuple[str, TimeSpan]]:
    """Calendar months that ``span`` touches, each with its whole length."""
    for month in months_between(span.begin, span.end):
        yield month, TimeSpan(milliseconds(month_start(month)), milliseconds(month_end(month)))


def days(span: TimeSpan) -> Iterator[tuple[str, TimeSpan]]:
    """Calendar days (UTC) that ``span`` touches, each with its whole length."""
    for begin in range(span.begin - span.begin % DAY_MS, span.end, DAY_MS):
        yield f"{moment_of(begin):%Y-%m-%d}", TimeSpan(begin, begin + DAY_MS)


def overlap(span: TimeSpan, other: TimeSpan) -> TimeSpan | None:
    """What both have in common, if anything."""
    begin, end = max(span.begin, other.begin), min(span.end, other.end)
    return TimeSpan(begin, end) if begin < end else None


def joined(spans: Sequence[TimeSpan], within_ms: int) -> list[TimeSpan]:
    """Neighbouring ``spans`` joined where less than ``within_ms`` lies between them."""
    merged: list[TimeSpan] = []
    for span in sorted(spans):
        if merged and span.begin - merged[-1].end < within_ms:
            merged[-1] = TimeSpan(merged[-1].begin, max(span.end, merged[-1].end))
        else:
            merged.append(span)
    return merged
