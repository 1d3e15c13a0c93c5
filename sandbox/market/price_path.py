"""The path of a price inside a recorded minute: which prices, in which order, when."""

from __future__ import annotations

import random
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from sandbox.market.candles import Ticks

# When the path reaches its extremes and its last trade.
FIRST_EXTREME_MS, SECOND_EXTREME_MS, LAST_TRADE_MS = 15_000, 35_000, 58_000


def turning_points(candle: Ticks, exposure: int, seed: str) -> list[tuple[int, Decimal]]:
    """Return (offset in ms, price) of the two extremes and the close; the path starts at the open.

    The extreme that hurts the ``exposure`` (sign of the open position) comes first, as in the
    backtest. Without a position a rising candle goes down first, a falling one up first, and
    ``seed`` decides for a candle without direction.
    """
    low_first = exposure > 0
    if exposure == 0:
        if candle.close == candle.open:
            low_first = random.Random(seed).random() < 0.5
        else:
            low_first = candle.close > candle.open
    first, second = (candle.low, candle.high) if low_first else (candle.high, candle.low)
    return [
        (FIRST_EXTREME_MS, first),
        (SECOND_EXTREME_MS, second),
        (LAST_TRADE_MS, candle.close),
    ]


def refine(
    start: Decimal, points: list[tuple[int, Decimal]], every_ms: int, tick: Decimal
) -> list[tuple[int, Decimal]]:
    """Add a point each ``every_ms`` to a path, on straight lines between turning points."""
    refined: list[tuple[int, Decimal]] = []
    begin = 0
    for end, price in points:
        for offset in range(begin - begin % every_ms + every_ms, end, every_ms):
            share = Decimal(offset - begin) / Decimal(end - begin)
            between = ((start + (price - start) * share) / tick).quantize(
                Decimal(1), rounding=ROUND_HALF_EVEN
            )
            refined.append((offset, between * tick))
        refined.append((end, price))
        begin, start = end, price
    return refined


def next_stop(price: Decimal, target: Decimal, levels: Iterable[Decimal], tick: Decimal) -> Decimal:
    """Return the first price between ``price`` and ``target`` that reaches one of ``levels``.

    A level off the tick grid is reached at the first tick beyond it.
    """
    if target == price:
        return target
    if target > price:
        above = (_ceil(level, tick) for level in levels if level > price)
        return min((stop for stop in above if stop < target), default=target)
    below = (_floor(level, tick) for level in levels if level < price)
    return max((stop for stop in below if stop > target), default=target)


def _floor(level: Decimal, tick: Decimal) -> Decimal:
    return level - level % tick


def _ceil(level: Decimal, tick: Decimal) -> Decimal:
    rest = level % tick
    return level + tick - rest if rest else level
