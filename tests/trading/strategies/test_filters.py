"""The filters before an entry, candle by candle."""

from __future__ import annotations

import pytest

from trading.indicators.core import ema_step
from trading.strategies.filters import (
    FILTER_SIZE,
    HOURLY_CLOSE,
    HOURLY_NOW,
    filters_clear,
    hourly_step,
)


def test_the_hourly_trend_is_an_ema_of_fifty_closes() -> None:
    state, mean = [0.0] * FILTER_SIZE, [0.0] * 2
    filters_clear(state)
    wanted = 0.0
    for hour in range(120):
        close = 100.0 + hour % 7
        hourly_step(state, close)
        wanted = ema_step(mean, 0, 50, close)
    assert (state[HOURLY_CLOSE], state[HOURLY_NOW]) == (100.0, pytest.approx(wanted, rel=1e-14))
