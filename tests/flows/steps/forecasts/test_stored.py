"""The training keeps its out-of-sample forecasts, and back-tests read nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from flows.steps.forecasts.stored import ForecastStore
from flows.steps.models.dataset import Dataset
from flows.steps.models.pool import pooled
from flows.steps.models.settings import TrainSettings
from flows.steps.models.split import SplitSettings
from flows.steps.models.walk import (
    walk,
)
from lake.store import Lake
from lake.tables import FORECASTS
from tests.flows.steps.models.made_data import noise
from trading.model_targets import DIRECTION, VOLATILITY
from trading.models.families import Recipe
from trading.models.linear import HAR_FEATURES

SETTINGS = TrainSettings(split=SplitSettings(train_days=10, test_days=4))
AS_OF = datetime(2025, 6, 1, tzinfo=UTC)
WHERE = {"venue": "binance_usdm", "symbol": "BTCUSDT"}


def stored(lake: Lake, target: str) -> pa.Table:
    return lake.read(FORECASTS, ["made_at", "value", "usual"], **WHERE, target=target)


def test_every_stored_forecast_is_of_a_day_after_its_models_training(tmp_path: Path) -> None:
    lake, data = Lake(tmp_path / "lake"), noise(24)
    store = ForecastStore(lake, AS_OF, "binance_usdm", ("BTCUSDT",))
    for target, recipe in ((VOLATILITY, Recipe("har")), (DIRECTION, Recipe("ridge"))):
        folds = walk(data, target, recipe, SETTINGS)
        store.keep(target, folds)
        rows = stored(lake, target)
        times = np.concatenate([fold.test.times for fold in folds])
        values = np.concatenate([fold.model for fold in folds])
        values = np.exp(values) if target == VOLATILITY else values
        assert rows["made_at"].cast(pa.int64()).to_pylist() == times.tolist()
        assert rows["value"].to_numpy().tolist() == values.tolist()
        assert times[0] > data.times[0] + 10 * 86_400_000
        usual = rows["usual"].to_pylist()
        assert (None not in usual) if target == VOLATILITY else set(usual) == {None}
        assert len(set(usual)) == (len(folds) if target == VOLATILITY else 1)
    before = stored(lake, VOLATILITY)
    store.keep(VOLATILITY, walk(data, VOLATILITY, Recipe("har"), SETTINGS))
    assert stored(lake, VOLATILITY) == before  # repeating changes nothing


def test_in_a_pool_the_usual_volatility_is_that_of_each_symbol(tmp_path: Path) -> None:
    lake, level = Lake(tmp_path / "lake"), {"QUIETUSDT": -9.0, "WILDUSDT": -6.0}

    def load(symbol: str) -> Dataset:
        data = noise(24)
        x = data.x.copy()
        x[:, : len(HAR_FEATURES)] += level[symbol]
        return replace(data, symbol=symbol, x=x, log_volatility=data.log_volatility + level[symbol])

    data, _ = pooled(level, load, most_rows=10_000)
    folds = walk(data, VOLATILITY, Recipe("har"), SETTINGS)
    ForecastStore(lake, AS_OF, "binance_usdm", tuple(sorted(level))).keep(VOLATILITY, folds)
    for symbol in level:
        rows = lake.read(FORECASTS, venue="binance_usdm", symbol=symbol, target=VOLATILITY)
        shares = rows["usual"].to_numpy() / rows["value"].to_numpy()
        assert 0.5 < np.median(shares) < 2.0


def test_a_training_under_an_earlier_as_of_leaves_the_later_forecasts(tmp_path: Path) -> None:
    lake, data = Lake(tmp_path / "lake"), noise(24)
    ForecastStore(lake, AS_OF, "binance_usdm", ("BTCUSDT",)).keep(
        DIRECTION, walk(data, DIRECTION, Recipe("ridge"), SETTINGS)
    )
    before = stored(lake, DIRECTION)["made_at"].to_pylist()
    end = datetime.fromtimestamp(int(data.times[-1]) / 1000, UTC) - timedelta(days=2)
    known = data.take(data.times <= end.timestamp() * 1000)
    ForecastStore(lake, end, "binance_usdm", ("BTCUSDT",)).keep(
        DIRECTION, walk(known, DIRECTION, Recipe("ridge"), SETTINGS)
    )
    assert stored(lake, DIRECTION)["made_at"].to_pylist() == before
