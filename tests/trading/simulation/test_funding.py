"""Funding in back-tests, searches and walk-forwards: paid at its times by what is held then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.trading import engines
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS, CandleColumns
from trading.jit import backends
from trading.market.funding import owed_at, owed_by, rates_by_row
from trading.research.search_task import SearchTask
from trading.research.trading_costs import fill_metrics, fill_metrics_of_all
from trading.research.walk_forward import rolling_folds, walk_forward
from trading.simulation import BacktestResult, Costs, backtest, search
from trading.simulation.account.simulation import (
    AccountLimits,
    AccountSettings,
    SymbolMarkets,
    TradedStrategy,
    simulate_account,
)
from trading.strategies.technical.breakout import Breakout

COSTS = Costs(5, 1, maker_fee_bps=2)
PLAIN = backends.backend(compiled=False)
HOURS = {"filters": "off", "signal_tf": "1h", "k": 0.5}


def rates_over(candles: CandleColumns, every: int = 47 * MINUTE_MS) -> dict[int, float]:
    """Return a rate of either sign every 47 minutes, a few milliseconds late as at the venue."""
    times = np.arange(candles.open_time[0], candles.open_time[-1], every) + 7
    values = np.random.default_rng(5).normal(0.0, 0.0004, len(times))
    return dict(zip(times.tolist(), values.tolist(), strict=True))


def one_breakout() -> CandleColumns:
    """Make a day of range 10, and a day that is bought at 106 in its third hour and ends at 110."""
    hours = [(100.0, 105.0, 95.0, 100.0)] * 24
    hours += [(100.0, 101.0, 99.0, 100.0), (100.0, 106.0, 100.0, 106.0)]
    hours += [(106.0, 107.0, 105.9, 106.0)] * 5 + [(108.0, 110.5, 107.0, 110.0)] * 17
    opens, highs, lows, closes = zip(*hours, strict=True)
    return CandleColumns.of(
        HOUR_MS * np.arange(48), opens, highs, lows, closes, interval_ms=HOUR_MS
    )


def test_a_long_position_pays_a_positive_rate_worked_by_hand():
    entered = DAY_MS + 2 * HOUR_MS
    rates = {
        entered: 0.5,  # at the open that fills the entry: the position is not held before it
        entered + 3 * HOUR_MS + 5: 0.001,  # a few milliseconds late: at the next open, 106
        entered + 10 * HOUR_MS: -0.0004,  # received, on an open of 108
        DAY_MS + 40 * HOUR_MS: 0.5,  # after the end of the data
    }
    run = backtest(Breakout(), one_breakout(), HOURS, replace(Costs(5.0), funding=rates))
    free = backtest(Breakout(), one_breakout(), HOURS, Costs(5.0))
    paid = (0.001 * 106 - 0.0004 * 108) / (106 * 1.0005)
    assert run.trades.entry_time.tolist() == [entered]
    assert run.trades.funding == pytest.approx([paid], rel=1e-12)
    assert run.trades.net_return == pytest.approx(free.trades.net_return - paid, rel=1e-12)
    assert run.metrics.total_return == pytest.approx(free.metrics.total_return - paid, rel=1e-12)
    found = fill_metrics(run, Costs(5.0))
    assert found.funding == pytest.approx(paid, rel=1e-12)
    assert found.fees == pytest.approx(fill_metrics(free, Costs(5.0)).fees, rel=1e-9)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("rules", engines.RULES)
@pytest.mark.parametrize("kind", engines.KINDS)
def test_both_engines_pay_the_same_funding_on_what_is_held(kind, rules, side, bitcoin):
    strategy, params = engines.KINDS[kind]
    made = engines.with_rules(strategy, engines.RULES[rules], side)
    candles = bitcoin.rows(0, 12_000)
    costs = replace(COSTS, funding=rates_over(candles))
    run = engines.compare(made, candles, params, costs).full
    free = backtest(made, candles, params, COSTS)
    assert len(run.trades) >= 5
    assert np.count_nonzero(run.trades.funding) >= 3
    np.testing.assert_allclose(run.trades.funding, funding_by_candle(run, candles, costs), 0, 1e-12)
    if not np.any(free.trades.reason == "liquidation") and rules != "guard":
        expected = free.trades.net_return - run.trades.funding
        np.testing.assert_allclose(run.trades.net_return, expected, 0, 1e-12)


def funding_by_candle(run: BacktestResult, candles: CandleColumns, costs: Costs) -> list[float]:
    """Pay candle by candle: the independent account of what `trades.funding` says."""
    by_row = rates_by_row(candles.open_time, costs.funding)
    found = []
    for i in range(len(run.trades)):
        own = np.flatnonzero(run.fills.trade == i)
        changes = run.fills.value[own] / run.fills.price[own]
        first, last = np.searchsorted(
            candles.open_time, [run.trades.entry_time[i], run.trades.exit_time[i]]
        )
        held, paid = -changes.sum(), 0.0
        for row in range(first, last + 1):
            if row > first:
                paid += run.trades.side[i] * held * candles.open[row] * by_row[row]
            held += changes[run.fills.time[own] == candles.open_time[row]].sum()
        found.append(paid)
    return found


def test_plain_python_pays_the_same(bitcoin):
    made = engines.with_rules(engines.RsiBollinger, engines.RULES["additions"])
    candles = bitcoin.rows(0, 4_000)
    costs = replace(COSTS, funding=rates_over(candles))
    plain = engines.compare(made, candles, engines.REVERSION, costs, compiled=False).full
    fast = engines.compare(made, candles, engines.REVERSION, costs).full
    assert plain.trades.net_return.tobytes() == fast.trades.net_return.tobytes()
    assert plain.trades.funding.tobytes() == fast.trades.funding.tobytes()


def test_the_account_simulation_pays_the_same(bitcoin):
    candles = bitcoin.rows(0, 20_000)
    rates = rates_over(candles)
    params = engines.BREAKOUT | {"max_position_size": 1.0, "stop_loss": 0.0}
    run = backtest(Breakout(), candles, params, replace(Costs(0.0), funding=rates))
    account = simulate_account(
        [TradedStrategy(Breakout(), "X", params)],
        SymbolMarkets({"X": candles}, funding={"X": rates}),
        AccountSettings(
            10_000.0, Costs(0.0), AccountLimits(max_exposure=float("inf"), daily_loss=1.0)
        ),
    )
    assert len(run.trades) == len(account) >= 10
    paid = fill_metrics(run, Costs(0.0)).funding
    assert paid != 0.0
    assert account.funding_paid / 10_000.0 == pytest.approx(paid, rel=1e-9)


def test_a_search_and_a_walk_forward_pay_it(bitcoin):
    candles = bitcoin.rows(0, 12 * 1_440)
    rates = dict.fromkeys(range(0, int(candles.open_time[-1]), 8 * HOUR_MS), 0.002)
    rates = {time: rate for time, rate in rates.items() if time >= candles.open_time[0]}
    grid = [{"k": k} for k in (0.1, 0.2, 0.4)]
    fixed = {"filters": "off", "signal_tf": "1m"}
    costs = replace(COSTS, funding=rates)
    free, paying = (search(Breakout(), candles, grid, fixed, c) for c in (COSTS, costs))
    for before, after in zip(free.results, paying.results, strict=True):
        assert after.metrics.total_return < before.metrics.total_return - 0.001
    first = int(candles.open_time[0]) // DAY_MS * DAY_MS + DAY_MS
    folds = rolling_folds(first, first + 10 * DAY_MS, train=4 * DAY_MS, test=2 * DAY_MS)
    walk = walk_forward(SearchTask(Breakout(), candles, fixed, costs), grid, folds)
    tests = [fold.out_of_sample for fold in walk.folds]
    found = fill_metrics_of_all(tests, walk.daily_returns, costs)
    assert found.funding > 0.001
    assert walk.trades.funding.sum() == pytest.approx(
        sum(run.trades.funding.sum() for run in tests)
    )


def test_rates_outside_the_candles_and_none_at_all():
    candles = one_breakout()
    assert len(owed_by(candles.open_time, candles.open, {}, PLAIN).sums) == 0
    outside = owed_by(candles.open_time, candles.open, {10**15: 0.1}, PLAIN)
    assert {owed_at(outside, row) for row in range(len(candles))} == {0.0}
    assert rates_by_row(candles.open_time, {10**15: 0.1}).sum() == 0.0
    two = rates_by_row(candles.open_time, {1: 0.1, 2: 0.2})
    assert two[1] == pytest.approx(0.3)


@pytest.mark.parametrize("every", [MINUTE_MS, 47 * MINUTE_MS, 8 * HOUR_MS, 40 * HOUR_MS])
@pytest.mark.parametrize("count", [1, 31, 32, 33, 5_000])
def test_what_is_owed_at_each_open_is_the_sum_of_all_rates_up_to_it(every, count, bitcoin):
    candles = bitcoin.rows(0, count)
    rates = rates_over(bitcoin.rows(0, 6_000), every)
    shuffled = dict(sorted(rates.items(), key=lambda item: hash(item)))
    owed = owed_by(candles.open_time, candles.open, shuffled, PLAIN)
    expected = np.cumsum(rates_by_row(candles.open_time, rates) * candles.open)
    assert [owed_at(owed, row) for row in range(count)] == expected.tolist()


def test_doubled_costs_leave_the_funding_as_it_is():
    costs = replace(COSTS, funding={1: 0.1})
    assert costs.times(2.0).funding == {1: 0.1}
    assert costs.times(2.0).fee_bps == 10
