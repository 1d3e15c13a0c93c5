"""The fast engine on one series of candles: an index of extremes, signals, and trades by jumps."""

from __future__ import annotations

from typing import Any

import numpy as np

from trading.candles import DAY_MS, CandleColumns, Floats, Integers
from trading.decider import Setup
from trading.metrics import SUMS_SIZE
from trading.rules import R_DAY_END, R_STAGED
from trading.simulation import jumping, staged
from trading.simulation.kernels import Kernel, Speed
from trading.stages import FILL_WIDTH, FILLS, LIFE_SIZE, MOST_FILLS


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


class FastEngine:
    """Finds the signals of one set of entry parameters and trades combinations on them.

    Its buffers are written anew for each set: threads share an :class:`Index`, not an engine.
    """

    def __init__(self, at: Speed, index: Index, first_row: int, first_day: int, days: int) -> None:
        self._at = at
        self._index = index
        self._first_row = first_row
        self._first_day = first_day
        self._days = days
        rows = len(index.candles)
        self._entries, self._exits = at.integers(rows), at.integers(rows)
        self._atrs = at.floats(rows)
        whole, parts = (at.integers, at.integers), (at.floats, at.floats, at.floats)
        self._horizons = [make(rows) for make in (*whole, *parts)]
        self._position = at.floats(LIFE_SIZE)
        self._none = at.integers(3), at.floats(3)

    def run(self, setup: Setup, rules: Floats) -> tuple[Floats, Floats]:
        """Sums (combinations x sums) and daily returns (combinations x days) of combinations that
        share the signals of ``setup``; ``rules`` has a row for each.
        """
        signals = self._find(setup, bool(rules[0, R_DAY_END] > 0.0))
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

    def trades(self, setup: Setup, rules: Floats) -> tuple[Any, Any, int, Any, int]:
        """Rows and prices of the trades of one combination, how many, and the fills likewise."""
        signals = self._find(setup, bool(rules[R_DAY_END] > 0.0))
        trade = self._trade_staged if rules[R_STAGED] > 0.0 else self._trade
        _, _, rows, prices, count, fills = trade(signals, rules.reshape(1, -1), True)
        return rows, prices, count, fills, int(self._position[FILLS])

    def _find(self, setup: Setup, day_bound: bool) -> tuple[Any, ...]:
        """Entry rows, their ATRs, exit rows, and each entry's horizon."""
        if setup.is_bare and setup.strategy.scan is not None:
            entries, atrs, exits = self._scan(setup, setup.strategy.scan)
        else:
            entries, atrs, exits = self._signals(setup, day_bound)
        count = len(entries)
        horizons = [buffer[:count] for buffer in self._horizons]
        if day_bound:
            index = self._index
            times, _, highs, lows, closes, _ = index.columns
            self._at.kernel(jumping.fill_horizons)(
                times,
                lows,
                highs,
                closes,
                *index.extremes[:2],
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

    def _scan(self, setup: Setup, scan: Kernel) -> tuple[Any, Any, Any]:
        """The same as :meth:`_signals` for a strategy that finds its bare entries at a stroke."""
        at, index = self._at, self._index
        times, opens, _, _, closes, _ = index.columns
        entries = self._entries
        entered = at.kernel(scan)(
            times,
            opens,
            closes,
            *index.extremes[:2],
            jumping.BLOCK,
            index.days,
            index.day_low,
            index.day_high,
            at.buffer(setup.par),
            self._first_row,
            entries,
        )
        return entries[:entered], at.floats(entered), at.integers(0)

    def _signals(self, setup: Setup, day_bound: bool) -> tuple[Any, Any, Any]:
        """Entry rows, their ATRs and exit rows of one set of entry parameters."""
        at, entries, atrs, exits = self._at, self._entries, self._atrs, self._exits
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
