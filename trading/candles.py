"""Candles, one at a time and in columns. Times are milliseconds since the epoch, UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from trading.errors import DataError, ParameterError

if TYPE_CHECKING:
    # The dashboard needs the lengths alone: numpy, 12 MB of it, is imported where it is used.
    import numpy as np
    import numpy.typing as npt

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
MONDAY_MS = 4 * DAY_MS
"""The first Monday since 1970-01-01, from which weeks count."""

_UNIT_MS = {"s": 1_000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": WEEK_MS}

Floats: TypeAlias = "npt.NDArray[np.float64]"
Integers: TypeAlias = "npt.NDArray[np.int64]"
Flags: TypeAlias = "npt.NDArray[np.bool_]"


@cache
def interval_ms(name: str) -> int:
    """Milliseconds of an interval name such as ``1m``, ``4h`` or ``1d``; else `ParameterError`."""
    count, unit = name[:-1], name[-1:]
    if unit not in _UNIT_MS or not count.isascii() or not count.isdigit() or int(count) == 0:
        raise ParameterError(
            f"interval '{name}' is not known; write for example 1m, 15m, 1h, 4h or 1d"
        )
    return int(count) * _UNIT_MS[unit]


def interval_name(milliseconds: int) -> str:
    """Return the shortest name of an interval: ``interval_name(3_600_000) == "1h"``."""
    for unit in ("w", "d", "h", "m", "s"):
        if milliseconds > 0 and milliseconds % _UNIT_MS[unit] == 0:
            return f"{milliseconds // _UNIT_MS[unit]}{unit}"
    raise ParameterError(
        f"an interval of {milliseconds} ms has no name; whole seconds are expected"
    )


def first_start(length_ms: int) -> int:
    """Return a time (ms) at which candles of ``length_ms`` start: weeks on Monday, others 1970."""
    return MONDAY_MS if length_ms % WEEK_MS == 0 else 0


@dataclass(frozen=True, slots=True)
class Candle:
    """One closed candle; it covers ``open_time`` (ms) until one interval later, exclusive."""

    open_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0


@dataclass(frozen=True)
class CandleColumns:
    """Candles of one symbol and interval in columns of equal length, ascending, no duplicates.

    Gaps are allowed: a minute without trades may be missing. ``interval_ms`` is the spacing of
    neighbouring candles. ``closing`` tells for each candle of a venue that closes whether its
    trading day ends in it; None where days end at 00:00 UTC. A trading day lies within a UTC day.
    ``forecasts`` has columns of what was forecast and known when each candle closed, NaN where
    nothing was (`trading.positions.forecasts` names them).
    """

    open_time: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    interval_ms: int
    closing: Flags | None = None
    forecasts: Mapping[str, Floats] | None = None

    def __post_init__(self) -> None:
        _validate(self)

    def __len__(self) -> int:
        return len(self.open_time)

    @classmethod
    def of(
        cls,
        open_time: Sequence[int] | Integers,
        open: Sequence[float] | Floats,
        high: Sequence[float] | Floats,
        low: Sequence[float] | Floats,
        close: Sequence[float] | Floats,
        volume: Sequence[float] | Floats | None = None,
        interval_ms: int | None = None,
    ) -> CandleColumns:
        """Build validated columns; the interval is the smallest spacing unless it is given."""
        import numpy as np

        times = np.require(open_time, np.int64, ["C", "W"])
        if interval_ms is None:
            spacing = np.diff(times)
            interval_ms = int(spacing.min()) if spacing.size else MINUTE_MS
        filled = np.zeros(times.size) if volume is None else volume
        return cls(
            times,
            _column(open),
            _column(high),
            _column(low),
            _column(close),
            _column(filled),
            interval_ms,
        )

    def slice(self, start_ms: int | None = None, end_ms: int | None = None) -> CandleColumns:
        """Return views of the candles that open from ``start_ms`` to ``end_ms``, exclusive."""
        import numpy as np

        first = 0 if start_ms is None else int(np.searchsorted(self.open_time, start_ms))
        last = len(self) if end_ms is None else int(np.searchsorted(self.open_time, end_ms))
        return self.rows(first, last)

    def rows(self, first: int, last: int) -> CandleColumns:
        """Return the candles at positions ``first`` to ``last``, exclusive."""
        return CandleColumns(
            self.open_time[first:last],
            self.open[first:last],
            self.high[first:last],
            self.low[first:last],
            self.close[first:last],
            self.volume[first:last],
            self.interval_ms,
            None if self.closing is None else self.closing[first:last],
            None
            if self.forecasts is None
            else {name: column[first:last] for name, column in self.forecasts.items()},
        )

    def higher(self, length_ms: int) -> CandleColumns:
        """Candles of ``length_ms``, as the exchange would have built them from these.

        One inside which these begin is left out.
        """
        import numpy as np

        starts = self.open_time - (self.open_time - first_start(length_ms)) % length_ms
        first = np.flatnonzero(np.diff(starts, prepend=starts[:1] - 1))
        last = (np.append(first[1:], len(starts)) - 1)[: len(first)]
        if len(first) and starts[0] != self.open_time[0]:
            first, last = first[1:], last[1:]
        made = CandleColumns.of(
            starts[first],
            self.open[first],
            np.maximum.reduceat(self.high, first),
            np.minimum.reduceat(self.low, first),
            self.close[last],
            np.add.reduceat(self.volume, first),
            length_ms,
        )
        return made if self.closing is None else replace(made, closing=self.closing[last])

    def candle(self, row: int) -> Candle:
        """Return the candle at one position."""
        return Candle(
            int(self.open_time[row]),
            float(self.open[row]),
            float(self.high[row]),
            float(self.low[row]),
            float(self.close[row]),
            float(self.volume[row]),
        )


def _column(values: Any) -> Floats:
    import numpy as np

    # Writable and contiguous: to compiled kernels any other array is a different type.
    return np.require(values, np.float64, ["C", "W"])


def _validate(candles: CandleColumns) -> None:
    """Raise `DataError` for columns that no simulation can trust."""
    import numpy as np

    columns: tuple[npt.NDArray[Any], ...] = (
        candles.open,
        candles.high,
        candles.low,
        candles.close,
        candles.volume,
    )
    if candles.closing is not None:
        columns = (*columns, candles.closing)
    columns = (*columns, *(candles.forecasts or {}).values())
    if any(column.shape != candles.open_time.shape for column in columns):
        raise DataError("the candle columns have different lengths")
    spacing = np.diff(candles.open_time)
    if spacing.size and int(spacing.min()) <= 0:
        row = int(np.argmax(spacing <= 0)) + 1
        raise DataError(
            f"candles are not in ascending order of open_time: row {row} "
            f"({int(candles.open_time[row])} ms) does not follow the row before it"
        )
    if candles.interval_ms <= 0:
        raise DataError(f"a candle interval of {candles.interval_ms} ms is not positive")
    for name in ("open", "high", "low", "close"):
        column = getattr(candles, name)
        bad = ~(np.isfinite(column) & (column > 0.0))
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"candle row {row} has {name} = {column[row]}; a positive price is expected"
            )
