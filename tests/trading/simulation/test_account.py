"""Several strategies and symbols on one account: allocation, limits, costs, liquidation."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from executor.model import Instrument
from tests.trading import engines
from tests.trading.account_runs import FREE, run_account
from trading.candles import DAY_MS, HOUR_MS, CandleColumns
from trading.errors import DataError, ParameterError
from trading.positions.exit_rules import ExitRules
from trading.positions.liquidation import MAJOR, bracket_at, brackets_of, liquidation_price
from trading.simulation import Costs, backtest
from trading.simulation.account.simulation import (
    AccountLimits,
    ExchangeProfile,
    SymbolFilters,
    TradedStrategy,
)
from trading.strategies.technical.rsi_bollinger import RsiBollinger

COSTS = Costs(5, 1)


def traded_with(
    rules: str, symbol: str = "BTCUSDT", share: float = 0.2, side: int = 1
) -> TradedStrategy:
    strategy = engines.with_rules(RsiBollinger, engines.RULES[rules], side)
    return TradedStrategy(strategy, symbol, engines.REVERSION | {"max_position_size": share})


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("rules", ["fixed", "trailing", "ladder, trailing", "time"])
def test_one_strategy_trades_what_the_full_simulation_trades(rules, side, bitcoin):
    one = traded_with(rules, side=side)
    shared = run_account([one], {"BTCUSDT": bitcoin}, COSTS, FREE)
    alone = backtest(one.strategy, bitcoin, one.params, COSTS).trades
    assert len(alone) >= 20
    for name in ("entry_time", "exit_time", "reason", "entry_price"):
        np.testing.assert_array_equal(getattr(shared, name), getattr(alone, name), name)
    returns = shared.profit / (shared.quantity * shared.entry_price * 1.0005)
    jumped = ~np.isclose(shared.exit_price, alone.exit_price, rtol=1e-12, atol=0)
    assert jumped.mean() < 0.2  # stops that the open jumped over fill there
    np.testing.assert_allclose(returns[~jumped], alone.net_return[~jumped], rtol=0, atol=1e-12)
    assert (returns[jumped] < alone.net_return[jumped]).all()


@pytest.mark.parametrize("strategy", ["breakout", "reversion"])
def test_exits_that_fall_due_in_missing_minutes_are_made_after_them(strategy, bitcoin):
    there = bitcoin.open_time % DAY_MS < 18 * HOUR_MS
    columns = (bitcoin.open, bitcoin.high, bitcoin.low, bitcoin.close, bitcoin.volume)
    gaps = CandleColumns.of(bitcoin.open_time[there], *(column[there] for column in columns))
    kind, params = engines.KINDS[strategy]
    rules = ExitRules(time_exit_ms=0 if kind.day_end else 2 * HOUR_MS)
    made = engines.with_rules(kind, rules)
    engines.compare(made, gaps, params, COSTS)
    alone = backtest(made, gaps, params, COSTS).trades
    one = TradedStrategy(made, "BTCUSDT", params | {"max_position_size": 0.2})
    shared = run_account([one], {"BTCUSDT": gaps}, COSTS, FREE)
    for name in ("entry_time", "exit_time", "reason", "entry_price"):
        np.testing.assert_array_equal(getattr(shared, name), getattr(alone, name), name)
    np.testing.assert_allclose(shared.exit_price, alone.exit_price, rtol=1e-12)
    late = alone.exit_time % DAY_MS == 0
    assert set(alone.reason[late].tolist()) >= {"day_end" if made.day_end else "time_exit"}
    assert late.sum() >= 5
    opens = gaps.open[np.searchsorted(gaps.open_time, alone.exit_time[late])]
    np.testing.assert_allclose(alone.exit_price[late], opens * (1 - 1e-4))


def test_both_backends_trade_an_account_alike(bitcoin, ether):
    candles = {"BTCUSDT": bitcoin.rows(0, 4_000), "ETHUSDT": ether.rows(100, 4_000)}
    traded = [
        traded_with("ladder, trailing"),
        traded_with("additions", "ETHUSDT", side=-1),
        traded_with("fixed"),
    ]
    limits = AccountLimits(max_positions=2, max_exposure=0.4, impact=0.01)
    runs = [
        run_account(traded, candles, COSTS, limits, compiled=compiled) for compiled in (True, False)
    ]
    assert len(runs[0]) >= 20
    assert runs[0].equity.tobytes() == runs[1].equity.tobytes()
    assert runs[0].profit.tobytes() == runs[1].profit.tobytes()


def test_one_strategy_owns_a_symbol_until_it_is_flat(bitcoin):
    traded = [traded_with("fixed"), traded_with("trailing")]
    run = run_account(traded, {"BTCUSDT": bitcoin}, COSTS, FREE)
    order = np.argsort(run.entry_time)
    assert (run.entry_time[order][1:] >= run.exit_time[order][:-1]).all()
    assert run.refused["held by another"] > 0
    assert len(run) >= 20


def test_positions_and_exposure_are_limited(bitcoin, ether):
    candles = {"BTCUSDT": bitcoin, "ETHUSDT": ether}
    traded = [traded_with("fixed"), traded_with("fixed", "ETHUSDT")]
    for limits, reason in (
        (AccountLimits(max_positions=1), "too many positions"),
        (AccountLimits(max_exposure=0.3), "exposure"),
    ):
        run = run_account(traded, candles, COSTS, limits)
        open_at = [(run.entry_time <= t) & (run.exit_time > t) for t in run.entry_time]
        assert max(int(held.sum()) for held in open_at) == 1
        assert run.refused[reason] > 0


def test_a_day_of_losses_ends_the_entries_of_that_day(bitcoin):
    whole = [traded_with("fixed", share=1.0)]
    free = run_account(whole, {"BTCUSDT": bitcoin}, COSTS, FREE)
    limits = AccountLimits(max_exposure=100.0, daily_loss=0.004)
    held = run_account(whole, {"BTCUSDT": bitcoin}, COSTS, limits)
    assert held.refused["daily loss limit"] > 0
    assert len(held) < len(free)
    for day in np.unique(held.entry_time // DAY_MS):
        profits = held.profit[held.exit_time // DAY_MS == day]
        assert profits.sum() > -0.02 * 10_000


def flat(prices: list[float], volume: float = 1_000.0) -> CandleColumns:
    """Candles that open where the last closed; each price is a close."""
    opens = [prices[0], *prices[:-1]]
    return CandleColumns.of(
        [60_000 * i for i in range(len(prices))],
        opens,
        np.maximum(opens, prices),
        np.minimum(opens, prices),
        prices,
        [volume] * len(prices),
    )


class Always(RsiBollinger):
    """Enters whenever it may."""

    rules = ExitRules(stop_loss=0.02)

    def exit_rules(self, params):
        del params
        return self.rules


EAGER = {
    "filters": "off",
    "signal_tf": "1m",
    "rsi_span": 2,
    "rsi_entry": 60.0,
    "band_span": 2,
    "band_width": 0.5,
    "max_position_size": 1.0,
}
FALL = [100.0, 100.5, 99.0, 98.0, 97.5, 97.4, 97.3]


def run_always(prices, rules=None, volume=1_000.0, **options):
    strategy = Always()
    if rules is not None:
        strategy.rules = rules
    costs = options.pop("costs", Costs(0))
    candles = {"BTCUSDT": flat(prices, volume)}
    limits = options.pop("limits", FREE)
    traded = [TradedStrategy(strategy, "BTCUSDT", EAGER)]
    return run_account(traded, candles, costs, limits, balance=1_000, **options)


def test_quantities_are_cut_to_the_step_and_small_orders_are_refused():
    run = run_always(FALL, filters={"BTCUSDT": SymbolFilters(step=0.25, min_notional=5)})
    assert (np.mod(run.quantity, 0.25) == 0).all()
    assert len(run) > 0
    none = run_always(FALL, filters={"BTCUSDT": SymbolFilters(step=0.25, min_notional=5_000)})
    assert len(none) == 0
    assert none.refused["too small"] > 0


@pytest.mark.parametrize("compiled", [True, False])
def test_resting_levels_lie_on_the_tick_as_the_executor_rounds_them(compiled):
    prices = [100.03, 100.51, 99.02, 98.04, 95.0, 95.0, 95.0]
    rules = ExitRules(stop_loss=0.0213)
    bare = run_always(prices, rules, compiled=compiled)
    for tick, text in ((0.1, "0.1"), (0.01, "0.01"), (0.5, "0.5")):
        filters = {"BTCUSDT": SymbolFilters(tick=tick)}
        run = run_always(prices, rules, filters=filters, compiled=compiled)
        at = run.reason.tolist().index("stop_loss")
        level = run.entry_price[at] * (1.0 - 0.0213)
        on_grid = float(Instrument("X", Decimal(text), *[Decimal(1)] * 4).round_price(level))
        assert run.exit_price[at] == pytest.approx(on_grid, rel=1e-14)
        assert run.exit_price[at] != bare.exit_price[at]


def test_longs_pay_a_positive_funding_rate():
    prices = [*FALL, *[97.3] * 5]
    times = {60_000 * i: 0.001 for i in range(len(prices))}
    bare = run_always(prices)
    paying = run_always(prices, funding={"BTCUSDT": times})
    assert paying.funding_paid > 0
    assert paying.wallet == pytest.approx(bare.wallet - paying.funding_paid)


def test_slippage_grows_with_the_root_of_the_participation():
    bare = run_always(FALL)
    quarter = run_always(FALL, limits=AccountLimits(max_exposure=100, daily_loss=1, impact=0.01))
    share = 1_000 / (1_000 * bare.entry_price[0])
    assert quarter.entry_price[0] == pytest.approx(bare.entry_price[0] * (1 + 0.01 * share**0.5))


def test_a_liquidation_costs_the_margin_by_brackets():
    crash = [100.0, 100.5, 99.0, 98.0, 98.0, 80.0, 80.0]
    run = run_always(crash, ExitRules(leverage=10.0))
    assert "liquidation" in run.reason.tolist()
    at = run.reason.tolist().index("liquidation")
    margin = run.quantity[at] * run.entry_price[at] / 10
    assert run.profit[at] == pytest.approx(-margin)


def test_the_liquidation_price_leaves_exactly_the_maintenance_margin():
    brackets = brackets_of([(100, 1_000, 0.01), (10, 10_000, 0.05)])
    for side in (1, -1):
        for quantity in (5.0, 30.0):
            entry, margin = 100.0, quantity * 100.0 / 5
            price = liquidation_price(side, quantity, entry, margin, brackets)
            notional = quantity * price
            bracket = bracket_at(brackets, notional)
            left = margin + side * quantity * (price - entry)
            assert left == pytest.approx(notional * bracket.rate - bracket.cum)
    assert liquidation_price(1, 1.0, 100.0, 100.0, MAJOR) == 0.0


def test_symbols_without_candles_are_refused(bitcoin):
    with pytest.raises(DataError, match="there are no candles of ETHUSDT"):
        run_account([traded_with("fixed", "ETHUSDT")], {"BTCUSDT": bitcoin}, COSTS)


GRID = {"BTCUSDT": SymbolFilters(step=0.001, tick=0.1)}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"costs": Costs(5, 1)}, "leave slippage_bps, impact and maker_fee_bps out"),
        ({"costs": Costs(5, 0, 2)}, "leave slippage_bps, impact and maker_fee_bps out"),
        ({"limits": AccountLimits(impact=0.1)}, "leave slippage_bps, impact and maker_fee_bps out"),
        ({"filters": {"BTCUSDT": SymbolFilters(tick=0.1)}}, "needs its tick and step"),
        ({"filters": {"BTCUSDT": SymbolFilters(step=0.1)}}, "needs its tick and step"),
    ],
)
def test_an_exchange_has_no_other_costs_and_needs_a_grid(changes, why):
    with pytest.raises(ParameterError, match=why):
        run_always(FALL, profile=ExchangeProfile(), **({"filters": GRID} | changes))


def test_an_exchange_needs_whole_minutes(bitcoin):
    hours = {"BTCUSDT": bitcoin.higher(3_600_000)}
    one = TradedStrategy(Always(), "BTCUSDT", EAGER | {"signal_tf": "1h"})
    with pytest.raises(DataError, match="the profile exchange trades 1m candles"):
        run_account([one], hours, Costs(5), filters=GRID, profile=ExchangeProfile())
    columns = (getattr(bitcoin, name)[:500] for name in ("open", "high", "low", "close"))
    late = CandleColumns.of(bitcoin.open_time[:500] + 1, *columns, None, 60_000)
    with pytest.raises(DataError, match="the profile exchange trades 1m candles"):
        run_on(late)


@pytest.mark.parametrize("compiled", [False, True])
def test_an_exchange_trades_at_the_last_price_while_no_candle_comes(compiled):
    """The entry that the last candle before a hole decides fills at once, at its close."""
    closes, opens = np.array(FALL), np.array(FALL)
    opens[1:] = closes[:-1]
    opens[3] = 98.4
    times = 60_000 * np.arange(len(closes), dtype=np.int64)
    times[3:] += 5 * 60_000
    columns = (opens, np.maximum(opens, closes), np.minimum(opens, closes), closes)
    candles = {"BTCUSDT": CandleColumns.of(times, *columns, [1_000.0] * len(closes), 60_000)}
    one = TradedStrategy(Always(), "BTCUSDT", EAGER)
    options = {"filters": GRID, "profile": ExchangeProfile(), "compiled": compiled}
    run = run_account([one], candles, Costs(5), **options)
    assert run.moments.tolist() == list(range(0, int(times[-1]) + 1, 60_000))
    assert run.fills is not None
    assert (run.fills.time[0], run.fills.reason[0]) == (180_000, "")
    assert run.fills.price[0] == pytest.approx(closes[2] + 0.1)


def run_on(candles, **options):
    one = traded_with("fixed")
    return run_account(
        [one],
        {"BTCUSDT": candles},
        Costs(5),
        filters=GRID,
        profile=ExchangeProfile(),
        **options,
    )


def test_candles_before_the_start_only_warm_the_indicators(bitcoin):
    whole = run_on(bitcoin)
    middle = int(whole.entry_time[len(whole) // 2])
    late = run_on(bitcoin, trade_from_ms=middle - 60_000)
    assert len(late) >= 20
    assert late.entry_time.tolist() == whole.entry_time[-len(late) :].tolist()
    assert late.entry_time[0] == middle


@pytest.mark.parametrize(("gap", "taken"), [(0.0, True), (0.01, False)])
def test_an_exchange_refuses_an_entry_that_is_too_small_at_the_open(gap, taken):
    closes = np.array([*FALL, *FALL[-1:] * 3])
    opens = np.append(closes[0], closes[:-1] * (1.0 - gap)).round(1)
    times = [60_000 * i for i in range(len(closes))]
    columns = (opens, np.maximum(opens, closes), np.minimum(opens, closes), closes)
    candles = {"BTCUSDT": CandleColumns.of(times, *columns, [1_000.0] * len(closes))}
    run = run_account(
        [TradedStrategy(Always(), "BTCUSDT", EAGER)],
        candles,
        Costs(5),
        balance=1_000,
        filters={"BTCUSDT": SymbolFilters(step=0.001, tick=0.1, min_notional=995)},
        profile=ExchangeProfile(),
    )
    assert run.fills is not None
    assert ("" in run.fills.reason) is taken
    assert (run.refused["too small"] == 0) is taken
