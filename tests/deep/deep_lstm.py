"""The LSTM of the extra `deep`: learns what is there, and says so against "the last value"."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from trading.errors import DataError, ParameterError
from trading.models.lstm import LstmForecast, LstmSettings, against_persistence, fit_lstm

SAMPLE = Path(__file__).parents[2] / "data_lake/sample/candles_1m/usdm/BTCUSDT.parquet"
SHORT = LstmSettings(epochs=2)


def wave(rows: int) -> np.ndarray:
    """Return a wave that is known from its past, with a little noise."""
    noise = np.random.default_rng(1).normal(0.0, 0.02, rows)
    return 100.0 + np.sin(np.arange(rows) / 8.0) + noise


def test_what_its_past_decides_is_forecast_better_than_by_the_last_value() -> None:
    values = wave(2_000)
    quick = replace(SHORT, epochs=8, learning_rate=5e-3, batch=64)
    model = fit_lstm(values[:1_500], quick)
    found = against_persistence(values[1_500:], model.predict(values[1_500:]))
    assert found.rows == 500 - SHORT.window
    assert found.skill > 0.3
    assert found.auc_low > 0.8


def test_on_real_prices_the_report_leads_with_persistence() -> None:
    close = pq.read_table(SAMPLE)["close"].to_numpy()[::15]
    train, test = close[:3_400], close[3_400:]
    model = fit_lstm(train, SHORT)
    found = against_persistence(test, model.predict(test))
    assert found.skill < 0.0  # the last price is better
    assert 0.4 < found.auc < 0.6
    assert found.auc_low <= found.auc <= found.auc_high


def test_the_scale_is_that_of_the_training_alone() -> None:
    values = wave(1_000)
    model = fit_lstm(values, SHORT)
    assert (model.low, model.high) == (values.min(), values.max())
    higher = np.concatenate([values[-100:], values[-100:] + 50.0])
    assert np.isfinite(model.predict(higher)).all()


def test_equal_inputs_give_equal_bytes_and_the_file_alone_forecasts_the_same() -> None:
    values = wave(1_000)
    model, again = fit_lstm(values, SHORT), fit_lstm(values, SHORT)
    assert model.to_bytes() == again.to_bytes()
    read = LstmForecast.of_bytes(model.to_bytes())
    assert read.settings == model.settings
    assert np.array_equal(read.predict(values), model.predict(values))
    assert fit_lstm(values, replace(SHORT, seed=8)).to_bytes() != model.to_bytes()


def test_no_forecast_changes_with_values_after_it() -> None:
    values = wave(1_000)
    model = fit_lstm(values, SHORT)
    whole = model.predict(values)
    cut = model.predict(values[:500])
    assert cut == pytest.approx(whole[: len(cut)], rel=1e-6)


def test_what_cannot_be_learnt_is_refused() -> None:
    with pytest.raises(ParameterError, match="window = 30 is out of bounds; give 60 to 200"):
        LstmSettings(window=30)
    with pytest.raises(DataError, match="100 values are too few for windows of 60"):
        fit_lstm(wave(100))
    with pytest.raises(DataError, match="without a move"):
        fit_lstm(np.ones(1_000))
