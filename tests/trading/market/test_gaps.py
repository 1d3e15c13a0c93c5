"""Missing candles: inside a window, and at its ends."""

from __future__ import annotations

import pytest

from trading.candles import MINUTE_MS, CandleColumns
from trading.market.gaps import Gaps, gaps_in


def minutes(*there: int) -> CandleColumns:
    ones = [1.0] * len(there)
    times = [MINUTE_MS * minute for minute in there]
    return CandleColumns.of(times, ones, ones, ones, ones, interval_ms=MINUTE_MS)


@pytest.mark.parametrize(
    ("there", "window", "expected"),
    [
        ((5, 6, 7), (None, None), Gaps(0, 0)),
        ((5, 6, 9, 10, 12), (None, None), Gaps(2, 3)),
        ((5, 6, 9), (6, 9), Gaps(1, 2)),  # the candle after the window's end does not count
        ((5, 6, 9), (3, 12), Gaps(3, 6)),
        ((5, 6, 7), (5, 8), Gaps(0, 0)),
        ((5,), (20, 30), Gaps(0, 0)),
    ],
)
def test_a_window_lacks_what_no_candle_opens_at(there, window, expected):
    start, end = (None if minute is None else minute * MINUTE_MS for minute in window)
    assert gaps_in(minutes(*there), start, end) == expected


def test_a_gap_is_said_in_words_and_none_is_silent():
    assert Gaps().sentence == ""
    assert Gaps(1, 1).sentence == "1 candle is missing in 1 place"
    assert Gaps(2, 1_203).sentence == "1,203 candles are missing in 2 places"
