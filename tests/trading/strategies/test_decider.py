"""From base candles to decisions: aggregation, warm-up, no look-ahead."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trading.quick_values import marked, quick_values
from trading.candles import HOUR_MS, MINUTE_MS, Candle, CandleColumns
from trading.errors import DataError, ParameterError
from trading.simulation.backtest import decide
from trading.strategies.decider import Decider
from trading.strategies.layout import FILTERED
from trading.strategies.registry import get_strategy, strategy_names

EAGER = {"min_volatility": 0.0, "min_adx": 0.0, "trend_span": 10}
WIDE = {"hourly_trend": "on", "rsi_entry": 50.0, "band_width": 0.5}
SETTINGS = [
    ("breakout", {"filters": "off", "signal_tf": "1m", "k": 0.1}),
    ("breakout", EAGER | {"signal_tf": "5m", "filter_tf": "15m", "k": 0.1}),
    ("breakout", EAGER | {"signal_tf": "5m", "filter_tf": "15m", "k": 0.1, "trigger": "level"}),
    ("rsi_bollinger", {"filters": "off", "signal_tf": "3m"}),
    ("rsi_bollinger", EAGER | WIDE | {"signal_tf": "1m", "filter_tf": "5m"}),
]
SETTINGS += [
    (name, quick_values(name))
    for name in strategy_names()
    if name not in {known for known, _ in SETTINGS}
]


def bars(candles: CandleColumns, length: int) -> list[Candle]:
    """Build closed candles of ``length`` ms in the obvious way."""
    made: dict[int, list[Candle]] = {}
    for row in range(len(candles)):
        candle = candles.candle(row)
        made.setdefault(candle.open_time // length * length, []).append(candle)
    return [
        Candle(
            start,
            group[0].open,
            max(c.high for c in group),
            min(c.low for c in group),
            group[-1].close,
            sum(c.volume for c in group),
        )
        for start, group in made.items()
    ]


def decisions(decider: Decider, candles: CandleColumns) -> list[str]:
    return [repr(decider.on_candle(candles.candle(row))) for row in range(len(candles))]


@pytest.mark.parametrize(("name", "values"), SETTINGS)
@pytest.mark.parametrize("minutes", [2_880, 3_467])
def test_warming_with_higher_candles_equals_feeding_their_base_candles(
    name, values, minutes, bitcoin
):
    start = int(np.searchsorted(bitcoin.open_time, 20_213 * 24 * HOUR_MS))
    now = start + minutes
    history, today = bitcoin.rows(start, now), bitcoin.rows(now, now + 2_200)
    fed = Decider(get_strategy(name), values, MINUTE_MS)
    decisions(fed, history)
    warmed = Decider(get_strategy(name), values, MINUTE_MS)
    base = warmed.base_start(int(today.open_time[0]))
    for length in warmed.history_needed():
        for bar in bars(history.slice(None, base), length):
            warmed.warm(length, bar)
    decisions(warmed, history.slice(base, None))
    expected = decisions(fed, today)
    assert decisions(warmed, today) == expected
    assert len({line.split("reason")[0] for line in expected}) > 1


def test_base_candles_are_needed_from_the_start_of_the_longest_candle():
    decider = Decider(get_strategy("breakout"), {"trigger": "cross"}, MINUTE_MS)
    now = 10 * 24 * HOUR_MS + 7 * HOUR_MS + 33 * MINUTE_MS
    assert decider.base_start(now) == 10 * 24 * HOUR_MS + 4 * HOUR_MS
    # One entry a day: what the day had so far must be known.
    once = Decider(get_strategy("breakout"), {}, MINUTE_MS)
    assert once.base_start(now) == 10 * 24 * HOUR_MS
    assert decider.history_needed() == {HOUR_MS: 550, 4 * HOUR_MS: 594}


def test_a_higher_candle_is_evaluated_with_its_last_base_candle():
    decider = Decider(get_strategy("breakout"), {"filters": "off", "signal_tf": "5m"}, MINUTE_MS)
    reasons = [decider.on_candle(Candle(i * MINUTE_MS, 1, 1, 1, 1)).reason for i in range(10)]
    evaluated = [i for i, reason in enumerate(reasons) if reason != "between 5m candles"]
    assert evaluated == [4, 9]


def test_a_series_that_begins_inside_a_candle_does_not_give_it():
    decider = Decider(get_strategy("breakout"), {"filters": "off", "signal_tf": "5m"}, MINUTE_MS)
    reasons = [decider.on_candle(Candle(i * MINUTE_MS, 1, 1, 1, 1)).reason for i in range(2, 15)]
    evaluated = [2 + i for i, reason in enumerate(reasons) if reason != "between 5m candles"]
    assert evaluated == [9, 14]
    # Later holes leave a candle as it is.
    late = [decider.on_candle(Candle(i * MINUTE_MS, 1, 1, 1, 1)).reason for i in range(17, 20)]
    assert late[-1] != "between 5m candles"


def test_columns_that_begin_inside_a_higher_candle_do_not_give_it():
    minutes = CandleColumns.of([i * MINUTE_MS for i in range(3, 17)], *[[1.0] * 14] * 4)
    assert minutes.higher(5 * MINUTE_MS).open_time.tolist() == [
        5 * MINUTE_MS,
        10 * MINUTE_MS,
        15 * MINUTE_MS,
    ]
    assert len(minutes.rows(0, 2).higher(5 * MINUTE_MS)) == 0
    # A hole at the start of a later candle leaves it as it is.
    holed = CandleColumns.of([i * MINUTE_MS for i in (3, 4, 6, 7, 10)], *[[1.0] * 5] * 4)
    assert holed.higher(5 * MINUTE_MS).open_time.tolist() == [5 * MINUTE_MS, 10 * MINUTE_MS]


def test_a_higher_candle_without_its_last_minute_is_evaluated_with_the_next_candle():
    decider = Decider(
        get_strategy("rsi_bollinger"), {"filters": "off", "signal_tf": "5m"}, MINUTE_MS
    )
    minutes = [0, 1, 2, 3, 6, 7]
    reasons = [decider.on_candle(Candle(i * MINUTE_MS, 1, 1, 1, 1)).reason for i in minutes]
    evaluated = [m for m, reason in zip(minutes, reasons, strict=True) if reason == "warming up"]
    assert evaluated == [6]


def test_a_candle_that_does_not_follow_is_refused():
    decider = Decider(get_strategy("breakout"), {}, MINUTE_MS)
    decider.on_candle(Candle(MINUTE_MS, 1, 1, 1, 1))
    with pytest.raises(DataError, match="does not follow"):
        decider.on_candle(Candle(MINUTE_MS, 1, 1, 1, 1))


def test_a_timeframe_that_base_candles_cannot_form_is_refused():
    with pytest.raises(ParameterError, match="signal_tf = 1m cannot be built from candles of 5m"):
        Decider(get_strategy("breakout"), {"signal_tf": "1m"}, 5 * MINUTE_MS)
    with pytest.raises(ParameterError, match="filter_tf = 4h cannot be built from candles of 1d"):
        Decider(get_strategy("breakout"), {"signal_tf": "1d"}, 24 * HOUR_MS)


@pytest.mark.parametrize(("name", "values"), [marked(*case) for case in SETTINGS])
def test_later_candles_change_no_earlier_decision(name, values, bitcoin):
    strategy = get_strategy(name)
    candles = bitcoin.rows(0, 6_000)
    whole = decide(strategy, candles, values)
    assert {0.0, 1.0} <= set(whole[:, 0])
    for end in [*range(5_000, 5_040), 1_500, 2_881, 3_333]:
        assert decide(strategy, candles.rows(0, end), values).tobytes() == whole[:end].tobytes()
    changed = CandleColumns.of(
        candles.open_time,
        *[
            np.append(column[:4_000], column[4_000:] * 1.1)
            for column in (candles.open, candles.high)
        ],
        *[
            np.append(column[:4_000], column[4_000:] * 0.9)
            for column in (candles.low, candles.close)
        ],
        np.append(candles.volume[:4_000], candles.volume[4_000:] * 3.0),
    )
    assert decide(strategy, changed, values)[:4_000].tobytes() == whole[:4_000].tobytes()


OF_WINDOWS = {
    "bb_breakout",
    "ict_aggressive",
    "ict_conservative",
    "ict_mixed",
    "momentum",
    "surge",
}
"""Strategies without recursive means: their values are the same to the bit."""


@pytest.mark.parametrize("name", [marked(name) for name in strategy_names()])
def test_starting_later_with_the_declared_warmup_gives_the_same_decisions(name, bitcoin):
    strategy = get_strategy(name)
    values = quick_values(name)
    needed = Decider(strategy, values, MINUTE_MS).history_needed()
    warmup = max(length * candles for length, candles in needed.items()) // MINUTE_MS
    rows = warmup + 6_000
    whole = decide(strategy, bitcoin.rows(0, rows), values)
    for start in (1, 777) if len(needed) == 1 else (15, 780):
        later = decide(strategy, bitcoin.rows(start, rows), values)[warmup:]
        same = whole[start + warmup :]
        assert np.array_equal(later[:, :2], same[:, :2])
        np.testing.assert_allclose(later[:, 2:4], same[:, 2:4], rtol=1e-9, atol=1e-9)
        if name in OF_WINDOWS:
            assert later.tobytes() == same.tobytes()


def test_every_strategy_is_checked_for_look_ahead():
    assert {name for name, _ in SETTINGS} == set(strategy_names())


def test_a_minute_that_is_missing_inside_a_higher_candle_does_not_close_it(bitcoin):
    values = {"filters": "off", "signal_tf": "15m"}
    decider = Decider(get_strategy("rsi_bollinger"), values, MINUTE_MS)
    start = int(np.flatnonzero(bitcoin.open_time % HOUR_MS == 0)[0])
    kept = [row for row in range(start, start + 60) if row - start not in (3, 4, 21, 40)]
    closing = []
    for row in kept:
        if not decider.on_candle(bitcoin.candle(row)).reason.startswith("between"):
            closing.append(row - start)
    assert closing == [14, 29, 44, 59]


def test_the_last_entry_of_a_stream_says_whether_the_filters_held_it(bitcoin):
    values = EAGER | {"min_adx": 25.0, "signal_tf": "5m", "filter_tf": "15m", "k": 0.1}
    stream = decide(get_strategy("breakout"), bitcoin.rows(0, 8_000), values, compiled=False)
    assert set(stream[:, FILTERED].tolist()) == {0.0, 1.0}
