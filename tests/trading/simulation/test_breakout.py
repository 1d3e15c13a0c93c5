"""`breakout` without filters against a reference that was written from the rules alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trading.breakout_reference import measure, trade_breakout
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS, CandleColumns
from trading.simulation import Costs, backtest, fast_trades, search
from trading.simulation.backtest import decide
from trading.simulation.prepared_candles import PreparedCandles
from trading.strategies.decider import Decider
from trading.strategies.layout import ACTION, ENTER
from trading.strategies.registry import get_strategy

BREAKOUT = get_strategy("breakout")
LETTER = {"filters": "off", "signal_tf": "1m"}
CROSS = {"trigger": "cross"}


def rows_of(candles: CandleColumns) -> list[tuple[float, ...]]:
    columns = (candles.open_time, candles.open, candles.high, candles.low, candles.close)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def assert_same_as_reference(
    candles, k, take_profit, stop_loss, fee_bps, compiled=True, trigger="cross"
):
    values = LETTER | {"k": k, "take_profit": take_profit, "stop_loss": stop_loss}
    values["trigger"] = trigger
    costs = Costs(fee_bps)
    result = backtest(BREAKOUT, candles, values, costs, compiled=compiled)
    rows = rows_of(candles)
    expected = trade_breakout(rows, k, take_profit, stop_loss, fee_bps / 10_000, trigger)
    trades = result.trades
    assert trades.entry_time.tolist() == [t["entry_time"] for t in expected]
    assert trades.exit_time.tolist() == [t["exit_time"] for t in expected]
    assert trades.reason.tolist() == [t["reason"] for t in expected]
    for name in ("entry_price", "exit_price", "net_return"):
        np.testing.assert_allclose(
            getattr(trades, name), [t[name] for t in expected], rtol=1e-9, atol=1e-12
        )
    for name, value in measure(rows, expected).items():
        assert getattr(result.metrics, name) == pytest.approx(value, rel=1e-9, abs=1e-9), name
    found = search(BREAKOUT, candles, [values], {}, costs, compiled=compiled)
    assert found.results[0].metrics == result.metrics
    assert found.daily_returns[0].tolist() == result.daily_returns.tolist()
    return expected


@pytest.mark.parametrize(("trigger", "least"), [("cross", 100), ("level", 60)])
def test_real_candles_give_the_trades_of_the_reference(bitcoin, ether, trigger, least):
    reasons = []
    for candles in (bitcoin, ether):
        for k, take_profit, stop_loss in ((0.3, 0.03, 0.01), (0.5, 0.05, 0.02), (0.1, 0.01, 0.05)):
            reasons += assert_same_as_reference(
                candles, k, take_profit, stop_loss, 5, trigger=trigger
            )
    assert len(reasons) >= least
    assert {trade["reason"] for trade in reasons} >= {"stop_loss", "take_profit", "day_end"}


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    ("high", "low", "reason", "price"),
    [
        (130.0, 96.0, "stop_loss", 96.0),
        (192.0, 100.0, "take_profit", 192.0),
        (192.0, 96.0, "stop_loss", 96.0),
        (191.0, 97.0, "end_of_data", 120.0),
    ],
)
def test_a_level_that_is_touched_to_the_last_digit_is_met(high, low, reason, price, compiled):
    day = 20_000 * DAY_MS
    rows = [
        (day, 100.0, 110.0, 90.0, 100.0),
        (day + DAY_MS, 100.0, 105.0, 100.0, 105.0),
        (day + DAY_MS + MINUTE_MS, 105.0, 120.0, 105.0, 120.0),
        (day + DAY_MS + 2 * MINUTE_MS, 128.0, high, low, 120.0),
    ]
    times, *prices = (np.array(column) for column in zip(*rows, strict=True))
    candles = CandleColumns.of(times.astype(np.int64), *prices, np.ones(4))
    (trade,) = assert_same_as_reference(candles, 0.5, 0.5, 0.25, 5, compiled)
    assert (trade["entry_price"], trade["exit_price"], trade["reason"]) == (128.0, price, reason)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("high", "low", "price"), [(120.0, 96.0, 96.0), (192.0, 120.0, 192.0)])
def test_a_touch_to_the_last_digit_is_found_hours_after_the_entry(high, low, price, compiled):
    minutes = np.arange(20_000 * DAY_MS, 20_001 * DAY_MS, MINUTE_MS)
    times = np.concatenate((minutes[:1] - DAY_MS, minutes))
    prices = {name: np.full(len(times), 120.0) for name in ("open", "high", "low", "close")}
    for row, values in enumerate(((100, 110, 90, 100), (100, 105, 100, 105), (105, 120, 105, 120))):
        for name, value in zip(prices, values, strict=True):
            prices[name][row] = value
    prices["open"][3] = prices["high"][3] = 128.0
    prices["high"][1_300], prices["low"][1_300] = high, low
    candles = CandleColumns.of(times, *prices.values(), np.ones(len(times)))
    trades = assert_same_as_reference(candles, 0.5, 0.5, 0.25, 5, compiled)
    assert (trades[0]["exit_time"], trades[0]["exit_price"]) == (times[1_300], price)


@st.composite
def candle_rows(draw):
    """Few, coarse prices: ties and touches are common; minutes and whole days are missing."""
    days = draw(st.lists(st.integers(0, 6), min_size=1, max_size=5, unique=True))
    minutes = st.lists(
        st.one_of(st.integers(0, 7), st.integers(1_433, 1_439)), min_size=1, max_size=9, unique=True
    )
    times = sorted(d * DAY_MS + m * MINUTE_MS for d in days for m in draw(minutes))
    price = st.integers(90, 112).map(float)
    rows = []
    for time in times:
        first, last, a, b = draw(st.tuples(price, price, price, price))
        rows.append((time, first, max(first, last, a, b), min(first, last, a, b), last))
    return rows


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=candle_rows(),
    k=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    take_profit=st.sampled_from([0.03, 0.05, 0.1]),
    stop_loss=st.sampled_from([0.01, 0.02, 0.05, 0.1]),
    fee_bps=st.sampled_from([0.0, 5.0]),
    trigger=st.sampled_from(["level", "cross"]),
)
def test_made_candles_give_the_trades_of_the_reference(
    rows, k, take_profit, stop_loss, fee_bps, trigger
):
    candles = CandleColumns.of(*zip(*rows, strict=True), interval_ms=MINUTE_MS)
    for compiled in (True, False):
        assert_same_as_reference(
            candles, k, take_profit, stop_loss, fee_bps, compiled=compiled, trigger=trigger
        )


def day(number: int, *candles: tuple[int, float, float, float, float]) -> list[tuple[float, ...]]:
    """Candles of one day: (minute, open, high, low, close)."""
    return [(number * DAY_MS + minute * MINUTE_MS, *prices) for minute, *prices in candles]


YESTERDAY = day(0, (0, 100, 110, 100, 105), (1, 105, 105, 100, 100))  # range 10


def run(rows, **values):
    candles = CandleColumns.of(*zip(*rows, strict=True), interval_ms=MINUTE_MS)
    fixed = LETTER | CROSS | {"k": 0.5, "take_profit": 0.1, "stop_loss": 0.1}
    return backtest(BREAKOUT, candles, fixed | values, Costs(0)).trades


def test_a_close_above_the_target_enters_at_the_next_open_and_leaves_at_the_day_end():
    rows = YESTERDAY + day(
        1,
        (0, 100, 104, 100, 104),
        (1, 104, 106, 104, 106),
        (5, 107, 108, 106, 108),
        (9, 108, 109, 107, 107),
    )
    trades = run([*rows, *day(1, (1_439, 106, 106, 105, 105)), (2 * DAY_MS, 1, 1, 1, 1)])
    assert trades.entry_price.tolist() == [107]
    assert trades.exit_price.tolist() == [105]
    assert trades.exit_time.tolist() == [2 * DAY_MS - MINUTE_MS]
    assert trades.reason.tolist() == ["day_end"]


def entered_before_a_gap(*later: tuple[float, ...]) -> list[tuple[float, ...]]:
    """Candles with an entry at 107 on the first day, which lacks its last minutes."""
    entry = day(1, (0, 100, 104, 100, 104), (1, 104, 106, 104, 106), (5, 107, 108, 106, 108))
    return [*YESTERDAY, *entry, *later]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    ("first", "price", "reason"),
    [
        (104.0, 104.0, "day_end"),
        (90.0, 96.3, "stop_loss"),  # a stop fills at its level
        (120.0, 117.7, "take_profit"),
    ],
)
def test_a_day_without_its_last_minutes_ends_at_the_first_price_after_them(
    first, price, reason, compiled
):
    rows = entered_before_a_gap(*day(2, (7, first, 200, 50, first), (8, 1, 1, 1, 1)))
    candles = CandleColumns.of(*zip(*rows, strict=True), interval_ms=MINUTE_MS)
    fixed = LETTER | CROSS | {"k": 0.5, "take_profit": 0.1, "stop_loss": 0.1}
    trades = backtest(BREAKOUT, candles, fixed, Costs(0), compiled=compiled).trades
    assert trades.exit_time.tolist() == [2 * DAY_MS + 7 * MINUTE_MS]
    assert trades.exit_price.tolist() == pytest.approx([price])
    assert trades.reason.tolist() == [reason]
    found, _ = fast_trades(BREAKOUT, candles, fixed, Costs(0), compiled=compiled)
    assert found.exit_price.tobytes() == trades.exit_price.tobytes()


def test_what_comes_after_a_gap_does_not_decide_before_it():
    """On the last candle before missing minutes nobody knows that they will be missing."""
    ends = run(entered_before_a_gap(*day(1, (6, 108, 109, 108, 109))))
    goes_on = run(entered_before_a_gap(*day(1, (6, 108, 109, 108, 109)), *day(2, (7, 5, 5, 5, 5))))
    assert ends.reason.tolist() == ["end_of_data"]
    assert goes_on.exit_time.tolist() == [2 * DAY_MS + 7 * MINUTE_MS]


def test_a_close_on_the_target_is_no_signal():
    rows = YESTERDAY + day(1, (0, 100, 105, 100, 105), (1, 105, 105, 105, 105))
    assert len(run(rows)) == 0


def test_the_first_candle_of_a_day_compares_with_the_last_close_of_the_day_before():
    crossing = day(1, (0, 100, 106, 100, 106), (1, 106, 106, 106, 106))
    above = [*YESTERDAY[:-1], (MINUTE_MS, 105, 110, 100, 105.5)]
    assert len(run(YESTERDAY + crossing)) == 1
    assert len(run(above + crossing)) == 0


def test_no_signal_after_a_missing_day():
    rows = YESTERDAY + day(
        2, (0, 100, 104, 100, 104), (1, 104, 120, 104, 120), (2, 120, 120, 120, 120)
    )
    assert len(run(rows)) == 0


def test_a_signal_on_the_second_last_candle_of_a_day_enters_and_leaves_on_its_last():
    rows = YESTERDAY + day(
        1, (0, 100, 104, 100, 104), (1, 104, 106, 104, 106), (2, 107, 108, 106, 108)
    )
    late = [(time + 1_437 * MINUTE_MS, *prices) for time, *prices in rows[2:]]
    trades = run([*YESTERDAY, day(1, (0, 100, 104, 100, 104))[0], *late, (2 * DAY_MS, 1, 1, 1, 1)])
    assert trades.entry_time.tolist() == trades.exit_time.tolist() == [2 * DAY_MS - MINUTE_MS]
    assert trades.exit_price.tolist() == [108]


def test_the_stop_comes_before_the_take_profit_and_a_gap_fills_at_the_level():
    signal = day(1, (0, 100, 104, 100, 104), (1, 104, 106, 104, 106))
    both = day(1, (2, 100, 120, 80, 100), (3, 100, 100, 100, 100))
    assert run(YESTERDAY + signal + both).exit_price.tolist() == [90]
    gap = day(1, (2, 100, 100, 100, 100), (3, 50, 50, 50, 50))
    assert run(YESTERDAY + signal + gap).exit_price.tolist() == [90]


def test_a_signal_on_the_exit_candle_does_not_count_and_the_next_does():
    signal = day(1, (0, 100, 104, 100, 104), (1, 104, 106, 104, 106))
    exit_candle = day(1, (2, 104, 106, 80, 104), (3, 104, 104, 104, 104))
    again = day(1, (4, 104, 106, 104, 106), (5, 106, 106, 106, 106), (6, 106, 106, 106, 106))
    trades = run(YESTERDAY + signal + exit_candle + again)
    assert trades.entry_time.tolist() == [DAY_MS + 2 * MINUTE_MS, DAY_MS + 5 * MINUTE_MS]
    assert trades.reason.tolist() == ["stop_loss", "end_of_data"]
    on_exit = day(1, (2, 104, 104, 80, 104), (3, 104, 106, 104, 106), (4, 106, 106, 106, 106))
    assert len(run(YESTERDAY + signal + on_exit)) == 2
    flat = day(1, (2, 104, 104, 104, 104))
    crossing_exit = day(1, (3, 104, 120, 104, 120), (4, 120, 120, 120, 120))
    trades = run(YESTERDAY + signal + flat + crossing_exit, take_profit=0.05)
    assert trades.reason.tolist() == ["take_profit"]


def test_the_signals_of_all_values_of_k_are_found_in_one_pass(bitcoin, monkeypatch):
    passes, scan = [], PreparedCandles.scan

    def counted(prepared, setups):
        passes.append(len(setups))
        return scan(prepared, setups)

    def decided(*_):
        raise AssertionError("no candle is decided again for a value of k")

    monkeypatch.setattr(PreparedCandles, "scan", counted)
    monkeypatch.setattr(PreparedCandles, "decide", decided)
    grid = [{"k": k / 20, "stop_loss": stop} for k in range(6, 17) for stop in (0.01, 0.02)]
    found = search(BREAKOUT, bitcoin, grid, LETTER | CROSS, Costs(5))
    assert [count for count in passes if count > 1] == [11]  # one more compiles the kernels
    assert sum(row.metrics.trades for row in found.results) > 220


def test_a_search_over_both_triggers_gives_each_its_own_trades(bitcoin):
    grid = [{"k": k, "trigger": trigger} for k in (0.1, 0.2) for trigger in ("level", "cross")]
    found = search(BREAKOUT, bitcoin, grid, LETTER, Costs(5))
    for values, result in zip(grid, found.results, strict=True):
        alone = backtest(BREAKOUT, bitcoin, LETTER | values, Costs(5))
        assert result.metrics == alone.metrics, values
    trades = [row.metrics.trades for row in found.results]
    assert trades[0] < trades[1]
    assert trades[2] < trades[3]


def test_a_level_enters_on_the_first_close_above_even_if_the_day_opens_above():
    above = [*YESTERDAY[:-1], (MINUTE_MS, 105, 110, 100, 105.5)]
    opens = day(1, (0, 100, 106, 100, 106), (1, 106, 106, 106, 106))
    trades = run(above + opens, trigger="level")
    assert trades.entry_time.tolist() == [DAY_MS + MINUTE_MS]


def test_a_level_enters_once_a_day():
    signal = day(1, (0, 100, 104, 100, 104), (1, 104, 106, 104, 106))
    stopped = day(1, (2, 104, 106, 80, 104), (3, 104, 104, 104, 104))
    again = day(1, (4, 104, 106, 104, 106), (5, 106, 106, 106, 106), (6, 106, 106, 106, 106))
    assert len(run(YESTERDAY + signal + stopped + again, trigger="cross")) == 2
    assert len(run(YESTERDAY + signal + stopped + again, trigger="level")) == 1


@pytest.mark.parametrize("compiled", [True, False])
def test_a_level_waits_above_the_target_until_every_filter_passes(ether, compiled):
    values = {"k": 0.2, "signal_tf": "15m", "filter_tf": "1h", "trigger": "level"}
    values["min_volatility"] = 0.003
    quick = {**values, "min_adx": 15.0}
    levels = decide(BREAKOUT, ether, quick, compiled=compiled)
    bare = decide(BREAKOUT, ether, {**values, "filters": "off"}, compiled=compiled)
    entered = levels[:, ACTION] == ENTER
    days = ether.open_time[entered] // DAY_MS
    assert len(days) > 5
    assert len(days) == len(set(days.tolist()))
    first = {int(t) // DAY_MS: int(t) for t in ether.open_time[bare[:, ACTION] == ENTER][::-1]}
    waited = [int(t) for t in ether.open_time[entered] if int(t) != first[int(t) // DAY_MS]]
    assert waited


def test_a_restart_within_a_day_knows_its_entry(ether):
    values = {"k": 0.2, "signal_tf": "15m", "filter_tf": "1h", "trigger": "level"}
    values["min_volatility"] = 0.003
    entered = ether.open_time[decide(BREAKOUT, ether, values)[:, ACTION] == ENTER]
    decider = Decider(BREAKOUT, values, MINUTE_MS)
    now = int(entered[-1]) + 30 * MINUTE_MS
    assert decider.base_start(now) == now - now % DAY_MS
    assert Decider(BREAKOUT, values | CROSS, MINUTE_MS).base_start(now) == now - now % HOUR_MS
