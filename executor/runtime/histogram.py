"""Counts of observations by their size, as Prometheus has them."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence

LATENCY_BUCKETS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """Counts of observations by upper bound, as Prometheus has them; seconds."""

    def __init__(self, bounds: Sequence[float] = LATENCY_BUCKETS_S) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect.bisect_left(self._bounds, value)] += 1
        self._sum += value

    @property
    def sum(self) -> float:
        """Sum of all observations."""
        return self._sum

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bounds and cumulative counts; the last one counts everything."""
        names = [*map(str, self._bounds), "+Inf"]
        return list(zip(names, map(float, itertools.accumulate(self._counts)), strict=True))
