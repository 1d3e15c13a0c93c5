"""The forecast strategy: its fit on the past, and its decisions on a forecast."""

from __future__ import annotations

import numpy as np
import pytest

from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS, Candle, CandleColumns
from trading.errors import DataError
from trading.indicators.forecast import FEATURES, fit_weights
from trading.research.search_task import SearchTask
from trading.research.walk_forward import rolling_folds, walk_forward
from trading.simulation import Costs, backtest
from trading.simulation.backtest import decide
from trading.strategies.decider import Decider
from trading.strategies.layout import ACTION, CONFIDENCE, ENTER
from trading.strategies.registry import get_strategy
from trading.strategies.technical.ml import NAMES

ML = get_strategy("ml")
BARE = {"filters": "off", "signal_tf": "1h"}


def hourly(closes: list[float], volume: float = 1.0) -> CandleColumns:
    times = HOUR_MS * np.arange(len(closes))
    return CandleColumns.of(times, closes, closes, closes, closes, [volume] * len(closes), HOUR_MS)


def reasons(values: dict[str, float], closes: list[float]) -> list[str]:
    decider = Decider(ML, BARE | values, HOUR_MS)
    return [
        decider.on_candle(Candle(i * HOUR_MS, close, close, close, close, 1.0)).reason
        for i, close in enumerate(closes)
    ]


def test_without_weights_it_holds_with_a_reason():
    assert reasons({}, [100.0] * 40)[-1] == "no model: all weights are 0"


def test_it_buys_on_a_forecast_above_the_price_and_leaves_on_one_below():
    steady = [100.0] * 30
    # The forecast is the last return: a rise continues.
    follow = {"weight_return_1": 1.0}
    assert reasons(follow, [*steady, 100.2])[-1] == "entered: forecast +0.200% above 0.100%"
    assert reasons(follow, [*steady, 100.05])[-1] == "forecast +0.050% within 0.100%"
    assert reasons(follow, [*steady, 99.8])[-1] == "out: forecast -0.200% below -0.100%"
    assert reasons(follow, steady[:10])[-1] == "warming up"


def test_confidence_falls_with_recent_volatility():
    follow = BARE | {"weight_return_1": 1.0}
    calm = [100.0] * 30
    wild = [100.0, 101.0] * 15
    confidences = []
    for closes in (calm, wild):
        closes = [*closes, closes[-1] * 1.005]
        stream = decide(ML, hourly(closes), follow)
        assert stream[-1, ACTION] == ENTER
        confidences.append(stream[-1, CONFIDENCE])
    assert confidences[0] > 0.9
    assert confidences[1] < 0.5
    unsure = reasons({"weight_return_1": 1.0, "min_confidence": 0.6}, [*wild, 101.0 * 1.005])
    assert unsure[-1].startswith("entry held: confidence 0.3")


def test_the_fit_recovers_the_rule_that_made_the_data():
    random = np.random.default_rng(7)
    closes = [100.0, 100.1]
    for noise in random.normal(0.0, 0.002, 3_000):
        last = closes[-1] / closes[-2] - 1.0
        closes.append(closes[-1] * (1.0 - 0.5 * last + noise))
    weights = dict(zip(NAMES, fit_weights(hourly(closes)), strict=True))
    assert weights["weight_return_1"] == pytest.approx(-0.5, abs=0.1)
    others = [abs(weights[f"weight_{name}"]) for name in FEATURES[1:]]
    assert max(others) < 0.15


def test_a_fit_uses_nothing_after_its_candles(bitcoin):
    known = bitcoin.higher(HOUR_MS)
    changed = CandleColumns.of(
        known.open_time,
        *(
            np.append(column[:900], column[900:] * 2.0)
            for column in (known.open, known.high, known.low, known.close)
        ),
        known.volume,
        HOUR_MS,
    )
    assert fit_weights(known.rows(0, 900)) == fit_weights(changed.rows(0, 900))
    assert fit_weights(known) != fit_weights(changed)


def test_too_short_a_history_is_refused_with_the_number():
    with pytest.raises(DataError, match="26 candles are too few to fit a forecast, 200 are needed"):
        fit_weights(hourly([100.0 + i % 7 for i in range(51)]))


def test_each_fold_fits_its_own_weights_and_trades_them(bitcoin):
    start, end = int(bitcoin.open_time[0]), int(bitcoin.open_time[-1]) + MINUTE_MS
    folds = rolling_folds(start, end, train=14 * DAY_MS, test=5 * DAY_MS, purge=DAY_MS)
    fixed = {"filters": "off", "signal_tf": "15m", "take_profit": 0.005, "stop_loss": 0.005}
    grid = [{"least_move": 0.0001}, {"least_move": 0.0003}]
    walk = walk_forward(SearchTask(ML, bitcoin, fixed, Costs(5)), grid, folds)
    fitted = [tuple(fold.chosen[name] for name in NAMES) for fold in walk.folds]
    assert len(set(fitted)) == len(folds)
    known = bitcoin.slice(folds[0].train_start, folds[0].train_end)
    assert fitted[0] == fit_weights(known.higher(900_000))
    assert walk.metrics.trades >= 20


def test_fitted_weights_trade_the_real_sample(bitcoin):
    known = bitcoin.rows(0, 30 * 1440)
    fixed = {"filters": "off", "signal_tf": "15m", "least_move": 0.0001}
    weights = ML.learn(known, ML.resolve(fixed))
    later = bitcoin.rows(30 * 1440, len(bitcoin))
    run = backtest(ML, later, fixed | weights, Costs(5))
    plain = decide(ML, later.rows(0, 9_000), fixed | weights, compiled=False)
    assert len(run.trades) >= 20
    assert plain.tobytes() == decide(ML, later.rows(0, 9_000), fixed | weights).tobytes()
