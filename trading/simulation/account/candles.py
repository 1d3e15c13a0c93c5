"""The candles of all symbols on an account, end to end, and which belong to each moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trading.candles import DAY_MS, MINUTE_MS, CandleColumns
from trading.errors import DataError
from trading.jit.backends import Backend
from trading.market.correlation import daily_correlations
from trading.market.funding import rates_by_row
from trading.market.rows import Rows
from trading.simulation.account.inputs import SymbolMarkets, TradedStrategy
from trading.simulation.account.layout import Board


class AccountCandles:
    """Candles of all symbols end to end, and which of them belong to each moment."""

    def __init__(self, traded: Sequence[TradedStrategy], markets: SymbolMarkets) -> None:
        self.symbols = list(dict.fromkeys(one.symbol for one in traded))
        chosen = _chosen(self.symbols, markets.candles)
        intervals = {c.interval_ms for c in chosen}
        if len(intervals) != 1:
            raise DataError(f"candles of one interval are needed, not of {sorted(intervals)} ms")
        self.base_ms = intervals.pop()
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
        self.candles = dict(zip(self.symbols, chosen, strict=True))

    def rows_of(self, s: int) -> slice:
        """Return the rows of the symbol of strategy ``s``."""
        symbol = self.symbol_of[s]
        return slice(int(self.firsts[symbol]), int(self.firsts[symbol + 1]))

    def check_minutes(self) -> None:
        """`DataError` unless these are minutes without a gap, as an exchange has them."""
        for symbol, columns in self.candles.items():
            if self.base_ms != MINUTE_MS or (np.diff(columns.open_time) != MINUTE_MS).any():
                raise DataError(
                    f"{symbol}: the profile exchange trades 1m candles without a gap; give such"
                    " candles, or leave the profile out"
                )

    def rows(self, backend: Backend) -> Rows:
        """Return the candles as kernels of ``backend`` read them."""
        columns = (backend.floats(column) for column in self.columns)
        return Rows(backend.integers(self.times), *columns)

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
