"""The surge strategy as a whole: its candles, its reasons, and a real crash."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli.inputs.candle_files import read_candles
from trading.candles import DAY_MS, HOUR_MS, Candle
from trading.errors import ParameterError
from trading.positions.position import REASONS
from trading.simulation import Costs, backtest, fast_trades
from trading.simulation.backtest import decide
from trading.strategies.decider import Decider
from trading.strategies.layout import ACTION, ENTER, SEEN
from trading.strategies.surge.layout import M3_MS, M15_MS
from trading.strategies.surge.reasons import conditions
from trading.strategies.surge.strategy import Surge

SURGE = Surge()
SMALL = {"short_span": 3, "quick_span": 6, "middle_span": 20, "long_span": 60, "band_span": 40}
SHARED = Path(__file__).parents[5] / "shared" / "data" / "candles_1m" / "usdm"


CRASH = tuple(
    int(np.datetime64(when, "ms").astype(np.int64))
    for when in ("2025-05-05T00:00", "2025-05-06T12:00")
)


def candles_text(times: np.ndarray) -> list[str]:
    """Format times as minutes."""
    return [str(np.datetime64(int(time), "m")) for time in times // 60_000]


def test_it_declares_the_candles_of_five_timeframes():
    needed = Decider(SURGE, {}, 60_000).history_needed()
    assert needed == {60_000: 631, M3_MS: 631, M15_MS: 631, HOUR_MS: 24, DAY_MS: 30}
    longer = Decider(SURGE, {"m3_trend_bars": 300, "scan_norm": 40}, 60_000).history_needed()
    assert longer == needed | {M3_MS: 781, HOUR_MS: 44}


@pytest.mark.parametrize("signal_tf", ["1m", "3m", "15m", "1h"])
def test_the_1m_set_works_on_other_candles(signal_tf, bitcoin):
    values = SMALL | {"signal_tf": signal_tf, "scan": "off", "m1_needed": 2, "m15_needed": 0}
    stream = decide(SURGE, bitcoin.rows(0, 12_000), values)
    assert np.count_nonzero(stream[:, ACTION] == ENTER) > 0


def test_candles_that_cannot_form_its_timeframes_are_refused():
    with pytest.raises(ParameterError, match="candles of 3m cannot be built from candles of 5m"):
        Decider(SURGE, {"signal_tf": "5m"}, 300_000)


def test_a_hold_names_what_is_missing_in_each_part():
    decider = Decider(SURGE, SMALL, 60_000)
    decisions = [
        decider.on_candle(Candle(60_000 * i, 100.0, 100.0, 100.0, 100.0, 1.0)) for i in range(960)
    ]
    assert decisions[0].reason == (
        "entry held: 1m warming up, 3m warming up, 15m warming up, scan warming up"
    )
    assert decisions[-1].reason == (
        "entry held: 1m 1 of 7 (missing: trend, spread, pullback, entry point, daily rise,"
        " compound), 3m 2 of 5 (missing: trend cross, pullback, entry cross), 15m 1 of 4"
        " (missing: trend, bands cross, falling), scan warming up"
    )
    met = conditions(decisions[-1].values["seen"])
    assert [name for name, is_met in met["3m"].items() if is_met] == ["bands", "height", "filter"]


def test_the_technical_exit_comes_after_the_half_close_unless_switched_off(bitcoin):
    values = SMALL | {"scan": "off", "m1_needed": 2, "m15_needed": 0, "half_close": 0.002}
    candles = bitcoin.rows(0, 6_000)
    run = backtest(SURGE, candles, values, Costs(0))
    left = np.flatnonzero(run.trades.reason == "strategy_exit")
    assert len(left) >= 3
    assert set(left) <= set(run.fills.trade[run.fills.reason == "half_close"])
    at_once = backtest(SURGE, candles, values | {"exit_after_half": "off"}, Costs(0))
    whole = np.flatnonzero(at_once.trades.reason == "strategy_exit")
    assert not set(whole) <= set(at_once.fills.trade[at_once.fills.reason == "half_close"])
    held = backtest(SURGE, candles, values | {"technical_exit": "off"}, Costs(0)).trades
    assert "strategy_exit" not in held.reason.tolist()


def test_both_engines_and_backends_trade_alike(bitcoin):
    values = SMALL | {"scan": "off", "m1_needed": 2, "m15_needed": 0}
    values |= {"add_first_at": 0.001, "add_second_at": 0.002, "half_close": 0.001}
    candles = bitcoin.rows(0, 8_000)
    run = backtest(SURGE, candles, values, Costs(5, 1))
    assert len(run.trades) >= 15
    trades, fills = fast_trades(SURGE, candles, values, Costs(5, 1))
    plain = backtest(SURGE, candles, values, Costs(5, 1), compiled=False)
    for other in (trades, plain.trades):
        assert other.net_return.tobytes() == run.trades.net_return.tobytes()
    for other in (fills, plain.fills):
        assert other.value.tobytes() == run.fills.value.tobytes()


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the larger data set is not here")
def test_a_real_surge_and_crash():
    """LAYERUSDT fell from 3.03 to 1.58 on 2025-05-05 and 05-06, days after the data begins."""
    candles = read_candles(SHARED / "LAYERUSDT.parquet")
    stream = decide(SURGE, candles, {})
    crash = slice(*(int(np.searchsorted(candles.open_time, when)) for when in CRASH))
    # The defaults need five days of 15m candles: they are still warming up.
    assert not (stream[crash, ACTION] == ENTER).any()
    assert not (stream[crash, SEEN].astype(np.int64) >> 23 & 1).any()
    # With shorter windows it still waits: the day the data begins in is no whole day that rose.
    values = SMALL | {"daily_rise": 0.0}
    run = backtest(SURGE, candles, values, Costs(fee_bps=5))
    assert run.trades.entry_time[0] > CRASH[1]
    # A later fall is entered, averaged twice, and stopped at the last stage.
    second = run.fills.trade == 1
    times = candles_text(run.fills.time[second])
    assert candles_text(run.trades.entry_time[1:2]) == ["2025-05-12T09:31"]
    assert list(zip(run.fills.reason[second].tolist(), times, strict=True)) == [
        ("add_first", "2025-05-12T14:28"),
        ("add_second", "2025-05-12T18:47"),
        ("stop_loss", "2025-05-12T18:49"),
    ]
    assert run.trades.net_return[1] == pytest.approx(-0.0509, abs=1e-4)
    # Over a month every stage and exit of the plan is met, and no trade loses more than it may.
    assert set(run.fills.reason.tolist()) >= {"add_second", "return_to_initial", "half_close"}
    assert run.trades.net_return.min() > -0.052
    assert set(run.trades.reason.tolist()) <= set(REASONS)
