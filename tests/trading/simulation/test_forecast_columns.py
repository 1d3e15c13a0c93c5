"""Forecasts beside the candles: back-test and search of one symbol trade as the account does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS, CandleColumns
from trading.model_targets import entry_target
from trading.positions.forecasts import (
    RETURN,
    USUAL,
    VOLATILITY,
    EntryChances,
    ForecastUse,
    VolatilityForecasts,
    usual_of,
)
from trading.simulation import Costs, backtest, search
from trading.simulation.account.simulation import (
    AccountLimits,
    AccountSettings,
    SymbolMarkets,
    TradedStrategy,
    simulate_account,
)
from trading.simulation.backtest import decide
from trading.strategies.decider import Decider
from trading.strategies.layout import ACTION, ENTER
from trading.strategies.registry import get_strategy

ML = get_strategy("ml")
PUBLISHED = {"filters": "off", "signal_tf": "15m", "source": "published", "stop_loss": 0.01}
COSTS = Costs(5.0, 1.0)
USES = (
    ForecastUse(size=True, least_size=0.3),
    ForecastUse(stop=True),
    ForecastUse(cost_filter=2.5),
    ForecastUse(size=True, when_missing="skip"),
)
BB = {
    "signal_tf": "15m",
    "filter_tf": "1h",
    "min_volatility": 0.0,
    "stop_loss": 0.0,
    "atr_multiplier": 0.6,
}
LADDER = {**BB, "partial_take_profit": "0.004:0.5", "take_profit": 0.02}


@pytest.fixture(scope="module")
def known(bitcoin: CandleColumns) -> tuple[CandleColumns, VolatilityForecasts]:
    """Twelve days with forecasts drawn for most quarters of an hour, in columns and as a series."""
    candles = bitcoin.rows(0, 12 * 1440)
    generator = np.random.default_rng(4)
    made = np.arange(candles.open_time[0], candles.open_time[-1], 15 * MINUTE_MS)
    made = made[generator.random(len(made)) > 0.3]
    count = len(made)
    values = 0.0006 * np.exp(generator.normal(0.0, 0.7, count))
    series = VolatilityForecasts(
        made + 3 * MINUTE_MS, made + 30 * MINUTE_MS, values, np.full(count, 0.0006)
    )
    volatility, usual = series.at(candles.open_time + MINUTE_MS)
    moves = VolatilityForecasts(
        series.known_from, series.valid_until, generator.normal(0.0, 0.002, count), values
    )
    returns, _ = moves.at(candles.open_time + MINUTE_MS)
    columns = {RETURN: returns, VOLATILITY: volatility, USUAL: usual}
    return replace(candles, forecasts=columns), series


def test_ml_trades_published_forecasts_alike_in_every_engine(
    known: tuple[CandleColumns, VolatilityForecasts],
) -> None:
    candles, _ = known
    plain, compiled = (
        decide(ML, candles, PUBLISHED, compiled=compiled) for compiled in (False, True)
    )
    assert plain.tobytes() == compiled.tobytes()
    assert candles.forecasts is not None
    returns = candles.forecasts[RETURN]
    decider = Decider(
        ML,
        PUBLISHED,
        MINUTE_MS,
        dict(zip(candles.open_time + MINUTE_MS, returns, strict=True)).__getitem__,
    )
    for row in range(6_000):
        made = decider.on_candle(candles.candle(row))
        assert (made.action == "enter") == (plain[row, ACTION] == ENTER)
    entered = plain[:, ACTION] == ENTER
    assert entered.sum() > 50
    assert (returns[entered] > 0.001).all()
    run = backtest(ML, candles, PUBLISHED, COSTS)
    found = search(ML, candles, [{"least_move": 0.001}], PUBLISHED, COSTS)
    assert len(run.trades) > 20
    assert run.metrics == found.results[0].metrics


def test_without_a_valid_forecast_nothing_is_decided(bitcoin: CandleColumns) -> None:
    candles = bitcoin.rows(0, 8 * 1440)
    assert not decide(ML, candles, PUBLISHED)[:, ACTION].any()
    decider = Decider(ML, PUBLISHED, MINUTE_MS, lambda _: float("nan"))
    reasons = {decider.on_candle(candles.candle(row)).reason for row in range(7 * 1440)}
    assert reasons == {"between 15m candles", "no valid forecast is published"}


def test_a_forecast_of_later_candles_changes_no_decision(
    known: tuple[CandleColumns, VolatilityForecasts],
) -> None:
    candles, _ = known
    whole, cut = decide(ML, candles, PUBLISHED), 9_000
    assert candles.forecasts is not None
    later = {name: column.copy() for name, column in candles.forecasts.items()}
    later[RETURN][cut:] = 0.05
    changed = decide(ML, replace(candles, forecasts=later), PUBLISHED)
    assert whole[:cut].tobytes() == changed[:cut].tobytes()
    assert whole[cut:].tobytes() != changed[cut:].tobytes()


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("params", [BB, LADDER], ids=["plain", "in stages"])
def test_both_engines_trade_forecasts_of_volatility_alike(
    known: tuple[CandleColumns, VolatilityForecasts], use: ForecastUse, params: dict[str, Any]
) -> None:
    candles, strategy = known[0], get_strategy("bb_breakout")
    run = backtest(strategy, candles, params, replace(COSTS, forecast_use=use))
    found = search(
        strategy, candles, [{"stop_loss": 0.0}], params, replace(COSTS, forecast_use=use)
    )
    assert len(run.trades) > 5
    assert run.metrics == found.results[0].metrics
    assert run.daily_returns.tobytes() == found.daily_returns[0].tobytes()
    assert run.metrics != backtest(strategy, candles, params, COSTS).metrics


@pytest.mark.parametrize("use", USES)
def test_one_symbol_takes_the_entries_of_an_account_that_holds_it_alone(
    known: tuple[CandleColumns, VolatilityForecasts], use: ForecastUse
) -> None:
    candles, series = known
    strategy = get_strategy("bb_breakout")
    run = backtest(strategy, candles, BB, replace(COSTS, forecast_use=use)).trades
    whole = {**BB, "max_position_size": 1.0}
    account = simulate_account(
        [TradedStrategy(strategy, "BTCUSDT", whole)],
        SymbolMarkets({"BTCUSDT": candles}, forecasts={"BTCUSDT": series}),
        AccountSettings(
            10_000.0,
            COSTS,
            AccountLimits(max_exposure=float("inf"), daily_loss=1.0),
            forecast_use=use,
        ),
    )
    assert run.entry_time.tolist() == account.entry_time.tolist()
    assert run.exit_time.tolist() == account.exit_time.tolist()
    assert run.exit_price == pytest.approx(account.exit_price)
    equity = np.multiply.accumulate(1.0 + run.net_return)[-1]
    # The account buys with its fee on top; one symbol pays it out of the equity.
    assert equity == pytest.approx(account.wallet / 10_000.0, rel=2e-4)


@pytest.mark.parametrize("missing", ["neutral", "skip"])
def test_entries_that_win_less_often_are_skipped_alike_in_all_engines(
    known: tuple[CandleColumns, VolatilityForecasts], missing: str
) -> None:
    candles, series = known
    strategy = get_strategy("bb_breakout")
    use = ForecastUse(entries=True, when_missing=missing)  # type: ignore[arg-type]
    drawn = np.random.default_rng(6).uniform(0.3, 0.7, len(series.volatility))
    half = np.full(len(drawn), 0.5)
    chances = EntryChances(series.known_from, series.valid_until, drawn, half)
    as_volatility = replace(series, volatility=drawn, usual=half)
    chance, usual = as_volatility.at(candles.open_time + candles.interval_ms)
    target = entry_target("bb_breakout")
    columns = {**(candles.forecasts or {}), target: chance, usual_of(target): usual}
    rated = replace(candles, forecasts=columns)
    costs = replace(COSTS, forecast_use=use)
    run = backtest(strategy, rated, BB, costs)
    found = search(strategy, rated, [{"stop_loss": 0.0}], BB, costs)
    assert run.metrics == found.results[0].metrics
    # A skipped entry may let a later one in, so their number need not fall.
    plain = backtest(strategy, rated, BB, COSTS).trades
    entered, before = (
        chance[np.searchsorted(candles.open_time, trades.signal_time)]
        for trades in (run.trades, plain)
    )
    assert len(entered) > 0
    assert not (entered < 0.5).any()
    assert (before < 0.5).any()
    assert np.isnan(before).any()
    assert missing == "neutral" or not np.isnan(entered).any()
    account = simulate_account(
        [TradedStrategy(strategy, "BTCUSDT", {**BB, "max_position_size": 1.0})],
        SymbolMarkets({"BTCUSDT": candles}, chances={("bb_breakout", "BTCUSDT"): chances}),
        AccountSettings(
            10_000.0,
            COSTS,
            AccountLimits(max_exposure=float("inf"), daily_loss=1.0),
            forecast_use=use,
        ),
    )
    assert run.trades.entry_time.tolist() == account.entry_time.tolist()
    other = backtest(get_strategy("rsi_bollinger"), rated, BB, costs).metrics
    if missing == "neutral":  # a chance is that of one strategy alone
        assert other == backtest(get_strategy("rsi_bollinger"), candles, BB, COSTS).metrics


def test_a_smaller_entry_wins_and_spends_its_share_of_a_whole_one(
    known: tuple[CandleColumns, VolatilityForecasts],
) -> None:
    candles, strategy = known[0], get_strategy("bb_breakout")
    whole = backtest(strategy, candles, BB, COSTS)
    small = backtest(strategy, candles, BB, replace(COSTS, forecast_use=USES[0]))
    assert small.trades.entry_time.tolist() == whole.trades.entry_time.tolist()
    shares = small.trades.spent / whole.trades.spent
    assert shares.min() >= 0.3
    assert 0.3 < shares.mean() < 1.0
    assert small.trades.net_return == pytest.approx(whole.trades.net_return * shares)
    assert small.fills.value == pytest.approx(whole.fills.value * shares[whole.fills.trade])
    assert set(small.trades.bound_by[shares < 1.0]) == {"forecast"}


def test_slices_keep_their_forecasts(known: tuple[CandleColumns, VolatilityForecasts]) -> None:
    candles, _ = known
    part = candles.slice(
        int(candles.open_time[0]) + DAY_MS, int(candles.open_time[0]) + DAY_MS + HOUR_MS
    )
    assert part.forecasts is not None
    assert candles.forecasts is not None
    assert part.forecasts[RETURN].tobytes() == candles.forecasts[RETURN][1440:1500].tobytes()
