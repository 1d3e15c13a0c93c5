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
    "bb_breakout": "BbBreakout",
    "breakout": "Breakout",
    "combined": "Combined",
    "dynamic_breakout": "DynamicBreakout",
    "ict_aggressive": "IctAggressive",
    "ict_conservative": "IctConservative",
    "ict_mixed": "IctMixed",
    "ml": "Ml",
    "momentum": "Momentum",
    "pullback": "Pullback",
    "rsi_bollinger": "RsiBollinger",
    "surge": "Surge",
    "wave": "Wave",
}
"""Classes by name of the strategy, which is that of its module; imported when they are asked for.

All modules, and a look through everything that is installed, take a tenth of a second.
"""


@cache
def _built_in(name: str) -> Strategy:
    made: type[Strategy] = getattr(import_module(f"trading.strategies.{name}"), BUILT_IN[name])
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
