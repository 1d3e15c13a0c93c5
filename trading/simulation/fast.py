"""The fast engine on one series of candles: an index of extremes, signals, and trades by jumps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from trading.candles import DAY_MS, CandleColumns, Floats, Integers
from trading.decider import Setup
from trading.metrics import SUMS_SIZE
from trading.rules import R_DAY_END, R_STAGED
from trading.simulation import jumping, staged
from trading.simulation.kernels import Kernel, Speed
from trading.stages import FILL_WIDTH, FILLS, LIFE_SIZE, MOST_FILLS
from trading.strategies.base import OWN

ROOM = 4_096
"""Entries of one set that are expected; when there are more, they are looked for once again."""


class Index:
    """Extremes of blocks of candles and of days: built once for all combinations and threads."""

    def __init__(self, at: Speed, candles: CandleColumns) -> None:
        self.candles = candles
        self.columns = at.columns(candles)
        _, _, highs, lows, _, _ = self.columns
        least, most = _extremes(at, lows, highs, jumping.BLOCK)
        wide_least, wide_most = _extremes(at, least, most, jumping.WIDE // jumping.BLOCK)
        self.extremes = [least, most, wide_least, wide_most]
        firsts = _day_firsts(candles.open_time)
        self.days = at.whole(np.append(firsts, len(candles)))
        self.day_low, self.day_high = at.floats(len(firsts)), at.floats(len(firsts))
        at.kernel(jumping.fill_day_extremes)(
            lows, highs, least, most, self.days, self.day_low, self.day_high
        )
        self.rests = [at.floats(len(least)), at.floats(len(least))]
        at.kernel(jumping.fill_rests)(lows, highs, least, most, self.days, *self.rests)


def _extremes(at: Speed, lows: Any, highs: Any, block: int) -> tuple[Any, Any]:
    blocks = -(-len(lows) // block)
    least, most = at.floats(blocks), at.floats(blocks)
    at.kernel(jumping.fill_extremes)(lows, highs, block, least, most)
    return least, most


def _day_firsts(times: Integers) -> Integers:
    """The first row of each UTC day that has candles."""
    first, last = int(times[0]) // DAY_MS, int(times[-1]) // DAY_MS
    starts = DAY_MS * np.arange(first + 1, last + 1, dtype=np.int64)
    return np.unique(np.append(0, np.searchsorted(times, starts)))


def scan_entries(at: Speed, index: Index, setups: Sequence[Setup], first_row: int) -> list[Any]:
    """Entry rows of each setup, found in one pass over the candles for all that can be.

    None for those whose signals must be judged candle by candle.
    """
    found: list[Any] = [None] * len(setups)
    bare = [i for i, setup in enumerate(setups) if setup.is_bare and setup.strategy.scan]
    if not bare:
        return found
    bare.sort(key=lambda i: setups[i].par[OWN:])
    scan = at.kernel(cast("Kernel", setups[bare[0]].strategy.scan))
    times, opens, _, _, closes, _ = index.columns
    pars = at.buffer([value for i in bare for value in setups[i].par])
    total, room = 0, ROOM * len(bare)
    while True:
        rows, owners = at.integers(room), at.integers(room)
        total = scan(
            times,
            opens,
            closes,
            *index.extremes[:2],
            jumping.BLOCK,
            index.days,
            index.day_low,
            index.day_high,
            pars,
            len(setups[bare[0]].par),
            at.floats(len(bare)),
            first_row,
            rows,
            owners,
        )
        if total <= room:
            break
        room = int(total)
    counts = np.bincount(np.asarray(owners[:total], dtype=np.int64), minlength=len(bare))
    ends = np.cumsum(counts)
    entries = at.integers(int(total))
    at.kernel(jumping.split_found)(rows, owners, total, at.whole(ends - counts), entries)
    for i, end, count in zip(bare, ends.tolist(), counts.tolist(), strict=True):
        found[i] = entries[end - count : end]
    return found


class FastEngine:
    """Finds the signals of one set of entry parameters and trades combinations on them.

    Its position is written anew for each: threads share an :class:`Index`, not an engine.
    """

    def __init__(self, at: Speed, index: Index, first_row: int, first_day: int, days: int) -> None:
        self._at = at
        self._index = index
        self._first_row = first_row
        self._first_day = first_day
        self._days = days
        self._position = at.floats(LIFE_SIZE)
        self._none = at.integers(3), at.floats(3)

    def run(self, setup: Setup, rules: Floats, entries: Any = None) -> tuple[Floats, Floats]:
        """Sums (combinations x sums) and daily returns (combinations x days) of combinations that
        share the signals of ``setup``; ``rules`` has a row for each.

        ``entries`` are those of :func:`scan_entries`, where it found them.
        """
        signals = self._find(setup, bool(rules[0, R_DAY_END] > 0.0), entries)
        sums = np.zeros((len(rules), SUMS_SIZE))
        daily = np.zeros((len(rules), self._days))
        in_stages = rules[:, R_STAGED] > 0.0
        for kind in (False, True):
            chosen = np.flatnonzero(in_stages == kind)
            if len(chosen) == 0:
                continue
            trade = self._trade_staged if kind else self._trade
            found, days, *_ = trade(signals, rules[chosen], False)
            sums[chosen] = np.asarray(found).reshape(-1, SUMS_SIZE)
            daily[chosen] = np.asarray(days).reshape(-1, self._days)
        return sums, daily

    def trades(
        self, setup: Setup, rules: Floats, entries: Any = None
    ) -> tuple[Any, Any, int, Any, int]:
        """Rows and prices of the trades of one combination, how many, and the fills likewise."""
        signals = self._find(setup, bool(rules[R_DAY_END] > 0.0), entries)
        trade = self._trade_staged if rules[R_STAGED] > 0.0 else self._trade
        _, _, rows, prices, count, fills = trade(signals, rules.reshape(1, -1), True)
        return rows, prices, count, fills, int(self._position[FILLS])

    def _find(self, setup: Setup, day_bound: bool, entries: Any) -> tuple[Any, ...]:
        """Entry rows, their ATRs, exit rows, and each entry's horizon."""
        if entries is None:
            entries, atrs, exits = self._signals(setup, day_bound)
        else:
            atrs, exits = self._at.floats(len(entries)), self._at.integers(0)
        count = len(entries)
        at = self._at
        horizons = [make(count) for make in (at.integers,) * 2 + (at.floats,) * 3]
        if day_bound:
            index = self._index
            times, _, highs, lows, closes, _ = index.columns
            at.kernel(jumping.fill_horizons)(
                times,
                lows,
                highs,
                closes,
                *index.rests,
                index.days,
                setup.base_ms,
                entries,
                *horizons,
            )
        return entries, atrs, exits, *horizons

    def _trade(
        self, signals: tuple[Any, ...], rules: Floats, record: bool
    ) -> tuple[Any, Any, Any, Any, int, Any]:
        at, index = self._at, self._index
        sums, daily = at.floats(len(rules) * SUMS_SIZE), at.floats(len(rules) * self._days)
        rows, prices = self._space(len(signals[0])) if record else self._none
        count = at.kernel(jumping.run_combinations)(
            *index.columns[:5],
            *index.extremes,
            *signals,
            at.buffer(rules.reshape(-1)),
            index.candles.interval_ms,
            self._first_day,
            self._days,
            self._position,
            sums,
            daily,
            rows,
            prices,
            record,
        )
        return sums, daily, rows, prices, int(count), self._none[1]

    def _trade_staged(
        self, signals: tuple[Any, ...], rules: Floats, record: bool
    ) -> tuple[Any, Any, Any, Any, int, Any]:
        del record  # a life notes its fills anyway
        at, index = self._at, self._index
        sums, daily = at.floats(len(rules) * SUMS_SIZE), at.floats(len(rules) * self._days)
        rows, prices = self._space(len(signals[0]))
        fills = at.floats(FILL_WIDTH * MOST_FILLS * len(signals[0]))
        count = at.kernel(staged.run_staged_all)(
            *index.columns[:5],
            *index.extremes,
            *signals[:4],
            *signals[5:7],
            at.buffer(rules.reshape(-1)),
            index.candles.interval_ms,
            self._first_day,
            self._days,
            self._position,
            sums,
            daily,
            rows,
            prices,
            fills,
        )
        return sums, daily, rows, prices, int(count), fills

    def _space(self, trades: int) -> tuple[Any, Any]:
        return self._at.integers(3 * trades), self._at.floats(3 * trades)

    def _signals(self, setup: Setup, day_bound: bool) -> tuple[Any, Any, Any]:
        """Entry rows, their ATRs and exit rows of one set of entry parameters."""
        at, rows = self._at, len(self._index.candles)
        entries, exits, atrs = at.integers(rows), at.integers(rows), at.floats(rows)
        counts = at.integers(2)
        bars, filters, state, par, out = (at.buffer(b) for b in setup.buffers())
        at.find_signals(setup.step)(
            *self._index.columns,
            bars,
            filters,
            state,
            par,
            out,
            setup.base_ms,
            setup.is_bare,
            self._first_row,
            day_bound,
            entries,
            atrs,
            exits,
            counts,
        )
        entered, left = int(counts[0]), int(counts[1])
        return entries[:entered], atrs[:entered], exits[:left]
