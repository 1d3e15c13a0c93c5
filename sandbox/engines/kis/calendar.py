"""Sessions and base prices of the Korean market, by days of Korean time.

The session is 09:00 to 15:30; its last trade, that of the closing auction, prints at 15:30. So the
orders of a day end one minute later.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS

KST_MS = 9 * HOUR_MS
OPEN_MS, CLOSE_MS = 9 * HOUR_MS, 15 * HOUR_MS + 30 * MINUTE_MS
EXPIRY_MS = CLOSE_MS + MINUTE_MS
# 1970-01-01 was a Thursday; days are counted from it.
THURSDAY, SATURDAY, WEEK = 3, 5, 7


def day_of(time: int) -> int:
    """Return the day of Korean time (days since 1970) of a time (ms UTC)."""
    return (time + KST_MS) // DAY_MS


def time_of_day(time: int) -> int:
    """Return the time of day in Korea (ms since midnight) of a time (ms UTC)."""
    return (time + KST_MS) % DAY_MS


def day_start(day: int) -> int:
    """Return the time (ms UTC) at which a day of Korean time begins."""
    return day * DAY_MS - KST_MS


@dataclass(frozen=True, slots=True)
class TradingCalendar:
    """The days that were traded, and each symbol's closes by day, both sorted.

    Weekdays inside the recording on which nothing was traded are holidays.
    """

    days: tuple[int, ...] = ()
    closes: Mapping[str, tuple[tuple[int, Decimal], ...]] = field(default_factory=dict)

    def trades_on(self, day: int) -> bool:
        """Whether the market opens on ``day``."""
        if (day + THURSDAY) % WEEK >= SATURDAY:
            return False
        recorded = bool(self.days) and self.days[0] <= day <= self.days[-1]
        place = bisect_left(self.days, day)
        return not recorded or self.days[place] == day

    def phase(self, time: int) -> str:
        """Return what the market does at ``time``: open, before, after or holiday."""
        if not self.trades_on(day_of(time)):
            return "holiday"
        clock = time_of_day(time)
        return "before" if clock < OPEN_MS else "after" if clock >= CLOSE_MS else "open"

    def base(self, symbol: str, time: int) -> Decimal | None:
        """Return the last close before the day of ``time``, None without one."""
        closes = self.closes.get(symbol, ())
        place = bisect_left(closes, (day_of(time),))
        return closes[place - 1][1] if place else None

    def last_days(self, time: int, count: int) -> tuple[int, ...]:
        """Return the last trading days up to that of ``time``, newest first."""
        found = self.days[: bisect_right(self.days, day_of(time))]
        return found[: -count - 1 : -1]


def expiry_of(time: int) -> int:
    """Return the time (ms UTC) at which an order of ``time`` ends with its day."""
    return day_start(day_of(time)) + EXPIRY_MS
