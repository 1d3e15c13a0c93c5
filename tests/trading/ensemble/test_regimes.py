"""Market regimes on hand-made candles and on a recorded crash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cli.inputs.candle_files import read_candles
from tests.trading.bar_making import bars_of
from trading.candles import HOUR_MS, Candle, CandleColumns
from trading.ensemble.regimes import LABELS, RegimeDetector, RegimeRules, label_candles
from trading.errors import ParameterError

QUARTER = 900_000
SHARED = Path(__file__).parents[4] / "shared" / "data" / "candles_1m" / "usdm"


def labels(closes: list[float], reach: float = 0.5) -> list[str]:
    detector, last, regimes = RegimeDetector(), closes[0], []
    for row, close in enumerate(closes):
        high, low = max(last, close) + reach, min(last, close) - reach
        regimes.append(detector.on_candle(Candle(row * HOUR_MS, last, high, low, close)).label)
        last = close
    return regimes


CALM = [100.0 + 0.4 * (i * 7 % 5) for i in range(120)]


def test_the_label_is_unknown_until_the_indicators_are_known():
    assert set(labels(CALM)[:60]) == {"unknown"}
    assert "unknown" not in labels(CALM)[60:]


def test_a_sideways_market_is_a_range():
    assert set(labels(CALM)[60:]) == {"range"}


def test_a_steady_rise_and_a_steady_fall_are_trends():
    assert labels([100.0 + i for i in range(120)])[-1] == "up_trend"
    assert labels([300.0 - i for i in range(120)])[-1] == "down_trend"


def test_a_crash_is_a_fall_that_is_large_in_percent_and_in_atrs():
    assert labels([*CALM, 96.0, 93.0, 86.0])[-3:] == ["range", "range", "crash"]
    # The same percentage within the usual moves of the market is no crash.
    wild = [100.0 + 10.0 * (i % 2) for i in range(120)]
    assert labels([*wild, 99.0, 97.0, 95.0])[-1] != "crash"


def test_a_crash_ends_when_its_top_is_too_old():
    assert labels([*CALM, *[80.0] * 12])[-12:-1] == ["crash"] * 11
    assert labels([*CALM, *[80.0] * 13])[-1] != "crash"


def test_a_sudden_wide_candle_without_a_fall_is_a_volatility_spike():
    assert labels([*CALM, 108.0, 100.0, 108.0])[-1] == "volatility_spike"


def test_the_numbers_behind_a_label_are_given():
    detector = RegimeDetector()
    closes = [*CALM, 80.0]
    regimes = [
        detector.on_candle(Candle(i * HOUR_MS, c, c + 0.5, c - 0.5, c))
        for i, c in enumerate(closes)
    ]
    assert regimes[0].values == {}
    assert regimes[-1].values["fall"] == pytest.approx((102.1 - 80.0) / 102.1)


def test_both_backends_and_all_truncations_agree(bitcoin):
    candles = bars_of(bitcoin, QUARTER).rows(0, 2_000)
    whole = label_candles(candles)
    assert {LABELS[code] for code in whole} >= {"range", "up_trend", "down_trend"}
    assert np.array_equal(whole, label_candles(candles, compiled=False))
    for end in (100, 777, 1_501):
        assert np.array_equal(label_candles(candles.rows(0, end)), whole[:end])


def test_the_start_of_the_history_is_forgotten_after_the_warmup(bitcoin):
    candles, warmup = bars_of(bitcoin, QUARTER), RegimeRules().warmup
    later = label_candles(candles.rows(333, len(candles)))
    assert np.array_equal(later[warmup:], label_candles(candles)[333 + warmup :])


def test_rules_that_contradict_each_other_are_refused():
    with pytest.raises(ParameterError, match="crash_fall = 0 is not above 0"):
        RegimeRules(crash_fall=0)
    with pytest.raises(ParameterError, match="a fast span must be smaller"):
        replace(RegimeRules(), fast_mean=50)


def _quarters(symbol: str) -> CandleColumns:
    return bars_of(read_candles(SHARED / f"{symbol}.parquet"), QUARTER)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the larger data set is not here")
def test_the_crash_of_layer_is_labelled_while_it_falls():
    """LAYERUSDT lost half its price on 2025-05-06, after the fall had begun on 05-05 (UTC)."""
    candles = _quarters("LAYERUSDT")
    codes = label_candles(candles)
    crash = np.flatnonzero(codes == LABELS.index("crash"))
    first = candles.open_time[crash[0]]
    assert str(np.datetime64(int(first), "ms")) == "2025-05-06T05:30:00.000"
    # Known at 2.67, before the larger part of the fall to 1.58.
    assert candles.close[crash[0]] == pytest.approx(2.6667, abs=1e-4)
    assert np.array_equal(codes[: crash[0] + 1], label_candles(candles.rows(0, crash[0] + 1)))
    before = {LABELS[code] for code in codes[crash[0] - 6 : crash[0]]}
    assert before == {"volatility_spike"}


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the larger data set is not here")
def test_bitcoin_has_no_crash_in_those_weeks():
    labels_seen = {LABELS[code] for code in label_candles(_quarters("BTCUSDT"))}
    assert labels_seen == {"unknown", "range", "up_trend", "down_trend", "volatility_spike"}


@pytest.mark.parametrize("compiled", [False, True])
def test_a_market_that_has_stood_still_has_no_regime(compiled):
    # Nothing moved, so no move can be measured in usual moves; the first one is one.
    prices = np.full(160, 100.0)
    prices[-1] = 90.0
    candles = CandleColumns(
        np.arange(160) * HOUR_MS, prices, prices, prices, prices, prices, interval_ms=HOUR_MS
    )
    assert set(label_candles(candles, compiled=compiled)) == {LABELS.index("unknown")}
