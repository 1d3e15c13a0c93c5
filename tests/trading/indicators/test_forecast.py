"""The features of a forecast, written out with numpy, and the weights that a fit finds."""

from __future__ import annotations

import numpy as np
import pytest
import talib

from trading.candles import HOUR_MS, CandleColumns
from trading.errors import DataError
from trading.indicators.core import ema_warmup, wilder_warmup
from trading.indicators.forecast import (
    FEATURES,
    FORECAST_SIZE,
    LEAST_ROWS,
    SIZE,
    features_rows,
    features_step,
    fit_weights,
    forecast_warmup,
)
from trading.jit import backends
from trading.market.rows import bar_at, rows_of

ROWS = 600
PLAIN = backends.backend(compiled=False)


def features_of(candles: CandleColumns) -> tuple[np.ndarray, np.ndarray]:
    """Return the features and the recent volatility of every candle."""
    rows, state = rows_of(candles, PLAIN), [0.0] * FORECAST_SIZE
    into = [[0.0] * SIZE for _ in range(len(candles))]
    recent = [
        features_step(state, 0, bar_at(rows, i, candles.interval_ms), into[i], 0)
        for i in range(len(candles))
    ]
    return np.array(into), np.array(recent)


def change(close: np.ndarray, span: int) -> np.ndarray:
    return np.append(np.full(span, np.nan), close[span:] / close[:-span] - 1.0)


@pytest.mark.talib
def test_every_feature_is_what_its_name_says(bitcoin):
    candles = bitcoin.rows(0, ROWS)
    found, recent = features_of(candles)
    close, volume = candles.close, candles.volume
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    expected = {
        "return_1": change(close, 1),
        "return_6": change(close, 6),
        "return_24": change(close, 24),
        "trend": close / talib.EMA(close, 24) - 1.0,
        "rsi": talib.RSI(close, 14) / 100.0 - 0.5,
        "band": (close - middle) / (upper - lower),
        "volume": np.minimum(volume / talib.SMA(volume, 24) - 1.0, 3.0),
    }
    assert tuple(expected) == FEATURES
    for column, (name, values) in enumerate(expected.items()):
        known = np.isfinite(values)
        assert known.sum() > 500
        np.testing.assert_allclose(found[known, column], values[known], atol=1e-9, err_msg=name)
    assert np.max(found[:, 6]) == 3.0  # the cap is met
    moves = np.abs(change(close, 1))
    np.testing.assert_allclose(recent[24:], talib.SMA(moves[1:], 24)[23:], atol=1e-12)
    assert np.isnan(recent[:24]).all()


def flat(count: int, volume: float) -> CandleColumns:
    times = [HOUR_MS * row for row in range(count)]
    return CandleColumns.of(times, *[[5.0] * count] * 4, [volume] * count, HOUR_MS)


def test_a_market_that_stands_still_has_features_without_a_division_by_zero():
    found, recent = features_of(flat(60, 0.0))
    # The index of a market without moves is 0, which is half below its middle.
    assert found[-1].tolist() == [0.0, 0.0, 0.0, 0.0, -0.5, 0.0, 0.0]
    assert recent[-1] == 0.0
    assert features_of(flat(60, 0.5))[0][-1, 6] == 0.0


def test_the_rows_of_a_series_are_its_candles_one_after_another(bitcoin):
    candles = bitcoin.rows(0, 50)
    into = [0.0] * (50 * SIZE)
    features_rows(rows_of(candles, PLAIN), candles.interval_ms, [0.0] * FORECAST_SIZE, into)
    expected, _ = features_of(candles)
    assert np.array_equal(np.reshape(into, (50, SIZE)), expected, equal_nan=True)


def test_the_warm_up_is_that_of_the_slowest_feature():
    assert forecast_warmup() == max(ema_warmup(24), wilder_warmup(14), 25) == 297


def test_a_fit_is_the_ridge_regression_of_scikit_learn(bitcoin):
    from sklearn.linear_model import Ridge

    candles = bitcoin.rows(0, ROWS)
    features, _ = features_of(candles)
    known, returns = features[:-1], np.diff(candles.close) / candles.close[:-1]
    whole = np.isfinite(known).all(axis=1)
    known, returns = known[whole], returns[whole]
    middle, spread = known.mean(axis=0), known.std(axis=0)
    fitted = Ridge(alpha=1.0).fit((known - middle) / spread, returns)
    weights = fitted.coef_ / spread
    expected = (fitted.intercept_ - weights @ middle, *weights)
    assert fit_weights(candles) == pytest.approx(expected, rel=2e-5)


def test_weights_are_written_with_six_digits(bitcoin):
    for weight in fit_weights(bitcoin.rows(0, ROWS)):
        assert weight == float(f"{weight:.6g}")


def test_a_feature_that_never_moves_gets_no_weight():
    candles = wave(LEAST_ROWS + 26)
    weights = fit_weights(candles)
    assert weights[1 + FEATURES.index("volume")] == 0.0
    assert weights[1] != 0.0


def wave(count: int) -> CandleColumns:
    """Prices of a wave of 7 candles, and a volume that never changes."""
    close = 100.0 + np.sin(np.arange(count) * 2.0 * np.pi / 7.0)
    opens = np.append(close[0], close[:-1])
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    times = [HOUR_MS * row for row in range(count)]
    return CandleColumns.of(times, opens, high, low, close, [2.0] * count, HOUR_MS)


def test_a_fit_needs_two_hundred_candles_with_all_features():
    # 24 candles before all features are known, and one after the last for its return.
    assert len(fit_weights(wave(24 + 200 + 1))) == 1 + SIZE
    with pytest.raises(DataError, match="199 candles are too few to fit a forecast, 200 are"):
        fit_weights(wave(24 + 199 + 1))
