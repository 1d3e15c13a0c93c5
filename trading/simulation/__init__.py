"""Simulation of strategies on candles: ``backtest`` for one parameter set, ``search`` for many."""

from trading.simulation.results import BacktestResult, Costs, SearchResult, SearchRow, Trades
from trading.simulation.run import backtest, search

__all__ = ["BacktestResult", "Costs", "SearchResult", "SearchRow", "Trades", "backtest", "search"]
