"""What an entry loses at its stop is what its sizing says, costs included."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trading.candles import HOUR_MS, MINUTE_MS, CandleColumns
from trading.errors import ParameterError
from trading.simulation import Costs, backtest
from trading.simulation.account.simulation import (
    AccountLimits,
    AccountSettings,
    ExchangeProfile,
    SymbolFilters,
    SymbolMarkets,
    TradedStrategy,
    simulate_account,
)
from trading.simulation.backtest import fast_trades
from trading.simulation.summary import beyond_emergency
from trading.strategies.registry import get_strategy, strategy_names

BREAKOUT = get_strategy("breakout")
BY_RISK = {
    "filters": "off",
    "signal_tf": "1h",
    "k": 0.1,
    "sizing": "risk",
    "max_position_size": 1.0,
}
COSTS = Costs(fee_bps=5, slippage_bps=2)
SOLD = 0.995 * 0.9998
"""What a stop of 0.5 % sells a unit for, slippage included, of an entry at 1."""
LOST = 1.0 - SOLD + 0.0005 * (1.0 + SOLD)
"""What that stop costs, both fees included; the slippage of the entry is in its price."""


def stopped(fall: float = 0.2) -> CandleColumns:
    """Two days of hours: a breakout on the second, then a fall through every stop."""
    first = [100.0, 102.0] * 12
    second = [100.0, 101.0, 101.0, 101.0 * (1.0 - fall), *[80.0] * 20]
    opens = [first[0], *first[:-1], second[0], *second[:-1]]
    closes = first + second
    times = [i * HOUR_MS for i in range(len(closes))]
    highs = [max(pair) for pair in zip(opens, closes, strict=True)]
    lows = [min(pair) for pair in zip(opens, closes, strict=True)]
    return CandleColumns.of(times, opens, highs, lows, closes)


def run(values: dict[str, object], costs: Costs = COSTS):  # type: ignore[no-untyped-def]
    return backtest(BREAKOUT, stopped(), values, costs, compiled=False).trades


@pytest.mark.parametrize("stop", [0.005, 0.01, 0.03])
@pytest.mark.parametrize("risk", [0.01, 0.02])
def test_the_loss_at_the_stop_is_the_risk_costs_included(stop: float, risk: float) -> None:
    trades = run(BY_RISK | {"leverage": 5, "stop_loss": stop, "risk": risk})
    assert trades.reason[0] == "stop_loss"
    assert -trades.net_return[0] == pytest.approx(risk, rel=0.05)
    assert trades.risk_wanted[0] == risk
    assert trades.risk_taken[0] == pytest.approx(risk, rel=1e-9)
    assert trades.bound_by[0] == ""


def test_the_leverage_bounds_the_risk_and_is_named() -> None:
    trades = run(BY_RISK | {"leverage": 2, "stop_loss": 0.005})
    assert trades.bound_by[0] == "leverage"
    # Margin (half the notional) and the fee of the entry cost the equity.
    assert trades.risk_taken[0] == pytest.approx(LOST / (1 / 2 + 0.0005))
    assert -trades.net_return[0] == pytest.approx(trades.risk_taken[0], rel=0.02)


def test_the_largest_position_counts_as_margin() -> None:
    trades = run(BY_RISK | {"leverage": 5, "stop_loss": 0.005, "max_position_size": 0.2})
    assert trades.bound_by[0] == "max_position_size"
    assert trades.risk_taken[0] == pytest.approx(0.2 * LOST / (1 / 5 + 0.0005))


def test_both_engines_record_the_same_risk() -> None:
    values = BY_RISK | {"leverage": 5, "stop_loss": 0.01}
    jumped, _ = fast_trades(BREAKOUT, stopped(), values, COSTS, compiled=False)
    walked = run(values)
    assert jumped.risk_taken.tolist() == walked.risk_taken.tolist()
    assert jumped.bound_by.tolist() == walked.bound_by.tolist()
    assert jumped.net_return.tolist() == walked.net_return.tolist()


def test_a_turtle_unit_moves_one_percent_in_two_true_ranges() -> None:
    values = BY_RISK | {
        "filter_tf": "1h",
        "sizing": "turtle",
        "stop_loss": 0,
        "atr_multiplier": 2.0,
        "emergency_stop": 0.05,
        "leverage": 5,
    }
    trades = run(values, Costs(fee_bps=0))
    # The range of 2 in each hour makes an ATR of about 2 and a stop of 4 below the entry of 101.
    assert trades.reason[0] == "stop_loss"
    assert trades.risk_wanted[0] == 0.01
    assert -trades.net_return[0] == pytest.approx(0.01, rel=0.05)


def test_by_volatility_an_atr_moves_the_target() -> None:
    values = BY_RISK | {"filter_tf": "1h", "sizing": "volatility", "stop_loss": 0.04, "leverage": 5}
    trades = run(values, Costs(fee_bps=0))
    # ATR about 2 of 101: a notional of 2 % / 2 % is once the equity, so 4 % are lost at the stop.
    assert trades.risk_taken[0] == pytest.approx(0.02 / (2 / 101) * 0.04, rel=0.06)


def test_entries_by_share_have_no_risk_of_their_own() -> None:
    trades = run({"filters": "off", "signal_tf": "1h", "k": 0.1})
    assert math.isnan(trades.risk_wanted[0])
    assert math.isnan(trades.risk_taken[0])


@pytest.mark.parametrize("stop", [0.005, 0.02])
def test_an_account_loses_the_risk_and_counts_margin_as_exposure(stop: float) -> None:
    account = AccountSettings(10_000.0, COSTS, AccountLimits(daily_loss=1.0))
    result = simulate_account(
        [TradedStrategy(BREAKOUT, "X", BY_RISK | {"leverage": 5, "stop_loss": stop})],
        SymbolMarkets({"X": stopped(0.019)}),
        account,
        compiled=False,
    )
    assert result.refused["exposure"] == 0
    assert result.reason[0] == "stop_loss"
    assert result.risk_wanted[0] == 0.02
    assert result.risk_taken[0] == pytest.approx(0.02, rel=1e-6)
    assert result.bound_by[0] == ""
    assert -result.profit[0] / 10_000 == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("profile", [None, ExchangeProfile(leverage=5)])
@pytest.mark.parametrize("step", [1e-8, 0.001, 0.37, 1.0, 7.0])
@pytest.mark.parametrize("balance", [12.5, 133.7, 999.0, 1e7])
def test_an_account_takes_the_risk_or_names_what_bound_it(
    balance: float, step: float, profile: ExchangeProfile | None
) -> None:
    """With any balance and any step: within 5 % of the risk that is wanted, or bound by a name."""
    filters = {"X": SymbolFilters(step=step, tick=0.01)}
    values = BY_RISK | {"leverage": 5, "stop_loss": 0.01}
    result = simulate_account(
        [TradedStrategy(BREAKOUT, "X", values | {"signal_tf": "1m", "k": 0.0})],
        SymbolMarkets({"X": minutes()}, filters),
        AccountSettings(balance, Costs(5), AccountLimits(daily_loss=1.0), profile),
        compiled=False,
    )
    if balance * 0.02 < 100.0 * 0.01 * step:  # not a single step
        assert len(result) == 0
        assert result.refused["too small"] > 0
        return
    assert len(result) > 0
    near = result.risk_taken >= 0.95 * result.risk_wanted
    assert (result.risk_taken <= result.risk_wanted * (1.0 + 1e-9)).all()
    assert set(result.bound_by[near].tolist()) <= {""}
    assert set(result.bound_by[~near].tolist()) <= {"step"}


def minutes() -> CandleColumns:
    """Two days of minutes: still, then a rise above the day's open and a fall through the stop."""
    closes = np.full(2 * 1_440, 100.0)
    closes[1_500:1_510] = 100.5
    closes[1_510:] = 90.0
    opens = np.append(100.0, closes[:-1])
    times = MINUTE_MS * np.arange(len(closes), dtype=np.int64)
    highs, lows = np.maximum(opens, closes), np.minimum(opens, closes)
    return CandleColumns.of(times, opens, highs, lows, closes, None, MINUTE_MS)


def test_ict_risks_two_percent_with_all_its_margin() -> None:
    for name in ("ict_conservative", "ict_aggressive", "ict_mixed"):
        strategy = get_strategy(name)
        params = strategy.resolve({})
        sizing = strategy.sizing(params)
        assert (sizing.method, sizing.risk, sizing.share) == ("risk", 0.02, 1.0)
        rules = strategy.exit_rules(params)
        assert (rules.leverage, rules.liquidation_guard, rules.emergency_stop) == (5.0, 0.2, 0.05)


def test_the_guard_is_on_where_there_is_leverage() -> None:
    assert BREAKOUT.exit_rules(BREAKOUT.resolve({})).is_staged is False
    rules = BREAKOUT.exit_rules(BREAKOUT.resolve({"leverage": 3}))
    assert (rules.is_staged, rules.liquidation_guard) == (True, 0.2)


@pytest.mark.parametrize("values", [{"filters": "off"}, {"emergency_stop": 0.3, "leverage": 1}])
def test_every_live_trade_has_an_emergency_stop_of_five_percent(values: dict[str, object]) -> None:
    rules = BREAKOUT.live_rules(BREAKOUT.resolve(values), 5)
    assert rules.emergency_stop == 0.05
    nearer = BREAKOUT.live_rules(BREAKOUT.resolve({"emergency_stop": 0.03}), 5)
    assert nearer.emergency_stop == 0.03
    surge = get_strategy("surge")
    assert surge.live_rules(surge.resolve({}), 7).emergency_stop == 0.12


def test_a_leverage_that_liquidates_before_the_emergency_stop_is_refused() -> None:
    with pytest.raises(ParameterError, match="leverage = 20 liquidates"):
        get_strategy("ict_mixed").resolve({"leverage": 20})


def falling_day() -> CandleColumns:
    """Make a day of range 10, then one that is bought at 106 and falls to 97, 8.5 % lower."""
    hours = [(100.0, 105.0, 95.0, 100.0)] * 24
    hours += [(100.0, 106.0, 100.0, 106.0), (106.0, 106.0, 97.0, 99.0)]
    hours += [(99.0, 104.0, 98.0, 104.0)] * 22
    opens, highs, lows, closes = zip(*hours, strict=True)
    times = [HOUR_MS * hour for hour in range(48)]
    return CandleColumns.of(times, opens, highs, lows, closes, interval_ms=HOUR_MS)


def test_what_is_released_is_simulated_with_the_emergency_stop_of_live_trades() -> None:
    params = {"filters": "off", "stop_loss": 0.1}
    alone = backtest(BREAKOUT, falling_day(), params, Costs(0)).trades
    assert alone.reason.tolist() == ["day_end"]
    traded = backtest(BREAKOUT.as_traded(), falling_day(), params, Costs(0)).trades
    assert traded.reason.tolist() == ["emergency_stop"]
    assert traded.exit_price.tolist() == pytest.approx([106 * 0.95])
    assert BREAKOUT.standing_stop == 0.0  # the strategy itself is as it was
    assert beyond_emergency(alone, falling_day(), 0.05) == 1
    assert beyond_emergency(alone, falling_day(), 0.09) == 0
    assert beyond_emergency(traded, falling_day(), 0.06) == 0


@pytest.mark.parametrize("name", strategy_names())
@pytest.mark.parametrize("wanted", [{}, {"emergency_stop": 0.15}, {"emergency_stop": 0.02}])
def test_every_strategy_is_searched_with_the_emergency_stop_it_trades_with(
    name: str, wanted: dict[str, float]
) -> None:
    strategy = get_strategy(name)
    # Surge takes a stop of a piece with its weights only: here its own.
    params = strategy.resolve({} if name == "surge" else wanted)
    searched = strategy.as_traded().exit_rules(params).emergency_stop
    assert searched == strategy.live_rules(params, 1).emergency_stop > 0.0


@pytest.mark.parametrize("name", ["emergency_stop", "trailing_stop"])
def test_a_stop_that_would_not_count_is_refused(name: str) -> None:
    off = {"filters": "off"}
    with pytest.raises(ParameterError, match=f"{name} changes nothing with filters=off"):
        BREAKOUT.refuse_idle({**off, name: 0.03})
    with pytest.raises(ParameterError, match=f"{name} changes nothing"):
        BREAKOUT.refuse_idle(off, ["k", name])
    BREAKOUT.refuse_idle({"filters": "on", name: 0.03}, [name])
    BREAKOUT.refuse_idle({**off, name: 0.0}, ["k"])
    get_strategy("surge").refuse_idle({**off, name: 0.03})  # keeps both
