from __future__ import annotations

import math

import numpy as np
import pytest

from trading.candles import HOUR_MS, MINUTE_MS
from trading.errors import ParameterError
from trading.jit import backends
from trading.positions.forecasts import (
    U_STOP,
    EntryChances,
    EntryForecasts,
    ForecastUse,
    VolatilityForecasts,
    expected_move,
    expected_range,
    may_enter,
    range_of,
    size_of,
)

NAN = math.nan
CALM, WILD = 0.0005, 0.002
QUARTER = 15 * MINUTE_MS


def numbers(**changes: object) -> list[float]:
    return list(ForecastUse(**changes).numbers)  # type: ignore[arg-type]


def series(values: list[float], usual: float = 0.001) -> VolatilityForecasts:
    known = np.arange(len(values)) * QUARTER + 3 * MINUTE_MS
    return VolatilityForecasts(
        known, known + 27 * MINUTE_MS, np.array(values), np.full(len(values), usual)
    )


@pytest.mark.parametrize(
    ("volatility", "share"), [(0.001, 1.0), (0.0005, 1.0), (0.002, 0.5), (0.1, 0.25), (NAN, 1.0)]
)
def test_a_size_falls_as_the_next_hour_is_wilder_than_usual(
    volatility: float, share: float
) -> None:
    assert size_of(numbers(size=True), volatility, 0.001) == share
    assert size_of(numbers(stop=True), volatility, 0.001) == 1.0


def test_moves_and_ranges_are_those_of_a_random_walk() -> None:
    generator = np.random.default_rng(5)
    paths = np.cumsum(generator.normal(0.0, 0.001, (4_000, 3_600)) / math.sqrt(60), axis=1)
    assert expected_move(0.001) == pytest.approx(np.abs(paths[:, -1]).mean(), rel=0.03)
    spans = paths.max(axis=1) - paths.min(axis=1)
    assert expected_range(0.001, 1.0, HOUR_MS) == pytest.approx(spans.mean(), rel=0.03)


def test_an_entry_that_cannot_pay_its_costs_is_skipped() -> None:
    asks = numbers(cost_filter=1.5, round_trip_bps=12.0)
    least = 1.5 * 0.0012
    assert may_enter(asks, 1.01 * least / expected_move(1.0))
    assert not may_enter(asks, 0.99 * least / expected_move(1.0))
    assert may_enter(numbers(size=True), 1e-9)


def test_without_a_forecast_the_settings_decide() -> None:
    assert may_enter(numbers(cost_filter=1.5), NAN)
    assert not may_enter(numbers(cost_filter=1.5, when_missing="skip"), NAN)
    assert may_enter(numbers(when_missing="skip"), NAN)  # nothing uses forecasts
    assert range_of(numbers(stop=True), U_STOP, NAN, 100.0, HOUR_MS, 2.0) == 2.0


def test_a_range_replaces_only_an_atr_that_the_strategy_has() -> None:
    forecast = range_of(numbers(stop=True), U_STOP, 0.001, 100.0, 4 * HOUR_MS, 2.0)
    assert forecast == pytest.approx(1.5957691 * 0.001 * math.sqrt(240) * 100.0)
    assert math.isnan(range_of(numbers(stop=True), U_STOP, 0.001, 100.0, HOUR_MS, NAN))
    assert range_of(numbers(leverage=True), U_STOP, 0.001, 100.0, HOUR_MS, 2.0) == 2.0


def test_a_forecast_is_known_after_its_lag_and_until_it_expires() -> None:
    forecasts = series([CALM, WILD])
    minutes = np.array([0, 2, 3, 17, 18, 29, 30, 44, 45, 46]) * MINUTE_MS
    volatility, usual = forecasts.at(minutes)
    np.testing.assert_array_equal(
        volatility, [NAN, NAN, CALM, CALM, WILD, WILD, WILD, WILD, NAN, NAN]
    )
    np.testing.assert_array_equal(np.isnan(usual), np.isnan(volatility))


def test_both_backends_apply_a_forecast_alike() -> None:
    closes = np.arange(0, 60, dtype=np.int64) * MINUTE_MS
    generator = np.random.default_rng(7)
    prices, atrs = generator.uniform(90, 110, 60), generator.uniform(0.1, 3, 60)
    atrs[::7] = NAN
    use = ForecastUse(size=True, stop=True, leverage=True, cost_filter=1.0, when_missing="skip")
    forecasts = EntryForecasts(series([CALM, WILD, 0.00004]), use)
    plain, compiled = (
        forecasts.applied(closes, prices, atrs, 4 * HOUR_MS, backends.backend(is_compiled))
        for is_compiled in (False, True)
    )
    for ours, theirs in zip(plain, compiled, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    assert 0 < sum(plain.made) < 60
    assert {1.0, 0.5} <= set(plain.scales)


@pytest.mark.parametrize(
    ("chance", "usual", "missing", "taken"),
    [
        (0.5, 0.5, "neutral", True),
        (0.49, 0.5, "neutral", False),
        (NAN, NAN, "neutral", True),
        (NAN, NAN, "skip", False),
    ],
)
def test_an_entry_that_wins_less_often_than_usual_is_skipped(
    chance: float, usual: float, missing: str, *, taken: bool
) -> None:
    use = ForecastUse(entries=True, when_missing=missing)  # type: ignore[arg-type]
    assert use.is_on
    assert not use.reads_volatility
    assert use.takes(chance, usual) is taken
    assert ForecastUse(size=True, when_missing="skip").takes(chance, usual)
    assert may_enter(list(use.numbers), NAN)  # of volatility nothing is wanted


def test_a_chance_is_known_after_its_lag_and_until_it_expires() -> None:
    known = np.array([3, 18]) * MINUTE_MS
    chances = EntryChances(known, known + 27 * MINUTE_MS, np.array([0.4, 0.6]), np.full(2, 0.5))
    minutes = np.array([2, 3, 17, 18, 44, 45]) * MINUTE_MS
    neutral, strict = (
        ForecastUse(entries=True, when_missing=word)  # type: ignore[arg-type]
        for word in ("neutral", "skip")
    )
    assert chances.taken(minutes, neutral).tolist() == [True, False, False, True, True, True]
    assert chances.taken(minutes, strict).tolist() == [False, False, False, True, True, False]
    with pytest.raises(ParameterError, match="ascending"):
        EntryChances(known[::-1], known, np.ones(2), np.ones(2))


def test_impossible_uses_and_series_are_refused() -> None:
    with pytest.raises(ParameterError, match="least_size = 0 is out of bounds"):
        ForecastUse(least_size=0.0)
    with pytest.raises(ParameterError, match="ascending"):
        VolatilityForecasts(np.array([2, 1]), np.array([3, 3]), np.ones(2), np.ones(2))
