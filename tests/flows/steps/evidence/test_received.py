"""Candles as an executor received them: the first of a minute counts, in little memory."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import pyarrow as pa

from flows.steps.evidence.received import NOTHING, PRICES, received_candles
from trading.candles import DAY_MS, MINUTE_MS, CandleColumns

NOON = 1_750_248_000_000
BTC, ETH = ("binance_usdm", "BTCUSDT"), ("binance_usdm", "ETHUSDT")


def table(*rows: tuple[tuple[str, str], int, float, int, int]) -> pa.Table:
    """Recorded candles: instrument, minute after noon, price, fresh, receipt (s after noon)."""
    times = pa.timestamp("ms", "UTC")
    columns: dict[str, Any] = {
        "venue": [own[0] for own, *_ in rows],
        "symbol": [own[1] for own, *_ in rows],
        "open_time": pa.array([NOON + minute * MINUTE_MS for _, minute, *_ in rows], times),
        **{name: [price for _, _, price, *_ in rows] for name in PRICES},
        "fresh": [fresh for *_, fresh, _ in rows],
        "received_at": pa.array([NOON + second * 1_000 for *_, second in rows], times),
    }
    return pa.table(columns)


def event(own: tuple[str, str], minute: int, price: float) -> dict[str, Any]:
    """A candle that led to something."""
    data = dict.fromkeys(PRICES, price) | {"open_time": NOON + minute * MINUTE_MS, "fresh": True}
    return {
        "type": "candle_closed",
        "venue": own[0],
        "symbol": own[1],
        "data": json.dumps(data),
    }


def test_the_first_that_was_received_of_a_minute_counts() -> None:
    days = [
        table((BTC, 1, 12.0, 0, 150), (BTC, 0, 10.0, 1, 60), (ETH, 1, 5.0, 1, 120)),
        table((BTC, 1, 11.0, 1, 120)),
    ]
    found = received_candles(days, [event(BTC, 2, 13.0), event(BTC, 0, 99.0), {"type": "other"}])
    own = found[BTC]
    assert own.open_time.tolist() == [NOON, NOON + MINUTE_MS, NOON + 2 * MINUTE_MS]
    assert own.prices[:, 3].tolist() == [10.0, 11.0, 13.0]
    assert own.fresh.tolist() == [True, True, True]
    assert found[ETH].prices.tolist() == [[5.0] * 5]
    assert received_candles([], []) == {}


def test_what_closed_in_a_span_is_due_with_whether_it_came_in_time() -> None:
    own = received_candles([table(*((BTC, n, 10.0, n % 2, n) for n in range(4)))], [])[BTC]
    first, last = NOON + MINUTE_MS, NOON + 3 * MINUTE_MS
    assert own.due(first, last) == {NOON + MINUTE_MS: True, NOON + 2 * MINUTE_MS: False}


def test_what_was_received_stands_over_what_is_stored() -> None:
    times = [NOON + n * MINUTE_MS for n in range(3)]
    stored = CandleColumns.of(times, *[[1.0, 2.0, 3.0]] * 5)
    own = received_candles([table((BTC, 1, 20.0, 1, 1), (BTC, 3, 40.0, 1, 3))], [])[BTC]
    joined = own.over(stored)
    assert joined.close.tolist() == [1.0, 20.0, 3.0, 40.0]
    assert joined.open_time.tolist() == [*times, NOON + 3 * MINUTE_MS]
    assert NOTHING.over(stored).close.tolist() == [1.0, 2.0, 3.0]


def test_a_candle_takes_a_hundred_bytes_at_most() -> None:
    minutes = 3 * DAY_MS // MINUTE_MS
    days = table(*((BTC, n, 10.0, 1, n) for n in range(minutes)))
    tracemalloc.start()
    try:
        own = received_candles([days], [])[BTC]
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(own.open_time) == minutes
    assert held < 60 * minutes
    assert most < 400 * minutes
    assert own.prices.dtype == np.float64
