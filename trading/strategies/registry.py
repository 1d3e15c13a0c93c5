"""Strategies by name: the built-in ones and those of the entry-point group
``nocturne.strategies``.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from trading.errors import ParameterError
from trading.strategies.base import Strategy
from trading.strategies.breakout import Breakout
from trading.strategies.rsi_bollinger import RsiBollinger

GROUP = "nocturne.strategies"


@cache
def _strategies() -> dict[str, Strategy]:
    found: dict[str, Strategy] = {s.name: s for s in (Breakout(), RsiBollinger())}
    for point in entry_points(group=GROUP):
        strategy = point.load()()
        if strategy.name in found:
            raise ParameterError(
                f"strategy '{strategy.name}' of entry point {point.value} has a name that is taken"
            )
        found[strategy.name] = strategy
    return found


def strategy_names() -> list[str]:
    """Names of all strategies, sorted."""
    return sorted(_strategies())


def get_strategy(name: str) -> Strategy:
    """The strategy ``name``; `ParameterError` listing the known names otherwise."""
    strategies = _strategies()
    if name not in strategies:
        raise ParameterError(
            f"strategy '{name}' is not known; known are {', '.join(sorted(strategies))}"
        )
    return strategies[name]
