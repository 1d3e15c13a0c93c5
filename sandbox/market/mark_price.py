"""Mark prices other than the last price: recorded candles, or a smoothed last price."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Protocol

from sandbox.engines.common.money import CENT8, money
from sandbox.market.candles import Series, Ticks, ticks_at
from sandbox.market.price_path import FIRST_EXTREME_MS, LAST_TRADE_MS, SECOND_EXTREME_MS
from trading.candles import MINUTE_MS

# The time that the smoothed mark price needs for half of a jump of the last price.
HALF_MS = 30_000


class MarkRule(Protocol):
    """A rule for the mark price; called in time order, without knowledge of the future."""

    def price_at(self, time: int, price: Decimal, *, low_first: bool) -> Decimal:
        """Return the mark price at market ``time`` (ms) when the last price becomes ``price``.

        With ``low_first`` the running minute's path visits its low before its high.
        """


class SmoothedMark:
    """Follows the last price: in t ms it covers t / (t + ``HALF_MS``) of the distance."""

    def __init__(self) -> None:
        self._mark: Decimal | None = None
        self._time = 0

    def price_at(self, time: int, price: Decimal, *, low_first: bool) -> Decimal:
        """Return the mark price when the last price becomes ``price``."""
        del low_first
        if self._mark is None:
            self._mark = price
        elif time > self._time:
            passed = time - self._time
            self._mark = money(self._mark + (price - self._mark) * passed / (passed + HALF_MS))
        self._time = time
        return self._mark


class RecordedMark:
    """One-minute candles of the mark price, with the same path as those of the contract.

    In a minute without a candle the mark price is the last price.
    """

    def __init__(self, series: Series) -> None:
        self.series = series

    def price_at(self, time: int, price: Decimal, *, low_first: bool) -> Decimal:
        """Return the mark price on straight lines between open, the extremes and close."""
        minute = time // MINUTE_MS * MINUTE_MS
        row = self.series.index(minute)
        if row < 0:
            return price
        points = _points(ticks_at(self.series, row, CENT8), low_first=low_first)
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
