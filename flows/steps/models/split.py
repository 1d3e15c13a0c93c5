"""Walk-forward splits with purge and embargo; a split that leaks the future is refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.steps.models.dataset import HORIZON_MS, Dataset
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS
from trading.errors import DataError, ParameterError
from trading.research.walk_forward import Fold

TEST_SHARE = 0.2
"""Length of a test relative to its training, once that is longer than the least test."""


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """Lengths in days, the embargo in hours; the purge is the label's horizon and cannot be set.

    Training begins with ``train_days`` and grows to ``window_days``; from then on it moves with the
    test, so that the cost of a history is linear in its length.
    """

    train_days: float = 14.0
    window_days: float = 90.0
    test_days: float = 5.0
    embargo_hours: float = 1.0

    @property
    def window_ms(self) -> int:
        """Longest training, also of the published model."""
        return round(self.window_days * DAY_MS)


@dataclass(frozen=True)
class Split:
    """One fold as rows of a `Dataset`: masks for training and test, and their spans."""

    fold: Fold
    train: NDArray[np.bool_]
    test: NDArray[np.bool_]


def rolling_window_folds(start: int, end: int, settings: SplitSettings) -> tuple[Fold, ...]:
    """Make the folds of the history [start, end), ms; tests follow each other up to ``end``.

    A test lasts a fifth of its training in whole days, at least ``test_days``; the last one takes a
    remainder that is shorter than that. The folds depend on ``start`` alone: a longer history keeps
    all but the last. Raises `DataError` if no fold fits.
    """
    least, test = round(settings.train_days * DAY_MS), round(settings.test_days * DAY_MS)
    gap = HORIZON_MS + round(settings.embargo_hours * HOUR_MS)
    if test <= 0 or least <= 0 or settings.window_ms < least or settings.embargo_hours < 0:
        raise ParameterError(
            "folds need training and test above 0, a window of at least the training, and no"
            f" negative embargo, was {settings}"
        )
    if end - start < least + gap + test:
        raise DataError(
            f"{(end - start) / DAY_MS:.1f} days are too short for one walk-forward fold of"
            f" {(least + gap + test) / DAY_MS:.1f} days; use more data or shorter folds"
        )
    folds = []
    opens = start + least + gap
    while opens < end:
        known = opens - gap
        first = max(start, known - settings.window_ms)
        closes = opens + max(test, int((known - first) * TEST_SHARE) // DAY_MS * DAY_MS)
        if closes + test > end:
            closes = end
        folds.append(Fold(first, known, opens, closes))
        opens = closes
    return tuple(folds)


def walk_forward(data: Dataset, settings: SplitSettings) -> tuple[Split, ...]:
    """Split a data set into the folds of `rolling_window_folds`; each fold is checked.

    A fold whose test lies in a hole, or whose training has lost half of its least hours to one, is
    left out. Raises `DataError` if none remains.
    """
    least = settings.train_days * DAY_MS / HOUR_MS / 2
    splits = []
    for fold in rolling_window_folds(int(data.times[0]), int(data.times[-1]) + 1, settings):
        train = (data.times >= fold.train_start) & (data.times < fold.train_end)
        test = (data.times >= fold.test_start) & (data.times < fold.test_end)
        hours = len(np.unique(data.times[train] // HOUR_MS))
        if hours < least or not test.any():
            continue
        check_split(data, np.flatnonzero(train), np.flatnonzero(test))
        splits.append(Split(fold, train, test))
    if not splits:
        raise DataError(f"{data.symbol}: every fold lies in a hole; import the missing candles")
    return tuple(splits)


def last_window(data: Dataset, settings: SplitSettings) -> Dataset:
    """Return the rows that the published model learns from: those of the last window."""
    return data.take(data.times > int(data.times[-1]) - settings.window_ms)


def check_split(data: Dataset, train: NDArray[np.int64], test: NDArray[np.int64]) -> None:
    """Refuse a split that is shuffled or empty, or whose training labels reach into the test.

    ``train`` and ``test`` are row numbers. Raises `DataError`. Neighbouring rows share most of
    their windows, so shuffled folds score an AUC of 0.7 to 0.85 on labels that nothing can
    predict.
    """
    for name, rows in (("training", train), ("test", test)):
        if len(rows) == 0:
            raise DataError(f"{data.symbol}: the {name} rows of a fold are empty; use longer folds")
        if np.any(np.diff(data.times[rows]) < 0):
            raise DataError(
                f"{data.symbol}: the {name} rows are shuffled; keep them in time's order"
            )
    known = int(data.times[train[-1]]) + HORIZON_MS
    first = int(data.times[test[0]])
    if known > first:
        minutes = (known - first) / MINUTE_MS
        raise DataError(
            f"{data.symbol}: training labels end {minutes:.0f} minutes after the test begins; "
            "split by time with a purge of the label's horizon, never shuffled"
        )
