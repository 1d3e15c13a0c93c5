"""The price guard: refuses values that are no prices, and doubts a price far from the last one."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter, deque

from executor.model import InstrumentId
from trading.candles import Candle

log = logging.getLogger(__name__)

ODD = 0.3
"""A move from one price to the next that is looked at again before anything acts on it."""
LATELY_S = 60.0
REMEMBERED = 100
SOURCES = ("candles", "prices", "rest", "odd")


class PriceGuard:
    """Counts what it refuses, by stream; the first refusal of each stream is logged."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self._refused_at: deque[float] = deque(maxlen=REMEMBERED)
        self.doubted: dict[InstrumentId, float] = {}
        """Odd prices that nothing has confirmed yet, by symbol."""
        self._last: dict[InstrumentId, float] = {}

    def price(self, source: str, symbol: InstrumentId, price: float) -> bool:
        """Whether this is a price at all."""
        return usable(price) or self.refuse(source, symbol, price)

    def candle(self, source: str, symbol: InstrumentId, candle: Candle) -> bool:
        """Whether these are prices and a volume; a quiet minute has no volume."""
        prices = (candle.open, candle.high, candle.low, candle.close)
        volume = math.isfinite(candle.volume) and candle.volume >= 0
        return (all(map(usable, prices)) and volume) or self.refuse(source, symbol, candle)

    def refuse(self, source: str, symbol: InstrumentId, what: object) -> bool:
        """Count what is not handed on; always False."""
        self.refused[source] += 1
        self._refused_at.append(time.monotonic())
        if self.refused[source] == 1:
            log.error("%s: refused from %s, further ones are counted: %s", symbol, source, what)
        return False

    def refused_lately(self) -> int:
        """Values refused within the last minute, counted up to `REMEMBERED`."""
        return sum(moment > time.monotonic() - LATELY_S for moment in self._refused_at)

    def odd(self, symbol: InstrumentId, price: float) -> bool:
        """Whether a price is too far from the last one to act on it."""
        last = self._last.get(symbol)
        if last is not None and abs(price / last - 1) > ODD:
            self.refuse("odd", symbol, price)
            self.doubted[symbol] = price
            return True
        self.believe(symbol, price)
        return False

    def odd_candle(self, symbol: InstrumentId, candle: Candle) -> bool:
        """Whether a closed candle went too far from the last price to be believed at once."""
        last = self._last.get(symbol)
        if last is None or all(abs(p / last - 1) <= ODD for p in (candle.low, candle.high)):
            return False
        self.refuse("odd", symbol, candle)
        return True

    def believe(self, symbol: InstrumentId, price: float) -> None:
        """Take a price as the last one."""
        self._last[symbol] = price
        self.doubted.pop(symbol, None)


def usable(price: float) -> bool:
    """Whether a number can be a price."""
    return math.isfinite(price) and price > 0
