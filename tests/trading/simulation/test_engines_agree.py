"""The fast search and the full simulation agree trade by trade, for every kind of exit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading import engines
from trading.candles import CandleColumns
from trading.positions.position import REASONS
from trading.simulation import Costs, backtest
from trading.strategies.technical.rsi_bollinger import RsiBollinger

COSTS = Costs(5, 1, maker_fee_bps=2)
seen: set[str] = set()


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("rules", engines.RULES)
@pytest.mark.parametrize("kind", engines.KINDS)
def test_the_engines_agree_on_real_candles(kind, rules, side, bitcoin, ether):
    strategy, params = engines.KINDS[kind]
    made = engines.with_rules(strategy, engines.RULES[rules], side)
    trades = 0
    for candles in (bitcoin, ether, bitcoin.rows(3, len(bitcoin) - 777)):
        pair = engines.compare(made, candles, params, COSTS)
        trades += len(pair.full.trades)
        seen.update(pair.reasons)
    assert trades >= 20  # an empty comparison proves nothing


def test_every_reason_was_compared():
    """This runs after the comparisons above, in the order of the file."""
    if len(seen) > 0:
        assert seen == set(REASONS[1:])


@pytest.mark.parametrize("kind", engines.KINDS)
def test_an_exit_that_waits_for_the_half_close_never_ends_a_whole_position(kind, bitcoin):
    strategy, params = engines.KINDS[kind]
    made = engines.with_rules(strategy, engines.RULES["exit after half"])
    run = backtest(made, bitcoin, params, COSTS)
    left = run.trades.reason == "strategy_exit"
    halved = set(run.fills.trade[run.fills.reason == "half_close"].tolist())
    if kind == "reversion":  # the other strategy leaves at the day's end alone
        assert left.sum() >= 5
        assert len(left) - len(halved) >= 5
    assert set(np.flatnonzero(left).tolist()) <= halved


@st.composite
def rough_candles(draw: st.DrawFn) -> CandleColumns:
    """Candles on a coarse price grid: ties, gaps in price and in time, flat and idle ones."""
    count = draw(st.integers(60, 400))
    seed = draw(st.integers(0, 2**32 - 1))
    grid = draw(st.sampled_from([0.05, 0.2, 0.5]))
    wild = draw(st.sampled_from([0, 1, 3]))
    random = np.random.default_rng(seed)

    def steps(most: int) -> np.ndarray:
        return random.integers(-most, most + 1, count) * grid

    opens = 100 + np.cumsum(steps(1 + wild)) + steps(wild)
    opens = np.maximum(opens, 10.0)
    closes = np.maximum(opens + steps(2), 5.0)
    highs = np.maximum(opens, closes) + np.abs(steps(2))
    lows = np.maximum(np.minimum(opens, closes) - np.abs(steps(2)), 1.0)
    times = 60_000 * np.cumsum(random.choice([1, 1, 1, 1, 2, 700], count))
    volumes = random.integers(0, 3, count).astype(float)
    return CandleColumns.of(times, opens, highs, lows, closes, volumes, 60_000)


RULES = st.sampled_from(sorted(engines.RULES))
OFTEN = {"filters": "off", "signal_tf": "1m", "rsi_entry": 60.0, "band_width": 0.5, "band_span": 5}
OFTEN |= {"rsi_span": 5, "rsi_exit": 80.0}


@settings(max_examples=150, deadline=None)
@given(rough_candles(), RULES, st.sampled_from([1, -1]))
def test_the_engines_agree_on_any_candles(candles, rules, side):
    made = engines.with_rules(RsiBollinger, engines.RULES[rules], side)
    pair = engines.compare(made, candles, OFTEN, COSTS)
    count_of.append(len(pair.full.trades))


count_of: list[int] = []


def test_the_random_comparisons_were_not_empty():
    if count_of:
        assert sum(count_of) >= 20 * len(engines.RULES)


@pytest.mark.parametrize("rules", engines.RULES)
def test_plain_python_agrees_too(rules, bitcoin):
    made = engines.with_rules(RsiBollinger, engines.RULES[rules])
    pair = engines.compare(made, bitcoin.rows(0, 4_000), engines.REVERSION, COSTS, compiled=False)
    fast = engines.compare(made, bitcoin.rows(0, 4_000), engines.REVERSION, COSTS)
    assert pair.full.trades.net_return.tobytes() == fast.full.trades.net_return.tobytes()
    assert pair.full.metrics == fast.full.metrics
