"""Drift: do the last hours still look like the training, and are forecasts still as good?

Two monitors look at a day of rows. The first compares each feature's mean over the day with its
means over the training's own days: neighbouring rows share their windows, so a day is one
observation and not ninety-six. The second compares the error of the forecasts with their error in
training, in the same way. Each alarms beyond the level that stationary resampling of the training
(Politis and Romano 1994) exceeds once in `FALSE_ALARM_DAYS` days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading.candles import DAY_MS, Floats, Integers
from trading.errors import DataError

FALSE_ALARM_DAYS = 60.0
"""Days between false alarms of one monitor: two monitors give one in a month."""
LEAST_DAYS = 10
LEAST_DAY_ROWS = 12
_SAMPLES = 2_000
_SEED = 5
_USUAL = 0.98
_SOFT = 0.1
"""A day's mean of a calm feature is trusted no closer than this share of a row's deviation."""


@dataclass(frozen=True)
class DriftAlarm:
    """What a monitor says of one day: its score, the limit, and the feature that moved most."""

    score: float
    limit: float
    what: str

    @property
    def drifted(self) -> bool:
        """Whether the score is beyond the limit."""
        return self.score > self.limit


@dataclass(frozen=True)
class DayMonitor:
    """Compares the means of a day with those of the training's days.

    ``centres`` are of the daily means of each of ``names``, ``spreads`` the distances from them
    that all but one calm day in fifty keep; ``limit`` is the largest multiple that counts as usual.
    """

    names: tuple[str, ...]
    centres: Floats
    spreads: Floats
    limit: float

    def look_at(self, rows: Floats) -> DriftAlarm:
        """Evaluate the rows of one day, ``[row, name]``; missing values are left out.

        Raises `DataError` for fewer than 12 rows.
        """
        if len(rows) < LEAST_DAY_ROWS:
            raise DataError(
                f"{len(rows)} rows are too few to look for drift; it needs {LEAST_DAY_ROWS}"
            )
        distance = np.abs(_means(rows) - self.centres) / self.spreads
        known = np.where(np.isfinite(distance), distance, 0.0)
        place = int(known.argmax())
        return DriftAlarm(float(known[place]), self.limit, self.names[place])


def day_monitor(names: Sequence[str], rows: Floats, times: Integers) -> DayMonitor:
    """Learn what is usual from the training ``rows`` [row, name] at ``times`` (ms, ascending).

    Columns that are missing in half of the days, or never change, are not watched. Raises
    `DataError` for fewer than 10 days.
    """
    days = (times - times[0]) // DAY_MS
    whole = [np.flatnonzero(days == day) for day in range(int(days[-1]) + 1)]
    whole = [inside for inside in whole if len(inside) >= LEAST_DAY_ROWS]
    if len(whole) < LEAST_DAYS:
        raise DataError(
            f"{len(whole)} days are too few to know what is usual; it needs {LEAST_DAYS}"
        )
    means = np.array([_means(rows[inside]) for inside in whole])
    deviations = np.sqrt(_nan_mean((rows - _nan_mean(rows)) ** 2))
    watched = np.isfinite(means).mean(axis=0) > 0.5
    watched &= np.isfinite(deviations) & (deviations > 0.0)
    names = [name for name, seen in zip(names, watched, strict=True) if seen]
    kept = means[:, watched]
    centres = _nan_mean(kept)
    spreads = np.sqrt(_nan_mean((kept - centres) ** 2) * len(kept) / (len(kept) - 1))
    spreads = np.maximum(spreads, _SOFT * deviations[watched])
    widened = spreads * float(np.sqrt(1.0 + 1.0 / len(kept)))  # the centre is an estimate, too
    row_count = int(np.median([len(inside) for inside in whole]))
    drawn = _resampled_distances(rows[:, watched], row_count, centres, widened)
    # Features have tails of their own: each is measured by what its own calm days stay within.
    usual = np.quantile(drawn, _USUAL, axis=0)
    scores = (drawn / usual).max(axis=1)
    limit = float(np.quantile(scores, 1.0 - 1.0 / FALSE_ALARM_DAYS))
    return DayMonitor(tuple(names), centres, widened * usual, limit)


def _resampled_distances(rows: Floats, row_count: int, centres: Floats, spreads: Floats) -> Floats:
    """Return the distances of resampled days, [day, name]."""
    generator = np.random.default_rng(_SEED)
    means = np.array(
        [_means(rows[resampled_day(generator, len(rows), row_count)]) for _ in range(_SAMPLES)]
    )
    distance = np.abs(means - centres) / spreads
    return np.asarray(np.where(np.isfinite(distance), distance, 0.0))


def resampled_day(generator: np.random.Generator, rows: int, count: int) -> Integers:
    """Return ``count`` row numbers of a stationary bootstrap whose blocks last a day on average."""
    fresh = generator.random(count) < 1.0 / count
    fresh[0] = True
    begun = np.maximum.accumulate(np.where(fresh, np.arange(count), 0))
    starts = generator.integers(0, rows, count)
    return np.asarray((starts[begun] + np.arange(count) - begun) % rows, dtype=np.int64)


def error_rows(actual: Floats, forecast: Floats) -> Floats:
    """Return what is watched of forecasts, ``[row, error and its size]``."""
    errors = actual - forecast
    return np.column_stack([errors, np.abs(errors)])


def last_day(actual: Floats, forecast: Floats, times: Integers) -> DriftAlarm | None:
    """Compare the last day's errors of forecasts with all before; None for too short a history.

    Rows ascend in ``times`` (ms); several may share a time.
    """
    rows = error_rows(actual, forecast)
    recent = times > times[-1] - DAY_MS
    try:
        return day_monitor(ERROR_NAMES, rows[~recent], times[~recent]).look_at(rows[recent])
    except (DataError, IndexError):
        return None


ERROR_NAMES = ("forecast error", "size of the forecast error")


def _means(rows: Floats) -> Floats:
    return _nan_mean(np.asarray(rows, dtype=np.float64))


def _nan_mean(values: Floats) -> Floats:
    """Return the means of columns without their missing values; NaN where all are missing."""
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))
