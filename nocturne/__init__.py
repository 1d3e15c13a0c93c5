"""Nocturne in Python: read candles, query the lake, back-test, search; results as frames.

::

    import nocturne as nc

    candles = nc.read_candles("BTCUSDT.csv")
    result = nc.backtest("breakout", candles, k=0.5)
    result.metrics, result.trades, result.equity

A thin door: every number comes from the functions that the commands call, with the same defaults.
Frames are polars; `.to_pandas()` turns one into pandas.
"""

from nocturne.candles import Candles, make_candles, read_candles
from nocturne.lake import Lake
from nocturne.results import BacktestResult, SearchResult, WalkForwardResult
from nocturne.runs import Terms, backtest, search, strategies, walk_forward
from trading.errors import NocturneError

__all__ = [
    "BacktestResult",
    "Candles",
    "Lake",
    "NocturneError",
    "SearchResult",
    "Terms",
    "WalkForwardResult",
    "backtest",
    "make_candles",
    "read_candles",
    "search",
    "strategies",
    "walk_forward",
]
