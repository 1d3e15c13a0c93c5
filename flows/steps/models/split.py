"""Walk-forward splits with purge and embargo; a split that leaks the future is refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.steps.models.dataset import HORIZON_MS, Dataset
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS
from trading.errors import DataError
from trading.research.walk_forward import Fold, anchored_folds


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """Lengths in days, the embargo in hours; the purge is the label's horizon and cannot be set."""

    train_days: float = 14.0
    test_days: float = 5.0
    embargo_hours: float = 1.0


@dataclass(frozen=True)
class Split:
    """One fold as rows of a `Dataset`: masks for training and test, and their spans."""

    fold: Fold
    train: NDArray[np.bool_]
    test: NDArray[np.bool_]


def walk_forward(data: Dataset, settings: SplitSettings) -> tuple[Split, ...]:
    """Split into folds whose training starts with the data and grows; each fold is checked."""
    folds = anchored_folds(
        int(data.times[0]),
        int(data.times[-1]) + 1,
        train=round(settings.train_days * DAY_MS),
        test=round(settings.test_days * DAY_MS),
        purge=HORIZON_MS,
        embargo=round(settings.embargo_hours * HOUR_MS),
    )
    splits = []
    for fold in folds:
        train = (data.times >= fold.train_start) & (data.times < fold.train_end)
        test = (data.times >= fold.test_start) & (data.times < fold.test_end)
        check_split(data, np.flatnonzero(train), np.flatnonzero(test))
        splits.append(Split(fold, train, test))
    return tuple(splits)


def check_split(data: Dataset, train: NDArray[np.int64], test: NDArray[np.int64]) -> None:
    """Refuse a split that is shuffled or empty, or whose training labels reach into the test.

    ``train`` and ``test`` are row numbers. Raises `DataError`. Neighbouring rows share most of
    their windows, so shuffled folds score an AUC of 0.7 to 0.85 on labels that nothing can
    predict.
    """
    for name, rows in (("training", train), ("test", test)):
        if len(rows) == 0:
            raise DataError(f"{data.symbol}: the {name} rows of a fold are empty; use longer folds")
        if np.any(np.diff(data.times[rows]) <= 0):
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
