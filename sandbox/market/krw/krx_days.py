"""The trading days of a recording of Korean stocks."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import numpy as np

from sandbox.engines.common.money import to_multiple
from sandbox.engines.kis.calendar import CLOSE_MS, KST_MS, OPEN_MS, TradingCalendar
from sandbox.engines.kis.price_limits import LADDER
from sandbox.market.feed import SymbolFeed
from trading.candles import DAY_MS


def calendar_of(feeds: Iterable[SymbolFeed]) -> TradingCalendar:
    """Return the days on which any stock traded in its session, and the closes of each."""
    days: set[int] = set()
    closes: dict[str, tuple[tuple[int, Decimal], ...]] = {}
    for feed in feeds:
        korean = feed.series.open_time + KST_MS
        clock = korean % DAY_MS
        rows = np.flatnonzero((clock >= OPEN_MS) & (clock <= CLOSE_MS))
        traded = korean[rows] // DAY_MS
        last = np.flatnonzero(np.r_[traded[1:] != traded[:-1], np.ones(min(1, len(traded)), bool)])
        found = [(int(traded[row]), _on_grid(float(feed.series.close[rows[row]]))) for row in last]
        closes[feed.symbol] = tuple(found)
        days.update(day for day, _ in found)
    return TradingCalendar(tuple(sorted(days)), closes)


def _on_grid(price: float) -> Decimal:
    return to_multiple(price, LADDER.step(Decimal(repr(price))))
