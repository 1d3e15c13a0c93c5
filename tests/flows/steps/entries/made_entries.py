"""Entries made up for tests: a chance to win that one feature tells, or that nothing tells."""

from __future__ import annotations

import numpy as np

from flows.steps.entries.rows import EntryRows, SymbolBars
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS

FEATURES = ("tells", "noise_a", "noise_b")
BEGIN = 1_740_787_200_000  # 2025-03-01


def made_entries(
    seed: int, *, lift: float = 0.0, days: int = 60, each_day: int = 12, cost: float = 0.002
) -> EntryRows:
    """Draw entries of two symbols that win or lose 1 % less ``cost``.

    The chance to win is one half, and ``lift`` more (less) where the first feature is above
    (below) 0. Each lasts up to three hours.
    """
    random = np.random.default_rng(seed)
    times = BEGIN + 15 * MINUTE_MS * np.arange(days * 96, dtype=np.int64)
    bars = tuple(
        SymbolBars(name, times, random.normal(size=(len(times), len(FEATURES))))
        for name in ("BTCUSDT", "ETHUSDT")
    )
    count = days * each_day
    places = np.sort(random.integers(0, len(times) - 30, count))
    symbols = random.integers(0, 2, count)
    decided = times[places] + 5 * MINUTE_MS
    known = decided + random.integers(1, 180, count) * MINUTE_MS
    marks = np.array([bars[s].x[p, 0] for s, p in zip(symbols, places, strict=True)])
    won = random.random(count) < 0.5 + lift * np.sign(marks)
    net = np.where(won, 0.01, -0.01) - cost
    return EntryRows(FEATURES, bars, symbols, places, decided, known, net)


__all__ = ["BEGIN", "DAY_MS", "FEATURES", "HOUR_MS", "made_entries"]
