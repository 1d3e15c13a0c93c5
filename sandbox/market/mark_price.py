"""Mark prices other than the last price: recorded candles of it, or a smoothed last price."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Protocol

from sandbox.engines.common.money import CENT8, money
from sandbox.market.candles import Series, Ticks, ticks_at
from sandbox.market.price_path import FIRST_EXTREME_MS, LAST_TRADE_MS, SECOND_EXTREME_MS
from trading.candles import MINUTE_MS

# After so much market time half of a jump of the last price has reached the smoothed mark price.
HALF_MS = 30_000


class MarkRule(Protocol):
    """What the mark price is; asked in the order of time, and only with what is known by then."""

    def price_at(self, time: int, price: Decimal, *, low_first: bool) -> Decimal:
        """The mark price at market ``time`` (ms), when the last price has become ``price``.

        ``low_first`` tells which extreme the running minute's path visits first.
        """


class SmoothedMark:
    """Follows the last price: within t ms it makes up t / (t + ``HALF_MS``) of the distance."""

    def __init__(self) -> None:
        self._mark: Decimal | None = None
        self._time = 0

    def price_at(self, time: int, price: Decimal, *, low_first: bool) -> Decimal:
        """The mark price after the last price has become ``price``."""
        del low_first
        if self._mark is None:
            self._mark = price
        elif time > self._time:
            passed = time - self._time
            self._mark = money(self._mark + (price - self._mark) * passed / (passed + HALF_MS))
        self._time = time
        return self._mark


class RecordedMark:
    """One-minute candles of the mark price, walked along the same way as those of the contract.

    A minute without a candle has the last price for its mark price.
    """

    def __init__(self, series: Series) -> None:
        self._series = series

    def price_at(self, time: int, price: Decimal, *, low_first: bool) -> Decimal:
        """The mark price on straight lines between open, the extremes and close."""
        minute = time // MINUTE_MS * MINUTE_MS
        row = self._series.index(minute)
        if row < 0:
            return price
        points = _points(ticks_at(self._series, row, CENT8), low_first=low_first)
        offset = time - minute
        for (begin, start), (end, target) in pairwise(points):
            if offset <= end:
                return money(start + (target - start) * (offset - begin) / (end - begin))
        return points[-1][1]


def _points(candle: Ticks, *, low_first: bool) -> list[tuple[int, Decimal]]:
    first, second = (candle.low, candle.high) if low_first else (candle.high, candle.low)
    return [
        (0, candle.open),
        (FIRST_EXTREME_MS, first),
        (SECOND_EXTREME_MS, second),
        (LAST_TRADE_MS, candle.close),
    ]
