"""Candles in columns as kernels read them, and the extremes that let the search jump."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from trading.candles import DAY_MS, Candle, CandleColumns, Flags
from trading.jit.backends import Backend
from trading.jit.kernel import Buffer, kernel

BLOCK = 32
WIDE = 256  # candles of a wide block: 8 blocks


class Rows(NamedTuple):
    """Candles by row: open times in ms, prices, volumes.

    ``closing`` is 1 for each candle in which a trading day ends; empty where days end at 00:00 UTC.
    """

    times: list[int]
    opens: Buffer
    highs: Buffer
    lows: Buffer
    closes: Buffer
    volumes: Buffer
    closing: list[int]


def rows_of(candles: CandleColumns, backend: Backend) -> Rows:
    """Return the candles as kernels of ``backend`` read them."""
    c = candles
    prices = (backend.column(column) for column in (c.open, c.high, c.low, c.close, c.volume))
    opens, highs, lows, closes, volumes = prices
    times, closing = backend.column(c.open_time), closing_of([c], backend)
    return Rows(times, opens, highs, lows, closes, volumes, closing)


def closing_of(series: Sequence[CandleColumns], backend: Backend) -> list[int]:
    """Return what `Rows.closing` holds for candles end to end.

    Beside candles that close, the days of those that never do end at 00:00 UTC.
    """
    flags = np.empty(0)
    if any(c.closing is not None for c in series):
        flags = np.concatenate([_day_ends(c) if c.closing is None else c.closing for c in series])
    found: list[int] = backend.integers(flags.astype(np.int64))
    return found


def _day_ends(candles: CandleColumns) -> Flags:
    return np.equal((candles.open_time + candles.interval_ms) % DAY_MS, 0)


class Bar(NamedTuple):
    """One closed candle as a strategy's step reads it: open and length in ms, prices, volume."""

    open_time: int
    length: int
    open: float
    high: float
    low: float
    close: float
    volume: float


def bar_of(candle: Candle, length: int) -> Bar:
    """Return a candle of ``length`` ms as the kernels read it."""
    prices = candle.open, candle.high, candle.low, candle.close
    return Bar(candle.open_time, length, *prices, candle.volume)


@kernel
def bar_at(rows: Rows, row: int, length: int) -> Bar:
    """Return the candle of a row, ``length`` ms long."""
    return Bar(
        rows.times[row],
        length,
        rows.opens[row],
        rows.highs[row],
        rows.lows[row],
        rows.closes[row],
        rows.volumes[row],
    )


class Extremes(NamedTuple):
    """Least low and most high of each block of `BLOCK` and `WIDE` rows, and of each UTC day.

    ``days`` has the first row of each day that has rows, then the number of rows. The rests are the
    extremes from the start of a block to the end of the day it starts in.
    """

    least: Buffer
    most: Buffer
    wide_least: Buffer
    wide_most: Buffer
    days: list[int]
    day_low: Buffer
    day_high: Buffer
    rest_least: Buffer
    rest_most: Buffer
