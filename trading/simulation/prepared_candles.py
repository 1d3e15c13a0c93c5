"""Candles made ready for the engines: rows, extremes, and the signals found in them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import Any, cast

import numpy as np

from trading.candles import DAY_MS, CandleColumns, Floats, Integers
from trading.errors import DataError
from trading.jit.backends import Backend, Kernel
from trading.jit.compile_errors import explained
from trading.market.funding import FundingRates, owed_by
from trading.market.rows import BLOCK, WIDE, Extremes, rows_of
from trading.model_targets import entry_target
from trading.positions.forecasts import (
    NO_USE,
    RETURN,
    USUAL,
    VOLATILITY,
    ForecastUse,
    column_of,
    taken_of,
    usual_of,
)
from trading.simulation.engines import level_search
from trading.simulation.layout import (
    LEVELS_WIDTH,
    DeciderBuffers,
    Horizons,
    Signals,
    SignalSink,
    TradingWindow,
)
from trading.simulation.shared_bars import taken_bars
from trading.simulation.signals import TakenBars, decide_rows, decide_taken
from trading.strategies.layout import OUT_SIZE, OWN
from trading.strategies.setup import Setup

MOST_TAKEN = 500_000
"""Rows of higher candles that are kept for all sets, up to 400 bytes each."""
ROOM = 4_096
"""Entries of one set that are expected; if there are more, the search runs once more."""


class PreparedCandles:
    """The rows of one series and their extremes, built once for all combinations and threads."""

    def __init__(
        self,
        candles: CandleColumns,
        backend: Backend,
        rates: FundingRates | None = None,
        forecast_use: ForecastUse = NO_USE,
    ) -> None:
        """Positions pay or receive the funding ``rates``; ``forecast_use`` changes entries."""
        if len(candles) == 0:
            raise DataError("there are no candles to simulate")
        self.backend = backend
        self.forecast_use = forecast_use
        self.candles = candles
        self.rows = rows_of(candles, backend)
        self.owed = owed_by(candles.open_time, candles.open, rates or {}, backend)
        self._taken: dict[tuple[int, ...], list[TakenBars]] = {}
        self._taking = Lock()

    @cached_property
    def extremes(self) -> Extremes:
        """Extremes of blocks and days."""
        backend, rows = self.backend, self.rows
        least, most = _extremes(backend, rows.lows, rows.highs, BLOCK)
        wide_least, wide_most = _extremes(backend, least, most, WIDE // BLOCK)
        firsts = _day_firsts(self.candles.open_time)
        days = backend.integers(np.append(firsts, len(self.candles)))
        low, high = backend.zeros(len(firsts)), backend.zeros(len(firsts))
        rests = backend.zeros(len(least)), backend.zeros(len(least))
        found = Extremes(least, most, wide_least, wide_most, days, low, high, *rests)
        backend.kernel(level_search.fill_days)(rows, found)
        return found

    def build_extremes(self) -> None:
        """Build the extremes now: threads that share them must not build them at once."""
        _ = self.extremes

    def window(self, start_ms: int | None = None, end_ms: int | None = None) -> TradingWindow:
        """Return the rows that open from ``start_ms`` to ``end_ms``, exclusive.

        `DataError` if there are none.
        """
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
        return TradingWindow(first, last, first_day, days, self.candles.interval_ms)

    def decide(
        self, setup: Setup, day_bound: bool, *, stream: bool = False, shared: bool = False
    ) -> tuple[Signals, Any]:
        """All signals of ``setup``, and with ``stream`` the decider's output on each row.

        ``shared``: other sets of signals need the same higher candles; plain Python, in which they
        take as long as the strategy, builds them once, up to `MOST_TAKEN` rows.
        """
        backend, size = self.backend, len(self.candles)
        levels = backend.empty(LEVELS_WIDTH * size if setup.strategy.own_levels else 0)
        room = Signals(
            backend.whole_empty(size),
            backend.empty(size),
            levels,
            backend.whole_empty(size),
            backend.zeros(0),
        )
        sink = SignalSink(
            room, backend.whole_zeros(2), backend.empty(OUT_SIZE * size if stream else 0)
        )
        bars, filters, state, par, out = (backend.floats(one) for one in setup.buffers())
        known = backend.floats(self._returns(setup))
        buffers = DeciderBuffers(bars, filters, state, par, out, known)
        with explained(setup.step):
            plain = shared and not (stream or setup.is_bare or backend.compiled)
            taken = self._taken_by(setup) if plain else None
            if taken is not None:
                decide_all = backend.kernel(decide_taken, strategy_step=setup.step)
                decide_all(self.rows, taken, buffers, day_bound, sink)
            else:
                decide_all = backend.kernel(decide_rows, strategy_step=setup.step)
                decide_all(self.rows, buffers, setup.base_ms, setup.is_bare, day_bound, sink)
        entered, left = int(sink.counts[0]), int(sink.counts[1])
        decided = Signals(
            room.entries[:entered],
            room.atrs[:entered],
            room.levels[: LEVELS_WIDTH * entered],
            room.exits[:left],
            room.scales,
        )
        return self._forecast(setup, decided), sink.stream

    def _returns(self, setup: Setup) -> Floats:
        """Return the forecasts that the strategy reads, NaN where none is known; or nothing."""
        if not setup.strategy.reads_forecasts(setup.params):
            return np.empty(0)
        return column_of(self.candles, RETURN)

    def _forecast(self, setup: Setup, signals: Signals) -> Signals:
        """Apply the forecasts to the entries: some are not made, others smaller."""
        rows = np.asarray(signals.entries, dtype=np.int64)
        if not self.forecast_use.is_on or len(rows) == 0:
            return signals
        candles, backend = self.candles, self.backend
        entries = self.forecast_use.applied(
            column_of(candles, VOLATILITY)[rows],
            column_of(candles, USUAL)[rows],
            candles.close[rows],
            np.asarray(signals.atrs, dtype=np.float64),
            setup.filter_ms,
            backend,
        )
        target = entry_target(setup.strategy.name)
        chance, usual = (column_of(candles, name)[rows] for name in (target, usual_of(target)))
        made = (np.asarray(entries.made) > 0.0) & taken_of(chance, usual, self.forecast_use)
        levels = np.asarray(signals.levels, dtype=np.float64).reshape(-1, LEVELS_WIDTH)
        levels = levels[made] if len(levels) else levels
        return Signals(
            backend.integers(rows[made]),
            backend.floats(np.asarray(entries.atrs)[made]),
            backend.floats(levels.reshape(-1)),
            signals.exits,
            backend.floats(np.asarray(entries.scales)[made]),
        )

    def _taken_by(self, setup: Setup) -> list[TakenBars] | None:
        """Return the candles that a decider of these timeframes takes, None if they are too many.

        Threads wait for the one that builds them.
        """
        key = setup.base_ms, setup.signal_ms, setup.filter_ms, setup.hourly_ms, *setup.more
        with self._taking:
            if key not in self._taken:
                kept = sum(map(len, self._taken.values()))
                if kept + len(self.candles) > MOST_TAKEN:
                    return None
                self._taken[key] = taken_bars(self.rows, setup)
            return self._taken[key]

    def forget_taken(self) -> None:
        """Free the shared candles: all sets have their signals."""
        self._taken.clear()

    def scan(self, setups: Sequence[Setup]) -> list[Signals | None]:
        """Signals of each setup, found in one pass for all that differ in one parameter.

        None for those whose signals must be decided candle by candle.
        """
        found: list[Signals | None] = [None] * len(setups)
        alike: dict[tuple[float, ...], list[int]] = {}
        for i, setup in enumerate(setups):
            if setup.is_bare and setup.strategy.scan:
                alike.setdefault(setup.par[OWN + 1 :], []).append(i)
        for bare in alike.values():
            self._scan(setups, bare, found)
        return found

    def _scan(self, setups: Sequence[Setup], bare: list[int], found: list[Signals | None]) -> None:
        """Find the signals of the setups at ``bare``, which differ in one parameter."""
        bare.sort(key=lambda i: tuple(setups[i].par[OWN:]))
        backend, width = self.backend, len(setups[bare[0]].par)
        scan = backend.kernel(cast("Kernel", setups[bare[0]].strategy.scan))
        pars = backend.floats([value for i in bare for value in setups[i].par])
        total, room = 0, ROOM * len(bare)
        while True:
            rows, owners = backend.whole_zeros(room), backend.whole_zeros(room)
            targets = backend.zeros(len(bare))
            total = int(scan(self.rows, self.extremes, pars, width, targets, rows, owners))
            if total <= room:
                break
            room = total
        counts = np.bincount(np.asarray(owners[:total], dtype=np.int64), minlength=len(bare))
        ends = np.cumsum(counts)
        entries = backend.whole_zeros(total)
        backend.kernel(level_search.split_found)(
            rows, owners, total, backend.integers(ends - counts), entries
        )
        for i, end, count in zip(bare, ends.tolist(), counts.tolist(), strict=True):
            own = entries[end - count : end]
            bare_signals = Signals(
                own,
                backend.zeros(count),
                backend.zeros(0),
                backend.whole_zeros(0),
                backend.zeros(0),
            )
            found[i] = self._forecast(setups[i], bare_signals)

    def within(self, signals: Signals, window: TradingWindow) -> Signals:
        """Those of ``signals`` that can be acted on in ``window``."""
        entries = slice(*(_place(signals.entries, row) for row in (window.first, window.last)))
        exits = slice(*(_place(signals.exits, row) for row in (window.first, window.last)))
        levels = signals.levels
        if len(levels) > 0:
            levels = levels[LEVELS_WIDTH * entries.start : LEVELS_WIDTH * entries.stop]
        scales = signals.scales[entries] if len(signals.scales) > 0 else signals.scales
        return Signals(
            signals.entries[entries], signals.atrs[entries], levels, signals.exits[exits], scales
        )

    def horizons(self, signals: Signals, window: TradingWindow, day_bound: bool) -> Horizons:
        """How the entries end if no level is touched; empty unless they end with the day."""
        backend, count = self.backend, len(signals.entries) if day_bound else 0
        found = Horizons(
            backend.whole_zeros(count),
            backend.whole_zeros(count),
            backend.whole_zeros(count),
            backend.zeros(count),
            backend.zeros(count),
        )
        if day_bound:
            fill = backend.kernel(level_search.fill_horizons)
            fill(self.rows, self.extremes, signals.entries, window, found)
        return found


def _place(rows: Any, row: int) -> int:
    """Where ``row`` would stand among ascending ``rows``."""
    if isinstance(rows, np.ndarray):
        return int(np.searchsorted(rows, row))
    return bisect_left(rows, row)


def _extremes(backend: Backend, lows: Any, highs: Any, block: int) -> tuple[Any, Any]:
    blocks = -(-len(lows) // block)
    least, most = backend.zeros(blocks), backend.zeros(blocks)
    backend.kernel(level_search.fill_extremes)(lows, highs, block, least, most)
    return least, most


def _day_firsts(times: Integers) -> Integers:
    """Return the first row of each UTC day that has candles."""
    first, last = int(times[0]) // DAY_MS, int(times[-1]) // DAY_MS
    starts = DAY_MS * np.arange(first + 1, last + 1, dtype=np.int64)
    return np.unique(np.append(0, np.searchsorted(times, starts)))
