"""Day-bound positions end with the venue's trading day, in every engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.trading import engines
from tests.trading.account_runs import FREE, run_account
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS, CandleColumns
from trading.errors import DataError
from trading.simulation import Costs, backtest
from trading.simulation.account.candles import AccountCandles
from trading.simulation.account.inputs import SymbolMarkets
from trading.simulation.account.simulation import TradedStrategy

COSTS = Costs(5, 1)
CLOSES_AT = 6 * HOUR_MS + 31 * MINUTE_MS
"""The end of the venue's day, as at the Korea Exchange: 15:31 in Seoul."""
NAMES = ("open_time", "open", "high", "low", "close", "volume")


def of_a_venue_that_closes(candles: CandleColumns) -> CandleColumns:
    """Return the candles of the sessions: without the closing auction, which is one candle."""
    minute = candles.open_time % DAY_MS
    there = minute < 6 * HOUR_MS + 20 * MINUTE_MS
    there |= minute == CLOSES_AT - MINUTE_MS
    kept = CandleColumns.of(*(getattr(candles, name)[there] for name in NAMES))
    return replace(kept, closing=kept.open_time % DAY_MS == CLOSES_AT - MINUTE_MS)


@pytest.mark.parametrize("rules", ["fixed", "ladder", "additions, trailing", "time"])
@pytest.mark.parametrize("side", [1, -1])
def test_no_engine_holds_a_day_bound_position_over_the_night(rules, side, bitcoin):
    candles = of_a_venue_that_closes(bitcoin)
    made = engines.with_rules(engines.Breakout, engines.RULES[rules], side)
    trades = engines.compare(made, candles, engines.BREAKOUT, COSTS).full.trades
    assert len(trades) >= 20
    np.testing.assert_array_equal(trades.entry_time // DAY_MS, trades.exit_time // DAY_MS)
    one = TradedStrategy(made, "BTCUSDT", engines.BREAKOUT | {"max_position_size": 0.2})
    shared = run_account([one], {"BTCUSDT": candles}, COSTS, FREE)
    for name in ("entry_time", "exit_time", "reason"):
        np.testing.assert_array_equal(getattr(shared, name), getattr(trades, name), name)


@pytest.mark.parametrize("compiled", [False, True])
def test_the_day_ends_at_the_close_of_its_last_candle(compiled, bitcoin):
    candles = of_a_venue_that_closes(bitcoin.rows(0, 15_000))
    far = engines.ExitRules(stop_loss=0.4)
    made = engines.with_rules(engines.Breakout, far)
    pair = engines.compare(made, candles, engines.BREAKOUT, Costs(0, 0), compiled=compiled)
    trades = pair.full.trades
    ended = trades.reason == "day_end"
    assert ended.sum() >= 5
    assert set((trades.exit_time[ended] % DAY_MS).tolist()) == {CLOSES_AT - MINUTE_MS}
    rows = np.searchsorted(candles.open_time, trades.exit_time[ended])
    np.testing.assert_array_equal(trades.exit_price[ended], candles.close[rows])


def test_without_the_last_candle_the_position_ends_at_the_next_price(bitcoin):
    whole = of_a_venue_that_closes(bitcoin)
    heard = ~whole.closing
    heard |= (whole.open_time // DAY_MS) % 2 == 0
    columns = {name: getattr(whole, name)[heard] for name in (*NAMES, "closing")}
    candles = replace(whole, **columns)
    made = engines.with_rules(engines.Breakout, engines.ExitRules(stop_loss=0.4))
    trades = engines.compare(made, candles, engines.BREAKOUT, COSTS).full.trades
    late = (trades.reason == "day_end") & (trades.exit_time % DAY_MS == 0)
    assert late.sum() >= 3
    assert ((trades.reason == "day_end") & ~late).sum() >= 3


def test_higher_candles_and_slices_know_when_the_day_ends(bitcoin):
    candles = of_a_venue_that_closes(bitcoin)
    hours = candles.higher(HOUR_MS)
    assert hours.closing is not None
    assert set((hours.open_time[hours.closing] % DAY_MS).tolist()) == {6 * HOUR_MS}
    part = candles.rows(10, 2_000)
    assert part.closing.tolist() == candles.closing[10:2_000].tolist()
    params = engines.BREAKOUT | {"signal_tf": "1h"}
    made = engines.with_rules(engines.Breakout, engines.ExitRules(stop_loss=0.4))
    trades = backtest(made, hours, params, COSTS).trades
    np.testing.assert_array_equal(trades.entry_time // DAY_MS, trades.exit_time // DAY_MS)
    assert len(trades) >= 5


def test_a_flag_is_needed_for_every_candle(bitcoin):
    with pytest.raises(DataError, match="different lengths"):
        replace(bitcoin, closing=np.zeros(3, dtype=bool))


def test_beside_a_venue_that_closes_the_days_of_one_that_does_not_end_at_midnight(bitcoin, ether):
    stock, coin = of_a_venue_that_closes(bitcoin), ether
    made = engines.with_rules(engines.Breakout, engines.ExitRules(stop_loss=0.4))
    params = engines.BREAKOUT | {"max_position_size": 0.2}
    traded = [TradedStrategy(made, symbol, params) for symbol in ("STOCK", "COIN")]
    found = run_account(traded, {"STOCK": stock, "COIN": coin}, COSTS, FREE)
    np.testing.assert_array_equal(found.entry_time // DAY_MS, found.exit_time // DAY_MS)
    for place, (symbol, candles) in enumerate((("STOCK", stock), ("COIN", coin))):
        alone = run_account([traded[place]], {symbol: candles}, COSTS, FREE)
        own = found.place == place
        assert own.sum() >= 20
        for name in ("entry_time", "exit_time", "reason"):
            np.testing.assert_array_equal(getattr(found, name)[own], getattr(alone, name), name)


def test_minutes_that_are_filled_keep_the_ends_of_the_trading_days(bitcoin):
    stock = of_a_venue_that_closes(bitcoin.rows(0, 10_000))
    made = engines.with_rules(engines.Breakout, engines.ExitRules())
    traded = [TradedStrategy(made, "STOCK", engines.BREAKOUT)]
    filled = AccountCandles(traded, SymbolMarkets({"STOCK": stock}), every_minute=True)
    (series,) = filled.series
    assert len(series) > len(stock)
    ends = series.open_time[series.closing]
    np.testing.assert_array_equal(ends, stock.open_time[stock.closing])


@pytest.mark.parametrize("trigger", ["level", "cross"])
def test_a_day_in_which_the_candles_begin_gives_no_target_in_any_engine(trigger, bitcoin):
    """Wherever in its day a series begins, the trades are those without that day."""
    made = engines.with_rules(engines.Breakout, engines.ExitRules(stop_loss=0.01))
    params = engines.BREAKOUT | {"trigger": trigger, "k": 0.1}
    assert bitcoin.open_time[0] % DAY_MS > 0
    second = int(np.flatnonzero(bitcoin.open_time % DAY_MS == 0)[0])
    whole = engines.compare(made, bitcoin.rows(second, 12_000), params, COSTS).full.trades
    assert int(whole.entry_time[0]) // DAY_MS == int(bitcoin.open_time[second]) // DAY_MS + 1
    for row in (0, 100, second - 1):
        late = engines.compare(made, bitcoin.rows(row, 12_000), params, COSTS).full.trades
        np.testing.assert_array_equal(late.entry_time, whole.entry_time)
        np.testing.assert_array_equal(late.exit_time, whole.exit_time)
