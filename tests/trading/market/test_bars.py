"""Higher candles start where those of the exchange do."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from trading.candles import DAY_MS, HOUR_MS, WEEK_MS, CandleColumns, interval_ms, interval_name
from trading.market.bars import PARTIAL, SIGNAL_AT, STARTED, bar_start, grow_bar, new_bars
from trading.market.rows import Bar
from trading.strategies.decider import Decider
from trading.strategies.registry import get_strategy


def weekday(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%A %H:%M}"


@pytest.mark.parametrize("seed", range(20))
def test_weeks_start_on_monday_on_both_backends(seed):
    hour = 400_000 + int(np.random.default_rng(seed).integers(0, 24 * 30))
    times = HOUR_MS * np.arange(hour, hour + 24 * 20)
    ones = np.ones(len(times))
    weeks = CandleColumns.of(times, ones, ones, ones, ones, ones, HOUR_MS).higher(WEEK_MS)
    assert {weekday(int(time)) for time in weeks.open_time} == {"Monday 00:00"}
    for time in times.tolist():
        # The week inside which the hours begin is not given.
        given = bar_start(time, WEEK_MS) >= times[0]
        assert (bar_start(time, WEEK_MS) in weeks.open_time) == given
    bars = new_bars(WEEK_MS, 0, 0)
    grow_bar(bars, SIGNAL_AT, Bar(int(times[0]), HOUR_MS, 1.0, 1.0, 1.0, 1.0, 1.0))
    begun = int(bars[SIGNAL_AT + STARTED])
    assert begun == weeks.open_time[0] - (WEEK_MS if bars[SIGNAL_AT + PARTIAL] else 0)
    assert bool(bars[SIGNAL_AT + PARTIAL]) == (begun < times[0])


@pytest.mark.parametrize("length", [HOUR_MS, 4 * HOUR_MS, DAY_MS, 3 * DAY_MS])
def test_other_candles_count_from_1970(length):
    time = 20_003 * DAY_MS + 7 * HOUR_MS
    assert bar_start(time, length) == time - time % length


def test_a_decider_with_weekly_candles_needs_base_candles_from_monday():
    decider = Decider(get_strategy("breakout"), {"filter_tf": "1w"}, HOUR_MS)
    assert weekday(decider.base_start(20_003 * DAY_MS + 7 * HOUR_MS)) == "Monday 00:00"


def test_a_week_has_the_name_that_the_exchange_gives_it():
    assert interval_name(interval_ms("1w")) == "1w"
    assert interval_name(interval_ms("3d")) == "3d"
