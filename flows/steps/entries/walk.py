"""Chances of entries out-of-sample: each fold learned from entries that had ended before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from flows.steps.entries.rows import EntryRows
from flows.steps.models.dataset import Floats, Integers
from flows.steps.models.split import SplitSettings, rolling_window_folds
from trading.candles import DAY_MS, HOUR_MS, Flags
from trading.errors import DataError
from trading.models.calibration import ChanceModel, fit_chance
from trading.models.families import Recipe, Sample
from trading.research.walk_forward import Fold

Change = Callable[[EntryRows], EntryRows]


@dataclass(frozen=True)
class EntryFold:
    """One fold: which entries it tests, the chance of each, and the usual one of its training.

    ``bars`` has the chance at every bar of the test for each symbol: its closes (ms) and values.
    ``learned`` is false where the training knew no more than the usual chance.
    """

    fold: Fold
    tested: Integers
    chance: Floats
    usual: float
    bars: tuple[tuple[Integers, Floats], ...]
    learned: bool


def walk_entries(
    rows: EntryRows,
    recipe: Recipe,
    split: SplitSettings,
    *,
    change: Change | None = None,
    purge_ms: int = 0,
) -> list[EntryFold]:
    """Fit and forecast each fold; an entry teaches once it has ended and the embargo is over.

    ``change`` alters the training, ``purge_ms`` leaves more time before each test. Folds without
    an entry in their training are left out. Raises `DataError` when none is left.
    """
    times = np.concatenate([own.times for own in rows.bars])
    found = []
    for fold in rolling_window_folds(int(times.min()), int(times.max()) + 1, split):
        last = fold.test_start - round(split.embargo_hours * HOUR_MS) - purge_ms
        train = rows.take((rows.decided_at >= fold.train_start) & (rows.known_at <= last))
        inside = (rows.decided_at >= fold.test_start) & (rows.decided_at < fold.test_end)
        if not len(train):
            continue
        found.append(_fold(fold, rows, np.flatnonzero(inside), train, recipe, change))
    if not any(len(one.tested) for one in found):
        raise DataError(
            f"{len(rows)} entries are too few to test a model of them; import a longer history"
        )
    return found


def _fold(
    fold: Fold,
    rows: EntryRows,
    tested: Integers,
    train: EntryRows,
    recipe: Recipe,
    change: Change | None,
) -> EntryFold:
    model = learned(train if change is None else change(train), recipe)
    usual = float(train.won.mean())
    bars = []
    for own in rows.bars:
        inside = (own.times >= fold.test_start) & (own.times < fold.test_end)
        chances = chances_of(model, rows.features, own.x[inside], usual)
        bars.append((own.times[inside], chances))
    chance = chances_of(model, rows.features, rows.take(tested).x, usual)
    return EntryFold(fold, tested, chance, usual, tuple(bars), model is not None)


def learned(train: EntryRows, recipe: Recipe) -> ChanceModel | None:
    """Fit a calibrated chance; None where the entries are too few to say more than their mean."""
    horizon = int((train.known_at - train.decided_at).max())
    won = train.won.astype(np.float64)
    if won.min() == won.max():
        return None
    sample = Sample(train.features, train.x, won, train.decided_at, horizon)
    try:
        return fit_chance(recipe, sample)
    except DataError:
        return None


def chances_of(
    model: ChanceModel | None, features: Sequence[str], x: Floats, usual: float
) -> Floats:
    """Return the chance of each row of ``x`` [row, feature]; without a model the usual one."""
    if model is None or not len(x):
        return np.full(len(x), usual)
    places = [list(features).index(name) for name in model.model.features]
    return model.predict(x[:, places])


def lifts(folds: Sequence[EntryFold]) -> Floats:
    """Return by how much each tested entry's chance is above the usual one of its training."""
    return np.concatenate([one.chance - one.usual for one in folds])


def taken(folds: Sequence[EntryFold]) -> Flags:
    """Return whether each tested entry is taken: its chance is no worse than usual."""
    return np.concatenate([one.chance >= one.usual for one in folds])


def daily_net(rows: EntryRows, folds: Sequence[EntryFold], chosen: Flags) -> Floats:
    """Return the net result of the ``chosen`` tested entries by day of the tests.

    Every symbol trades in an equal part of the account.
    """
    tested = np.concatenate([one.tested for one in folds])
    first = folds[0].fold.test_start // DAY_MS
    length = (folds[-1].fold.test_end - 1) // DAY_MS - first + 1
    days = rows.decided_at[tested[chosen]] // DAY_MS - first
    net = np.bincount(days, weights=rows.net[tested[chosen]], minlength=length)
    return np.asarray(net / max(1, len(rows.bars)), dtype=np.float64)
