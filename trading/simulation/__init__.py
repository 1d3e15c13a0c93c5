"""Simulation of strategies on candles: ``backtest`` for one parameter set, ``search`` for many."""

from trading.simulation.backtest import Searcher, backtest, decide, fast_trades, search
from trading.simulation.results import BacktestResult, Costs, Fills, SearchResult, SearchRow, Trades

__all__ = [
    "BacktestResult",
    "Costs",
    "Fills",
    "SearchResult",
    "SearchRow",
    "Searcher",
    "Trades",
    "backtest",
    "decide",
    "fast_trades",
    "search",
]
