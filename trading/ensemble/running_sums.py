"""Sums over days that grow by a day at a time and are exact.

Every finite double is a whole multiple of 2 ** -1074, so whole numbers hold sums of values and of
products without rounding: nothing cancels, and a sum does not depend on how often it was asked.
"""

from __future__ import annotations

import math
from collections import deque

LAGS = 5
"""Days over which differences may be correlated (Newey and West, 1987)."""
_BITS = 1074


class RunningScore:
    """The score of a member after each of its daily returns."""

    __slots__ = ("_count", "_squares", "_total")

    def __init__(self) -> None:
        self._count = 0
        self._total = 0
        self._squares = 0

    def add(self, value: float) -> None:
        """Add the return of a day."""
        whole = _whole(value)
        self._count += 1
        self._total += whole
        self._squares += whole * whole

    def score(self, prior_days: float) -> float:
        """Return mean over deviation, shrunk by ``prior_days`` days of 0; see `member_score`."""
        count, total = self._count, self._total
        spread = count * self._squares - total * total
        if count < 2 or total <= 0 or spread <= 0:
            return 0.0
        mean = total / (count << _BITS)
        variance = spread / (count * (count - 1) << 2 * _BITS)
        if variance <= 0.0:
            return 0.0
        return mean / math.sqrt(variance) * count / (count + prior_days)


class RunningMean:
    """The mean of daily values and its standard error, after each of them.

    The error allows for correlation over `LAGS` days.
    """

    __slots__ = ("_first", "_last", "_products", "_total", "count")

    def __init__(self) -> None:
        self.count = 0
        self._total = 0
        self._first: list[int] = []
        self._last: deque[int] = deque(maxlen=LAGS)
        self._products = [0] * (LAGS + 1)

    def add(self, value: float) -> None:
        """Add the value of a day."""
        whole = _whole(value)
        self._products[0] += whole * whole
        for lag, before in enumerate(reversed(self._last), start=1):
            self._products[lag] += whole * before
        self._last.append(whole)
        if len(self._first) < LAGS:
            self._first.append(whole)
        self._total += whole
        self.count += 1

    def mean(self) -> float:
        """Return the mean; 0 without values."""
        return self._total / (self.count << _BITS) if self.count else 0.0

    def error(self) -> float:
        """Return the standard error of the mean; 0 without values."""
        count, total = self.count, self._total
        if not count:
            return 0.0
        # Of each lag, the sum of the products of deviations, times count squared.
        parts = [count * count * self._products[0] - count * total * total]
        first, last = self._first, list(self._last)
        for lag in range(1, min(LAGS, count - 1) + 1):
            ends = 2 * total - sum(first[:lag]) - sum(last[-lag:])
            shared = count * count * self._products[lag] - count * total * ends
            parts.append(shared + (count - lag) * total * total)
        weighted = (LAGS + 1) * parts[0]
        weighted += sum(2 * (LAGS + 1 - lag) * parts[lag] for lag in range(1, len(parts)))
        variance = weighted / ((LAGS + 1) * count * count << 2 * _BITS)
        return math.sqrt(max(variance, 0.0)) / count


def _whole(value: float) -> int:
    """Return a finite value in units of 2 ** -1074."""
    numerator, denominator = value.as_integer_ratio()
    return numerator << (_BITS + 1 - denominator.bit_length())
