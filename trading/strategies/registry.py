"""Strategies by name: the built-in ones and those of the entry-point group
``nocturne.strategies``. A strategy that is in neither can be loaded from its module.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from trading.errors import ParameterError
from trading.strategies.base import Strategy
from trading.strategies.bb_breakout import BbBreakout
from trading.strategies.breakout import Breakout
from trading.strategies.combined import Combined
from trading.strategies.dynamic_breakout import DynamicBreakout
from trading.strategies.ict_aggressive import IctAggressive
from trading.strategies.ict_conservative import IctConservative
from trading.strategies.ict_mixed import IctMixed
from trading.strategies.ml import Ml
from trading.strategies.momentum import Momentum
from trading.strategies.pullback import Pullback
from trading.strategies.rsi_bollinger import RsiBollinger
from trading.strategies.surge import Surge
from trading.strategies.wave import Wave

GROUP = "nocturne.strategies"

BUILT_IN: tuple[type[Strategy], ...] = (
    BbBreakout,
    Breakout,
    Combined,
    DynamicBreakout,
    IctAggressive,
    IctConservative,
    IctMixed,
    Ml,
    Momentum,
    Pullback,
    RsiBollinger,
    Surge,
    Wave,
)


@cache
def _strategies() -> dict[str, Strategy]:
    found: dict[str, Strategy] = {made.name: made() for made in BUILT_IN}
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
