"""Strategies by name: the built-in ones and those of the entry-point group
``nocturne.strategies``. A strategy that is in neither can be loaded from its module.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from trading.errors import ParameterError
from trading.strategies.base import Strategy

GROUP = "nocturne.strategies"

BUILT_IN = {
    "bb_breakout": "technical.bb_breakout:BbBreakout",
    "breakout": "technical.breakout:Breakout",
    "combined": "technical.combined:Combined",
    "dynamic_breakout": "technical.dynamic_breakout:DynamicBreakout",
    "ict_aggressive": "ict.aggressive:IctAggressive",
    "ict_conservative": "ict.conservative:IctConservative",
    "ict_mixed": "ict.mixed:IctMixed",
    "ml": "technical.ml:Ml",
    "momentum": "technical.momentum:Momentum",
    "pullback": "technical.pullback:Pullback",
    "rsi_bollinger": "technical.rsi_bollinger:RsiBollinger",
    "surge": "surge.strategy:Surge",
    "wave": "technical.wave:Wave",
}
"""Module and class of each strategy, by the strategy's name; imported on first use.

Importing all of them, and searching everything that is installed, takes a tenth of a second.
"""


@cache
def _built_in(name: str) -> Strategy:
    module, _, class_name = BUILT_IN[name].partition(":")
    made: type[Strategy] = getattr(import_module(f"trading.strategies.{module}"), class_name)
    return made()


@cache
def _others() -> dict[str, Strategy]:
    """Strategies of the entry points; `ParameterError` where a name is taken."""
    from importlib.metadata import entry_points

    found: dict[str, Strategy] = {}
    for point in entry_points(group=GROUP):
        strategy = point.load()()
        if strategy.name in BUILT_IN or strategy.name in found:
            raise ParameterError(
                f"strategy '{strategy.name}' of entry point {point.value} has a name that is taken"
            )
        found[strategy.name] = strategy
    return found


def strategy_names() -> list[str]:
    """Names of all strategies, sorted."""
    return sorted((*BUILT_IN, *_others()))


def get_strategy(name: str) -> Strategy:
    """The strategy ``name``; `ParameterError` listing the known names otherwise."""
    if name in BUILT_IN:
        return _built_in(name)
    if name not in _others():
        raise ParameterError(
            f"strategy '{name}' is not known; known are {', '.join(strategy_names())}"
        )
    return _others()[name]


def load_strategy(reference: str) -> Strategy:
    """The strategy of ``package.module:Class``, which need not be registered.

    For commands only: a release names registered strategies, so that it cannot import anything.
    `ParameterError` when there is no such module or class, or when it is no strategy.
    """
    where, _, name = reference.partition(":")
    try:
        module = import_module(where)
    except ImportError as error:
        raise ParameterError(
            f"strategy '{reference}': module '{where}' cannot be imported: {error}"
        ) from error
    made = getattr(module, name, None)
    if not (isinstance(made, type) and issubclass(made, Strategy)):
        raise ParameterError(f"strategy '{reference}': '{name}' is no strategy class of '{where}'")
    return made()
