"""A pool of symbols: bounded, in time order, evaluated within each symbol."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from flows import tasks
from flows.engine.request import FlowRequest
from flows.settings import TrainingSettings, load_settings
from flows.steps.features.bars import build_bars
from flows.steps.features.cross_section import build_relative, build_universe
from flows.steps.features.features import build_features, feature_names, read_features
from flows.steps.models.dataset import BAR_MS, HORIZON_MS, Dataset, dataset_of
from flows.steps.models.evaluation import evaluate_target
from flows.steps.models.pool import POOL, pooled
from flows.steps.models.scores import r_squared
from flows.steps.models.settings import TrainSettings, train_settings
from flows.steps.models.split import SplitSettings
from flows.steps.models.train import train_pool
from lake.store import Lake
from tests.flows.candle_lake import put_checked, sample_minutes
from trading.errors import DataError
from trading.models.linear import HAR_FEATURES

START = datetime(2025, 5, 26, tzinfo=UTC)
AS_OF = datetime(2025, 6, 8, tzinfo=UTC)
SETTINGS = TrainSettings(split=SplitSettings(train_days=5, test_days=2))
FIRST = 1_746_000_000_000 // HORIZON_MS * HORIZON_MS


def noise(symbol: str, days: int = 20, level: float = 0.0) -> Dataset:
    """Return rows of one symbol without anything to predict, of a given level of volatility."""
    random = np.random.default_rng(len(symbol) + ord(symbol[0]))
    rows = days * 96
    names = (*HAR_FEATURES, "ret_4", "noise_0", "noise_1")
    return Dataset(
        symbol=symbol,
        features=names,
        times=FIRST + np.arange(rows) * BAR_MS,
        x=random.normal(size=(rows, len(names))),
        log_volatility=level + random.normal(size=rows),
        log_return=random.normal(0, 0.004, size=rows),
        symbols=np.zeros(rows, dtype=np.int64),
    )


@pytest.mark.parametrize("symbols", [3, 10, 40])
def test_a_pool_has_full_hours_in_time_order_and_a_bounded_number_of_rows(symbols: int) -> None:
    names = [chr(ord("A") + n % 26) * (1 + n // 26) for n in range(symbols)]
    data, left_out = pooled(names, noise, most_rows=3000)
    assert left_out == {}
    assert 1000 < len(data.times) <= 3000
    assert (data.times % HORIZON_MS == 0).all()
    assert (np.diff(data.times) >= 0).all()
    counts = np.bincount(data.symbols)
    assert len(counts) == symbols
    assert counts.max() - counts.min() <= 1


def test_a_symbol_that_cannot_be_used_is_named_and_the_others_are_pooled() -> None:
    def load(symbol: str) -> Dataset:
        if symbol == "B":
            raise DataError("B: there are no features in the lake; build the features first")
        return noise(symbol)

    data, left_out = pooled(["A", "B", "C"], load, most_rows=10_000)
    assert left_out == {"B": "B: there are no features in the lake; build the features first"}
    assert len(data.times) == 2 * 20 * 24
    with pytest.raises(DataError, match="no symbol can be pooled: B: there are no features"):
        pooled(["B"], load, most_rows=10_000)


def test_a_forecast_of_nothing_but_the_level_of_a_symbol_is_worth_nothing() -> None:
    symbols = np.repeat([0, 1], 500)
    random = np.random.default_rng(1)
    level = np.where(symbols == 0, -5.0, 5.0)
    actual = level + random.normal(size=1000)
    assert r_squared(actual, level) > 0.9
    assert r_squared(actual, level, symbols) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("target", ["volatility_1h", "direction_1h"])
def test_noise_of_many_symbols_is_not_proven(target: str) -> None:
    def load(symbol: str) -> Dataset:
        return noise(symbol, level=float(ord(symbol)))

    data, _ = pooled("ABCDEF", load, most_rows=10_000)
    evaluated = evaluate_target(data, target, SETTINGS)
    assert not all(verdict.passed for verdict in evaluated.verdicts)
    alarm = next(verdict for verdict in evaluated.verdicts if verdict.name == "leak_alarm")
    assert alarm.passed


def test_one_model_is_trained_for_all_symbols_beyond_the_setting() -> None:
    settings = load_settings().model_copy(update={"training": TrainingSettings(pool_above=2)})
    request = FlowRequest(settings, AS_OF)
    assert tasks.model_keys(request, ("A", "B")) == ("models/A", "models/B")
    assert tasks.model_keys(request, ("A", "B", "C")) == (f"models/{POOL}",)
    training = TrainingSettings(window_days=60, pool_rows=20_000)
    given = {"training": training, "fee_bps": 4.0, "slippage_bps": 2.5}
    chosen = train_settings(load_settings().model_copy(update=given))
    assert (chosen.split.window_days, chosen.pool_rows) == (60, 20_000)
    assert chosen.round_trip_bp == 13.0


def test_a_pool_is_trained_once_and_stored(tmp_path_factory: pytest.TempPathFactory) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    symbols = ("BTCUSDT", "ETHUSDT")
    for symbol in symbols:
        put_checked(lake, symbol, sample_minutes(symbol, START, AS_OF))
    build_bars(lake, as_of=AS_OF, symbols=symbols)
    build_features(lake, as_of=AS_OF, symbols=symbols)
    build_universe(lake, as_of=AS_OF)
    build_relative(lake, as_of=AS_OF, symbols=symbols)
    wanted = (*symbols, "NONEUSDT")
    first = train_pool(lake, as_of=AS_OF, symbols=wanted, settings=SETTINGS)
    assert [model.name for model in first.models] == ["volatility_1h-POOL", "direction_1h-POOL"]
    volatility = first.models[0]
    assert volatility.scores["r2"] > 0.1
    assert volatility.rows == 2 * (13 - 3) * 24 - 2
    assert first.left_out == {
        "NONEUSDT": "NONEUSDT: there are no features in the lake; build the features first"
    }
    again = train_pool(lake, as_of=AS_OF, symbols=wanted, settings=SETTINGS)
    assert again.skipped == (POOL,)
    assert (again.files, again.left_out) == (first.files, first.left_out)
    fewer = train_pool(lake, as_of=AS_OF, symbols=("BTCUSDT",), settings=SETTINGS)
    assert fewer.files != first.files


def test_a_pool_takes_little_more_memory_than_its_rows() -> None:
    def wide(symbol: str) -> Dataset:
        data = noise(symbol)
        names = tuple(f"more_{n}" for n in range(100))
        more = np.zeros((len(data.times), len(names)))
        return replace(data, features=data.features + names, x=np.hstack([data.x, more]))

    symbols = [chr(ord("A") + n) for n in range(24)]
    tracemalloc.start()
    data, _ = pooled(symbols, wide, most_rows=100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(data.times) == 24 * 20 * 24
    assert peak < 2.6 * data.x.nbytes  # three times and more if all is copied into order


def test_rows_of_a_pool_keep_their_own_values() -> None:
    data, _ = pooled("CAB", noise, most_rows=10_000)
    for place, symbol in enumerate("ABC"):
        alone = noise(symbol)
        hours = alone.times % HORIZON_MS == 0
        rows = data.symbols == place
        assert np.array_equal(data.times[rows], alone.times[hours])
        assert np.array_equal(data.x[rows], alone.x[hours].astype(np.float32))
        assert np.array_equal(data.log_return[rows], alone.log_return[hours])


def test_full_hours_of_a_long_history_make_the_pool_of_all_its_rows(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", START, AS_OF))
    build_bars(lake, as_of=AS_OF, symbols=["BTCUSDT"])
    build_features(lake, as_of=AS_OF, symbols=["BTCUSDT"])
    names = feature_names()

    def load(full_hours: bool) -> Dataset:
        rows = read_features(lake, "binance_usdm", "BTCUSDT", AS_OF, full_hours=full_hours)
        return dataset_of(rows, "BTCUSDT", names)

    every, hourly = (
        pooled(["BTCUSDT"], lambda _, full=full: load(full), most_rows=100_000)[0]
        for full in (False, True)
    )
    assert len(hourly.times) == (13 - 3) * 24 - 1
    for name in ("times", "x", "log_volatility", "log_return", "symbols"):
        assert np.array_equal(getattr(every, name), getattr(hourly, name), equal_nan=True)
