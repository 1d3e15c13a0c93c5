"""The candles of all symbols on an account, end to end, and which belong to each moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from trading.candles import DAY_MS, MINUTE_MS, CandleColumns, Integers
from trading.errors import DataError
from trading.jit.backends import Backend
from trading.market.correlation import daily_correlations
from trading.market.funding import rates_by_row
from trading.market.rows import Rows, closing_of
from trading.simulation.account.inputs import SymbolMarkets, TradedStrategy
from trading.simulation.account.layout import Board


class AccountCandles:
    """Candles of all symbols end to end, and which of them belong to each moment.

    With ``every_minute`` a minute without a candle has a silent row, where the price stands still.
    Nothing is decided on it.
    """

    def __init__(
        self,
        traded: Sequence[TradedStrategy],
        markets: SymbolMarkets,
        *,
        every_minute: bool = False,
    ) -> None:
        self.symbols = list(dict.fromkeys(one.symbol for one in traded))
        chosen = _chosen(self.symbols, markets.candles)
        self.candles = dict(zip(self.symbols, chosen, strict=True))
        intervals = {c.interval_ms for c in chosen}
        if len(intervals) != 1:
            raise DataError(f"candles of one interval are needed, not of {sorted(intervals)} ms")
        self.base_ms = intervals.pop()
        known = [np.ones(len(c), dtype=bool) for c in chosen]
        if every_minute:
            end = max(int(c.open_time[-1]) for c in chosen)
            filled = [_every_minute(symbol, c, end) for symbol, c in self.candles.items()]
            chosen, known = [c for c, _ in filled], [heard for _, heard in filled]
        self.series = chosen
        self.silent = ~np.concatenate(known)
        self.firsts = np.append(0, np.cumsum([len(c) for c in chosen]))
        self.size = int(self.firsts[-1])
        self.times = np.concatenate([c.open_time for c in chosen])
        names = ("open", "high", "low", "close", "volume")
        self.columns = [np.concatenate([getattr(c, name) for c in chosen]) for name in names]
        self.moments = np.unique(self.times)
        self.row_at = np.full((len(self.moments), len(chosen)), -1, dtype=np.int64)
        self.funding = np.zeros(self.size)
        self.symbol_of = np.array([self.symbols.index(one.symbol) for one in traded])
        for number, (symbol, columns) in enumerate(zip(self.symbols, chosen, strict=True)):
            rows = int(self.firsts[number]) + np.arange(len(columns))
            self.row_at[np.searchsorted(self.moments, columns.open_time), number] = rows
            self.funding[rows] = rates_by_row(columns.open_time, markets.funding.get(symbol, {}))

    def rows_of(self, s: int) -> Integers:
        """Return the rows of the candles of the symbol of strategy ``s``."""
        symbol = self.symbol_of[s]
        first, last = int(self.firsts[symbol]), int(self.firsts[symbol + 1])
        return first + np.flatnonzero(~self.silent[first:last])

    def rows(self, backend: Backend) -> Rows:
        """Return the candles as kernels of ``backend`` read them."""
        opens, highs, lows, closes, volumes = (backend.floats(column) for column in self.columns)
        times, closing = backend.integers(self.times), closing_of(self.series, backend)
        return Rows(times, opens, highs, lows, closes, volumes, closing)

    def board(self, backend: Backend, *, correlated: bool) -> Board:
        """Which candles belong to each moment; with ``correlated`` also the correlations."""
        first, last = (int(self.moments[place]) // DAY_MS for place in (0, -1))
        days = np.arange(first, last + 1, dtype=np.int64)
        correlations = np.empty(0)
        if correlated:
            correlations = daily_correlations(list(self.candles.values()), days).reshape(-1)
        return Board(
            backend.integers(self.moments),
            backend.integers(self.row_at.reshape(-1)),
            backend.integers(self.firsts),
            backend.integers(self.silent.astype(np.int64)),
            backend.floats(self.funding),
            backend.floats(correlations),
            first,
            self.base_ms,
        )


def _chosen(symbols: Sequence[str], candles: Mapping[str, CandleColumns]) -> list[CandleColumns]:
    for symbol in symbols:
        if symbol not in candles or len(candles[symbol]) == 0:
            raise DataError(f"there are no candles of {symbol}; give them or leave it out")
    return [candles[symbol] for symbol in symbols]


def _every_minute(
    symbol: str, columns: CandleColumns, end_ms: int
) -> tuple[CandleColumns, npt.NDArray[np.bool_]]:
    """Return a row for each minute up to ``end_ms``, and which of them have a candle.

    In the others the price stands still. `DataError` for candles that are no whole minutes.
    """
    times = columns.open_time
    if columns.interval_ms != MINUTE_MS or (times % MINUTE_MS).any():
        raise DataError(
            f"{symbol}: the profile exchange trades 1m candles; give such candles, or leave the"
            " profile out"
        )
    minutes = np.arange(int(times[0]), end_ms + 1, MINUTE_MS, dtype=np.int64)
    last = np.searchsorted(times, minutes, side="right") - 1
    known = times[last] == minutes
    still = columns.close[last]
    prices = (columns.open, columns.high, columns.low)
    opens, highs, lows = (np.where(known, price[last], still) for price in prices)
    volume = np.where(known, columns.volume[last], 0.0)
    filled = CandleColumns.of(minutes, opens, highs, lows, still, volume, MINUTE_MS)
    if columns.closing is not None:
        filled = replace(filled, closing=known & columns.closing[last])
    return filled, known
