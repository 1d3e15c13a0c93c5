"""What a model learns from: features known at a bar's close, and the hour that followed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS
from trading.errors import DataError
from trading.model_targets import target_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BAR_MS = 15 * MINUTE_MS
HORIZON_MS = HOUR_MS
WARM_UP_MS = 3 * DAY_MS
VOLATILITY_SOURCE = "log_rv_4"
RETURN_SOURCE = "ret_4"


@dataclass(frozen=True)
class Dataset:
    """Rows of one symbol, ascending in time; or of a pool, where symbols share a time.

    ``times``: close of the bar, ms; everything in ``x`` [row, feature] was known then. The
    labels cover the hour that starts there: ``log_volatility`` (log of realised volatility per
    minute) and ``log_return``. Rows whose hour is not over, or has a gap, are left out. ``symbols``
    numbers the symbol of each row. ``recompute`` returns some row numbers, and their features
    computed from what was known at their time.
    """

    symbol: str
    features: tuple[str, ...]
    times: Integers
    x: Floats
    log_volatility: Floats
    log_return: Floats
    symbols: Integers
    recompute: Callable[[], tuple[Integers, Floats]] | None = None

    def column(self, name: str) -> Floats:
        """Return one feature."""
        return np.asarray(self.x[:, self.features.index(name)], dtype=np.float64)

    def label(self, target: str) -> Floats:
        """Return what a target learns of each row."""
        return np.asarray(getattr(self, target_of(target).label), dtype=np.float64)

    def labels_only(self) -> Dataset:
        """Return the rows without their features, which take nearly all of the memory."""
        nothing = np.empty((len(self.times), 0))
        return replace(self, features=(), x=nothing, recompute=None)

    def take(self, rows: NDArray[np.bool_] | Integers) -> Dataset:
        """Return some of the rows, in the given order."""
        return Dataset(
            self.symbol,
            self.features,
            self.times[rows],
            self.x[rows],
            self.log_volatility[rows],
            self.log_return[rows],
            self.symbols[rows],
        )


def dataset_of(features: pa.Table, symbol: str, names: Sequence[str]) -> Dataset:
    """Label the rows of the features table of one symbol (ascending ``open_time``).

    The volatility of the coming hour is the last-hour volatility of the row an hour later, and
    likewise its return: a label is a feature of the future, and ends where that row closes. The
    first three days only fill the windows and are left out. Raises `DataError` when no row is
    left, or when the target is the same in all of them.
    """
    missing = [name for name in names if name not in features.column_names]
    if missing or not features.num_rows:
        what = f"no feature '{missing[0]}'" if features.num_rows else "no features"
        raise DataError(f"{symbol}: there are {what} in the lake; build the features first")
    opens = np.asarray(features["open_time"].cast(pa.int64()).to_numpy(), dtype=np.int64)
    later = np.searchsorted(opens, opens + HORIZON_MS)
    inside = later < len(opens)
    target = np.where(inside, later, 0)
    usable = inside & (opens[target] == opens + HORIZON_MS)
    volatility, returns = (
        features[name].to_numpy()[target] for name in (VOLATILITY_SOURCE, RETURN_SOURCE)
    )
    _refuse_constant(symbol, returns[usable], volatility[usable])
    usable &= np.isfinite(volatility) & np.isfinite(returns)
    if len(opens):
        usable &= opens >= opens[0] + WARM_UP_MS
    if not usable.any():
        raise DataError(
            f"{symbol}: no row to learn from among {len(opens)} feature rows; 3 days warm up "
            "and the last hour has no outcome yet, so import a longer history"
        )
    return Dataset(
        symbol=symbol,
        features=tuple(names),
        times=opens[usable] + BAR_MS,
        x=_usable_rows(features, names, usable),
        log_volatility=np.asarray(volatility[usable], dtype=np.float64),
        log_return=np.asarray(returns[usable], dtype=np.float64),
        symbols=np.zeros(int(usable.sum()), dtype=np.int64),
    )


def _refuse_constant(symbol: str, returns: Floats, volatility: Floats) -> None:
    """Refuse what has one outcome alone: any model forecasts it, and none has learned anything.

    Without a move, the volatility is not finite in any row; the returns say so first.
    """
    up = returns[np.isfinite(returns)] > 0
    targets = (
        ("return of the next hour", returns[np.isfinite(returns)], ""),
        ("direction of the next hour", up, "up" if up.any() else "never up"),
        ("volatility of the next hour", volatility[np.isfinite(volatility)], ""),
    )
    for name, values, word in targets:
        if len(values) > 1 and np.all(values == values[0]):
            raise DataError(
                f"{symbol}: the target is constant: the {name} is {word or f'{values[0]:g}'} in "
                f"all {len(values)} rows, so there is nothing to learn; leave the symbol out or "
                "import a longer history"
            )


def _usable_rows(features: pa.Table, names: Sequence[str], usable: NDArray[np.bool_]) -> Floats:
    """Return the usable rows as a matrix, filled column by column: one copy, not three."""
    x = np.empty((int(usable.sum()), len(names)))
    for place, name in enumerate(names):
        x[:, place] = features[name].to_numpy()[usable]
    return x
