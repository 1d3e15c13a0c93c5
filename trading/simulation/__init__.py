"""Simulation of strategies on candles: ``backtest`` for one parameter set, ``search`` for many."""

from trading.simulation.results import BacktestResult, Costs, Fills, SearchResult, SearchRow, Trades
from trading.simulation.run import Searcher, backtest, fast_trades, search

__all__ = [
    "BacktestResult",
    "Costs",
    "Fills",
    "SearchResult",
    "SearchRow",
    "Searcher",
    "Trades",
    "backtest",
    "fast_trades",
    "search",
]
