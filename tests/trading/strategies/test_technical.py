"""Each technical strategy on hand-made candles: it enters, holds for a reason, and leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.trading.quick_values import marked
from trading.candles import HOUR_MS, Candle
from trading.simulation import Costs, backtest
from trading.strategies.decider import Decider, Decision
from trading.strategies.registry import get_strategy, strategy_names

BARE = {"filters": "off"}


def hourly(closes, volumes=None, reach=0.5) -> list[Candle]:
    """Make candles that open at the last close and reach a little beyond both."""
    volumes = volumes or [10.0] * len(closes)
    candles, last = [], closes[0]
    for row, (close, volume) in enumerate(zip(closes, volumes, strict=True)):
        high, low = max(last, close) + reach, min(last, close) - reach
        candles.append(Candle(row * HOUR_MS, last, high, low, close, volume))
        last = close
    return candles


def decide(name: str, values, closes, volumes=None) -> list[Decision]:
    decider = Decider(get_strategy(name), BARE | values, HOUR_MS)
    return [decider.on_candle(candle) for candle in hourly(closes, volumes)]


def last(*arguments) -> tuple[str, str]:
    decision = decide(*arguments)[-1]
    return decision.action, decision.reason


# bb_breakout

BANDS = {"band_span": 5, "volume_span": 5}
CALM = [100.0, 101.0, 100.0, 101.0, 100.0, 101.0]


def test_bb_breakout_buys_a_close_above_widening_bands_on_volume():
    action, reason = last("bb_breakout", BANDS | {"band_width": 1.5}, [*CALM, 105], [10] * 6 + [30])
    assert action == "enter"
    assert reason == "entered: close 105 above the upper band 104.18209"


def test_bb_breakout_holds_without_volume():
    action, reason = last("bb_breakout", BANDS | {"band_width": 1.5}, [*CALM, 105], [10] * 6 + [12])
    assert (action, reason) == ("hold", "entry held: volume 12 < 12.48")


def test_bb_breakout_holds_while_the_bands_narrow():
    closes = [100, 90, 100, 100, 100, 100, 101]
    action, reason = last("bb_breakout", BANDS | {"band_width": 1.0}, closes, [10] * 6 + [30])
    assert action == "hold"
    assert reason == "entry held: band width 0.798% not above 8.163% before"


def test_bb_breakout_leaves_back_inside_the_band():
    closes, volumes = [*CALM, 105, 104], [10] * 6 + [30, 30]
    action, reason = last("bb_breakout", BANDS | {"band_width": 1.5}, closes, volumes)
    assert action == "exit"
    assert reason.startswith("out: close 104 not above the upper band ")


# pullback

RISE = [100.0 + 2.0 * i for i in range(40)]
DIP = [*RISE, 175.0, 171.0]
WEAK = {"mean_span": 20, "rsi_span": 3}


def test_pullback_buys_when_a_weak_rsi_turns_up_in_a_rise():
    action, reason = last("pullback", WEAK, [*DIP, 171.5])
    assert action == "enter"
    assert reason.startswith("entered: RSI turned up to ")


@pytest.mark.parametrize(
    ("closes", "reason"),
    [
        (DIP, "entry held: RSI "),
        ([*DIP, 171.5, 172.0], "entry held: no turn, RSI already rose to "),
        ([*DIP, 178.0], "RSI 68.7 not below 50"),
        ([*DIP, 140.0, 140.5], "close 140.5 not above its EMA "),
    ],
)
def test_pullback_gives_its_reason_not_to_buy(closes, reason):
    action, found = last("pullback", WEAK | {"rsi_exit": 90.0}, closes)
    assert action == "hold"
    assert found.startswith(reason), found


def test_pullback_leaves_on_strength():
    action, reason = last("pullback", WEAK, [*DIP, 171.5, 185.0])
    assert action == "exit"
    assert reason.startswith("exit: RSI ")


# dynamic_breakout

QUICK = {"mean_span": 10, "band_span": 5, "band_width": 1.0, "adx_span": 3}


def test_dynamic_breakout_buys_strength_above_mean_and_band():
    action, reason = last("dynamic_breakout", QUICK, [*RISE, 190.0])
    assert action == "enter"
    assert reason.startswith("entered: close 190 above the upper band ")


@pytest.mark.parametrize(
    ("closes", "values", "reason"),
    [
        ([*RISE, 177.5], {}, "close 177.5 not above the upper band "),
        (CALM * 5 + [103.0], {"adx_entry": 100.0}, "entry held: ADX "),
    ],
)
def test_dynamic_breakout_gives_its_reason_not_to_buy(closes, values, reason):
    action, found = last("dynamic_breakout", QUICK | values, closes)
    assert action == "hold"
    assert found.startswith(reason), found


def test_dynamic_breakout_leaves_below_the_mean():
    action, reason = last("dynamic_breakout", QUICK, [*RISE, 150.0])
    assert action == "exit"
    assert reason.startswith("out: close 150 below its EMA ")


# momentum

FEW = {"roc_span": 2, "bars": 10}
QUIET = [100.0 + 0.1 * (i % 3) for i in range(14)]


def test_momentum_buys_a_fast_rise_on_most_volume_above_vwap():
    action, reason = last("momentum", FEW, [*QUIET, 104.0], [10.0] * 14 + [50.0])
    assert action == "enter"
    assert reason == "entered: rise of 4.00% and volume rank high, close above VWAP 100.77719"


@pytest.mark.parametrize(
    ("values", "price", "volume", "reason"),
    [
        ({}, 104.0, 10.0, "entry held: rank of the volume 0.00 < 0.9"),
        ({"rank_exit": 0.0}, 100.1, 50.0, "rank of the momentum "),
        ({"vwap_span": 5}, 100.6, 0.0, "entry held: rank of the volume 0.00"),
    ],
)
def test_momentum_gives_its_reason_not_to_buy(values, price, volume, reason):
    action, found = last("momentum", FEW | values, [*QUIET, price], [10.0] * 14 + [volume])
    assert action == "hold"
    assert found.startswith(reason), found


def test_momentum_below_the_mean_price_of_the_day_is_held():
    closes = [140.0] * 8 + [100.0 + 0.1 * (i % 3) for i in range(13)] + [104.0]
    volumes = [10.0] * 21 + [50.0]
    action, reason = last("momentum", FEW, closes, volumes)
    assert action == "hold"
    assert reason.startswith("entry held: close 104 not above VWAP 11")
    # The mean price of the next day does not include the fall.
    moved = [140.0] * 2 + closes
    assert last("momentum", FEW, [*moved, 104.0, 112.0], [10.0] * 24 + [50.0, 60.0])[0] == "enter"


def test_momentum_holds_on_a_day_in_which_the_candles_begin():
    """Without the day's first hours its mean price is not known; that of the next day is."""
    decider = Decider(get_strategy("momentum"), BARE | FEW, HOUR_MS)
    volumes = [10.0] * 14 + [50.0] + [10.0] * 14 + [60.0]
    candles = hourly([*QUIET, 104.0, *([104.0] * 14), 110.0], volumes)
    found = [decider.on_candle(replace(c, open_time=c.open_time + HOUR_MS)) for c in candles]
    assert found[14].action == "hold"
    assert found[14].reason == "no VWAP: the candles begin inside the day, or none was traded yet"
    assert found[-1].reason.startswith("entered: rise of 5.77% and volume rank high, close above")


def test_momentum_leaves_when_the_rise_is_slower_than_its_median():
    action, reason = last("momentum", FEW, [*QUIET, 104.0, 104.0, 103.0, 101.0])
    assert action == "exit"
    assert reason.startswith("out: rank of the momentum 0.")


# combined

SHORT = {"rsi_span": 5, "band_span": 5, "band_width": 1.0, "volume_span": 5, "mean_span": 10}
SWINGING = [100.0 + (i % 2) for i in range(40)]
FALLING = [*SWINGING, 98.0, 97.0, 90.0]  # MACD crosses down before the last candle


def test_combined_buys_when_two_votes_have_a_mean_above_one_half():
    action, reason = last("combined", SHORT, FALLING)
    assert action == "enter"
    assert reason == "votes to buy: RSI, band; mean 0.60, more than 0.5 is needed"


def test_combined_holds_on_one_vote():
    action, reason = last("combined", SHORT | {"rsi_low": 1}, FALLING)
    assert action == "hold"
    assert reason == "votes to buy: band; mean 0.60, more than 0.5 is needed"


def test_combined_holds_when_the_votes_are_too_weak():
    values = SHORT | {"rsi_low": 1, "vote_band": 0.3, "vote_macd": 0.5}
    action, reason = last("combined", values, FALLING, [10.0] * 42 + [40.0])
    assert action == "hold"
    assert reason == "votes to buy: band, volume; mean 0.40, more than 0.5 is needed"


def test_combined_leaves_on_the_mirrored_votes():
    action, reason = last("combined", SHORT, [*SWINGING, 112.0])
    assert action == "exit"
    assert reason == "votes to sell: RSI, band; mean 0.60, more than 0.5 is needed"


# wave


def path(*turns: float) -> list[float]:
    """Return closes that move from turn to turn by 1 per candle."""
    closes = [turns[0]]
    for goal in turns[1:]:
        step = 1.0 if goal > closes[-1] else -1.0
        while closes[-1] != goal:
            closes.append(closes[-1] + step)
    return closes


IMPULSE = (110, 90, 100, 95, 115, 108, 125)  # waves 1 to 5 begin at 90


def of_wave(*turns: float) -> list[Decision]:
    return decide("wave", {}, path(*IMPULSE, *turns))


def entered(decisions: list[Decision]) -> list[str]:
    return [decision.reason for decision in decisions if decision.action == "enter"]


def test_wave_buys_the_end_of_the_correction_and_leaves_at_the_projected_target():
    decisions = of_wave(112, 155)
    # Swings are highs and lows: the impulse from 89.5 to 125.5 is 36 high, the low is 111.5.
    assert entered(decisions) == ["entered: correction ended at 111.5, target 147.5"]
    left = next(d.reason for d in decisions if d.action == "exit")
    assert left == "exit: close 148 at the wave's target 147.5"


def test_wave_buys_after_a_correction_of_three_legs():
    assert entered(of_wave(118, 122, 112, 130))[-1] == (
        "entered: correction ended at 111.5, target 147.5"
    )


def test_wave_leaves_when_its_low_is_broken():
    left = [d.reason for d in of_wave(112, 120, 105) if d.action == "exit"]
    assert left == ["exit: close 111 below the wave's start 111.5"]


def test_wave_leaves_when_it_takes_too_long():
    closes = [*path(*IMPULSE, 112, 120), *[120.0, 121.0] * 30]
    decisions = decide("wave", {"max_bars": 20}, closes)
    left = [d.reason for d in decisions if d.action == "exit"]
    assert left == ["exit: the wave ran out of time at 121, target 147.5"]


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ((110, 90, 100, 95, 115, 98, 125, 112, 120), "the low 111.5 ends no correction"),
        ((110, 90, 110, 95, 112, 111, 130, 112, 125), "the low 111.5 ends no correction"),
        ((*IMPULSE, 93, 110), "entry held: retracement 0.917 beyond its bound 0.786"),
        ((*IMPULSE, 120, 125), "entry held: retracement 0.167 beyond its bound 0.236"),
    ],
)
def test_wave_gives_the_reason_to_ignore_a_low(turns, reason):
    decisions = decide("wave", {}, path(*turns))
    assert not entered(decisions)
    assert any(d.reason.startswith(reason) for d in decisions), {d.reason for d in decisions}


# On real candles


def fitted(strategy, candles, values):
    """Return ``values`` and the parameters that the strategy fits."""
    return values | strategy.learn(candles, strategy.resolve(values))


@pytest.mark.parametrize("name", [marked(name) for name in strategy_names()])
def test_every_strategy_trades_on_the_bundled_sample(name, bitcoin, ether):
    strategy = get_strategy(name)
    values = strategy.accepted(BARE | {"signal_tf": "15m", "least_move": 0.0002})
    if name == "surge":
        values |= {"long_span": 120, "band_span": 60, "scan": "off", "m1_needed": 3}
    runs = [
        backtest(strategy, candles, fitted(strategy, candles, values), Costs(fee_bps=5))
        for candles in (bitcoin, ether)
    ]
    assert sum(len(run.trades) for run in runs) > 0
    assert all(np.isfinite(run.trades.net_return).all() for run in runs)
