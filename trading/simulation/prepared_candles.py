"""Candles made ready for the engines: rows, extremes, and the signals found in them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np

from trading.candles import DAY_MS, CandleColumns, Integers
from trading.errors import DataError
from trading.market.rows import BLOCK, WIDE, Extremes
from trading.simulation.backends import Kernel, Speed
from trading.simulation.engines import level_search
from trading.simulation.layout import LEVELS_WIDTH, Horizons, Signals, Window
from trading.strategies.layout import OUT_SIZE, OWN
from trading.strategies.setup import Setup

ROOM = 4_096
"""Entries of one set that are expected; when there are more, they are looked for once again."""


class Market:
    """The rows of one series, and their extremes: built once for all combinations and threads."""

    def __init__(self, at: Speed, candles: CandleColumns) -> None:
        if len(candles) == 0:
            raise DataError("there are no candles to simulate")
        self.at = at
        self.candles = candles
        self.rows = at.rows(candles)

    @cached_property
    def extremes(self) -> Extremes:
        """Extremes of blocks and days."""
        at, rows = self.at, self.rows
        least, most = _extremes(at, rows.lows, rows.highs, BLOCK)
        wide_least, wide_most = _extremes(at, least, most, WIDE // BLOCK)
        firsts = _day_firsts(self.candles.open_time)
        days = at.whole(np.append(firsts, len(self.candles)))
        low, high = at.floats(len(firsts)), at.floats(len(firsts))
        rests = at.floats(len(least)), at.floats(len(least))
        found = Extremes(least, most, wide_least, wide_most, days, low, high, *rests)
        at.kernel(level_search.fill_days)(rows, found)
        return found

    def window(self, start_ms: int | None = None, end_ms: int | None = None) -> Window:
        """The rows that open from ``start_ms`` to ``end_ms``, exclusive; `DataError` if none do."""
        times = self.candles.open_time
        first = 0 if start_ms is None else int(np.searchsorted(times, start_ms))
        last = (len(times) if end_ms is None else int(np.searchsorted(times, end_ms))) - 1
        if first > last:
            raise DataError(
                f"no candle opens at or after the start of trading, {start_ms} ms"
                + ("" if end_ms is None else f", and before its end, {end_ms} ms")
            )
        first_day = int(times[first]) // DAY_MS
        days = int(times[last]) // DAY_MS - first_day + 1
        return Window(first, last, first_day, days, self.candles.interval_ms)

    def decide(self, setup: Setup, day_bound: bool, *, stream: bool = False) -> tuple[Signals, Any]:
        """All signals of ``setup``, and the decider's output on each row if that is wanted."""
        at, size = self.at, len(self.candles)
        levels = at.room(LEVELS_WIDTH * size if setup.strategy.own_levels else 0)
        room = Signals(at.whole_room(size), at.room(size), levels, at.whole_room(size))
        counts = at.integers(2)
        outputs = at.room(OUT_SIZE * size if stream else 0)
        at.decide_rows(setup.step)(
            self.rows,
            at.machine(setup),
            setup.base_ms,
            setup.is_bare,
            day_bound,
            room,
            counts,
            outputs,
        )
        entered, left = int(counts[0]), int(counts[1])
        return Signals(
            room.entries[:entered],
            room.atrs[:entered],
            room.levels[: LEVELS_WIDTH * entered],
            room.exits[:left],
        ), outputs

    def scan(self, setups: Sequence[Setup]) -> list[Signals | None]:
        """Signals of each setup, found in one pass over the candles for all that can be.

        None for those whose signals must be judged candle by candle.
        """
        found: list[Signals | None] = [None] * len(setups)
        bare = [i for i, setup in enumerate(setups) if setup.is_bare and setup.strategy.scan]
        if not bare:
            return found
        bare.sort(key=lambda i: setups[i].par[OWN:])
        at, width = self.at, len(setups[bare[0]].par)
        scan = at.kernel(cast("Kernel", setups[bare[0]].strategy.scan))
        pars = at.buffer([value for i in bare for value in setups[i].par])
        total, room = 0, ROOM * len(bare)
        while True:
            rows, owners = at.integers(room), at.integers(room)
            targets = at.floats(len(bare))
            total = int(scan(self.rows, self.extremes, pars, width, targets, rows, owners))
            if total <= room:
                break
            room = total
        counts = np.bincount(np.asarray(owners[:total], dtype=np.int64), minlength=len(bare))
        ends = np.cumsum(counts)
        entries = at.integers(total)
        at.kernel(level_search.split_found)(rows, owners, total, at.whole(ends - counts), entries)
        for i, end, count in zip(bare, ends.tolist(), counts.tolist(), strict=True):
            own = entries[end - count : end]
            found[i] = Signals(own, at.floats(count), at.floats(0), at.integers(0))
        return found

    def within(self, signals: Signals, window: Window) -> Signals:
        """Those of ``signals`` that can be acted on in ``window``."""
        entries = slice(*(_place(signals.entries, row) for row in (window.first, window.last)))
        exits = slice(*(_place(signals.exits, row) for row in (window.first, window.last)))
        levels = signals.levels
        if len(levels) > 0:
            levels = levels[LEVELS_WIDTH * entries.start : LEVELS_WIDTH * entries.stop]
        return Signals(
            signals.entries[entries], signals.atrs[entries], levels, signals.exits[exits]
        )

    def horizons(self, signals: Signals, window: Window, day_bound: bool) -> Horizons:
        """How the entries end if no level is touched; empty where the day's end is none."""
        at, count = self.at, len(signals.entries) if day_bound else 0
        found = Horizons(
            at.integers(count),
            at.integers(count),
            at.integers(count),
            at.floats(count),
            at.floats(count),
        )
        if day_bound:
            fill = at.kernel(level_search.fill_horizons)
            fill(self.rows, self.extremes, signals.entries, window, found)
        return found


def _place(rows: Any, row: int) -> int:
    """Where ``row`` would stand among ascending ``rows``."""
    if isinstance(rows, np.ndarray):
        return int(np.searchsorted(rows, row))
    return bisect_left(rows, row)


def _extremes(at: Speed, lows: Any, highs: Any, block: int) -> tuple[Any, Any]:
    blocks = -(-len(lows) // block)
    least, most = at.floats(blocks), at.floats(blocks)
    at.kernel(level_search.fill_extremes)(lows, highs, block, least, most)
    return least, most


def _day_firsts(times: Integers) -> Integers:
    """The first row of each UTC day that has candles."""
    first, last = int(times[0]) // DAY_MS, int(times[-1]) // DAY_MS
    starts = DAY_MS * np.arange(first + 1, last + 1, dtype=np.int64)
    return np.unique(np.append(0, np.searchsorted(times, starts)))
