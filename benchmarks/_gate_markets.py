"""Markets whose truth is known: noise of several kinds, and edges that are planted in candles.

An edge is a drift per minute after the price has broken out of the day's opening by a part of the
range of the day before, until the day ends. Nothing else moves the price on average, so whoever
enters at the breakout earns the drift.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from trading.candles import DAY_MS, MINUTE_MS, CandleColumns

FloatArray = NDArray[np.float64]

SAMPLE = Path(__file__).resolve().parents[1] / "data_lake" / "sample" / "candles_1m" / "usdm"
MINUTES = 1440
VOLATILITY = 6e-4
"""Deviation of a minute's return: 2.3 % a day."""
FIRST_DAY = 20_000
SHAPES = ("every entry", "one parameter region", "one regime")
_BLOCK = 240


def random_walk(rng: np.random.Generator, days: int) -> CandleColumns:
    """A market without any edge: independent Gaussian minutes."""
    return candles_of(rng, VOLATILITY * rng.standard_normal(days * MINUTES))


def shuffled_candles(rng: np.random.Generator, symbol: str, days: int) -> CandleColumns:
    """Real minutes in shuffled blocks of four hours: their fat tails and memory, and no drift."""
    closes = pq.read_table(SAMPLE / f"{symbol}.parquet", columns=["close"])["close"].to_numpy()
    returns = np.diff(np.log(closes))
    returns -= returns.mean()
    blocks = returns[: len(returns) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    chosen = rng.integers(0, len(blocks), size=days * MINUTES // _BLOCK)
    return candles_of(rng, blocks[chosen].ravel())


def planted(rng: np.random.Generator, days: int, shape: str, drift: float) -> CandleColumns:
    """A random walk with ``drift`` a minute after breakouts, in one of `SHAPES`.

    The region lies beyond 0.6 of the range; an entry before that loses on the way. The regime comes
    and goes every 15 days.
    """
    noise = VOLATILITY * rng.standard_normal((days, MINUTES))
    returns = np.empty_like(noise)
    reach = VOLATILITY * np.sqrt(MINUTES)
    for day in range(days):
        returns[day] = _planted_day(noise[day], reach, shape, drift, day)
        path = np.cumsum(returns[day])
        reach = float(max(path.max(), 0.0) - min(path.min(), 0.0))
    return candles_of(rng, returns.ravel())


def _planted_day(noise: FloatArray, reach: float, shape: str, drift: float, day: int) -> FloatArray:
    """Add the drift from the first minute after each crossing; a later one knows the earlier."""
    if shape == "one regime" and day // 15 % 2:
        return noise
    returns = noise.copy()
    if shape == "one parameter region":
        near = _crossing(returns, 0.3 * reach)
        returns[near:] -= 0.3 * drift
        far = _crossing(returns, 0.6 * reach)
        returns[far:] += 1.5 * drift
        return returns
    returns[_crossing(returns, 0.3 * reach) :] += drift
    return returns


def _crossing(returns: FloatArray, level: float) -> int:
    """The minute after the path first exceeds ``level``; the day's length if it never does."""
    above = np.flatnonzero(np.cumsum(returns) > level)
    return int(above[0]) + 1 if len(above) else len(returns)


def candles_of(rng: np.random.Generator, returns: FloatArray) -> CandleColumns:
    """Candles of one minute from log returns, with small shadows."""
    closes = 100.0 * np.exp(np.cumsum(returns))
    opens = np.concatenate(([100.0], closes[:-1]))
    shadow = 0.3 * VOLATILITY * np.abs(rng.standard_normal((2, len(returns))))
    return CandleColumns(
        open_time=FIRST_DAY * DAY_MS + np.arange(len(returns), dtype=np.int64) * MINUTE_MS,
        open=opens,
        high=np.maximum(opens, closes) * (1.0 + shadow[0]),
        low=np.minimum(opens, closes) * (1.0 - shadow[1]),
        close=closes,
        volume=100.0 + 50.0 * rng.random(len(returns)),
        interval_ms=MINUTE_MS,
    )
