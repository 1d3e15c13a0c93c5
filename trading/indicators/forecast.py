"""A linear forecast of the next candle's return, from features that never look ahead.

The features are scale-free and incremental (kernels); the weights are fitted by ridge regression
(Arthur Hoerl and Robert Kennard, 1970) on standardised features and folded back, so that a weight
multiplies its feature as it is. A release carries the weights as plain numbers.
"""

from __future__ import annotations

import numpy as np

from trading.candles import CandleColumns, Floats
from trading.errors import DataError
from trading.indicators.core import (
    bollinger_size,
    bollinger_step,
    ema_size,
    ema_step,
    ema_warmup,
    rsi_size,
    rsi_step,
    sma_size,
    sma_step,
    wilder_warmup,
)
from trading.indicators.rolling import roc_size, roc_step
from trading.jit import backends
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar, Rows, bar_at, rows_of

FEATURES = ("return_1", "return_6", "return_24", "trend", "rsi", "band", "volume")
SIZE = len(FEATURES)

DAY = 24
RSI_SPAN = 14
BAND_SPAN = 20
MOST_VOLUME = 3.0

# Layout of the state.
ONE_AT = 0
SIX_AT = ONE_AT + roc_size(1)
DAY_AT = SIX_AT + roc_size(6)
MEAN_AT = DAY_AT + roc_size(DAY)
RSI_AT = MEAN_AT + ema_size()
BAND_AT = RSI_AT + rsi_size()
VOLUME_AT = BAND_AT + bollinger_size(BAND_SPAN)
MOVES_AT = VOLUME_AT + sma_size(DAY)
FORECAST_SIZE = MOVES_AT + sma_size(DAY)

LEAST_ROWS = 200
"""The fewest candles that a fit needs."""
RIDGE = 1.0
"""Weight of the penalty, in candles: it shrinks like one more observation of 0."""


def forecast_warmup() -> int:
    """Candles after which the start of the history is forgotten to 1e-9."""
    return max(ema_warmup(DAY), wilder_warmup(RSI_SPAN), DAY + 1)


@kernel
def features_step(state: Buffer, at: int, bar: Bar, into: Buffer, to: int) -> float:
    """Write the features of one closed candle to ``into`` from ``to`` on; NaN until all are known.

    Returns the mean absolute return of the last 24 candles, the recent volatility.
    """
    turn, close = bar.open_time // bar.length, bar.close
    one = roc_step(state, at + ONE_AT, 1, close)
    into[to] = one
    into[to + 1] = roc_step(state, at + SIX_AT, 6, close)
    into[to + 2] = roc_step(state, at + DAY_AT, DAY, close)
    into[to + 3] = close / ema_step(state, at + MEAN_AT, DAY, close) - 1.0
    into[to + 4] = rsi_step(state, at + RSI_AT, RSI_SPAN, close) / 100.0 - 0.5
    lower, middle, upper = bollinger_step(state, at + BAND_AT, BAND_SPAN, 2.0, turn, close)
    into[to + 5] = (close - middle) / (upper - lower) if upper > lower else 0.0
    usual = sma_step(state, at + VOLUME_AT, DAY, turn, bar.volume)
    above = bar.volume / usual - 1.0 if usual > 0.0 else 0.0
    into[to + 6] = above if above < MOST_VOLUME else MOST_VOLUME
    if one != one:
        return one
    return sma_step(state, at + MOVES_AT, DAY, turn, one if one > 0.0 else -one)


@kernel
def features_rows(rows: Rows, tf_ms: int, state: Buffer, into: Buffer) -> None:
    """Return the features of every candle, :data:`SIZE` a row."""
    for i in range(len(rows.closes)):
        features_step(state, 0, bar_at(rows, i, tf_ms), into, i * SIZE)


def fit_weights(candles: CandleColumns) -> tuple[float, ...]:
    """Intercept and weights that forecast the next candle's return, six digits each.

    Uses nothing after the last candle; that candle's own return is the last target.
    `DataError` when fewer than :data:`LEAST_ROWS` candles have all features.
    """
    backend = backends.backend(compiled=True)
    into = backend.zeros(SIZE * len(candles))
    rows, state = rows_of(candles, backend), backend.zeros(FORECAST_SIZE)
    backend.kernel(features_rows)(rows, candles.interval_ms, state, into)
    known: Floats = np.asarray(into).reshape(-1, SIZE)[:-1]
    returns = np.diff(candles.close) / candles.close[:-1]
    whole = np.flatnonzero(np.isfinite(known).all(axis=1))
    if len(whole) < LEAST_ROWS:
        raise DataError(
            f"{len(whole)} candles are too few to fit a forecast, {LEAST_ROWS} are needed; "
            "give a longer history or shorter candles"
        )
    return _ridge(known[whole], returns[whole])


def _ridge(known: Floats, returns: Floats) -> tuple[float, ...]:
    middle, spread = known.mean(axis=0), known.std(axis=0)
    spread[spread == 0.0] = 1.0
    scaled = (known - middle) / spread
    target = returns - returns.mean()
    normal = scaled.T @ scaled + RIDGE * np.eye(SIZE)
    weights = np.linalg.solve(normal, scaled.T @ target) / spread
    intercept = returns.mean() - float(weights @ middle)
    return tuple(float(f"{value:.6g}") for value in (intercept, *weights))
