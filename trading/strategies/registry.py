"""Strategies by name: the modules of ``technical/``, the families, the user's, entry points.

A module ``technical/<name>.py`` holds the strategy ``<name>``, and so does one in the user's folder
(:mod:`trading.strategies.own`). A packaged strategy comes from the entry-point group
``nocturne.strategies``; any can be loaded by its module and class.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from trading.errors import ParameterError, did_you_mean
from trading.strategies import own
from trading.strategies.base import Strategy

GROUP = "nocturne.strategies"

FAMILIES = {
    "ict_aggressive": "ict.aggressive:IctAggressive",
    "ict_conservative": "ict.conservative:IctConservative",
    "ict_mixed": "ict.mixed:IctMixed",
    "surge": "surge.strategy:Surge",
}
"""Module and class of each strategy whose family has its own folder, by name."""


@cache
def _modules() -> Mapping[str, str]:
    """Return the module (and the class, if named) of every built-in strategy.

    Only file names are read: importing all strategies takes a tenth of a second.
    """
    files = (Path(__file__).parent / "technical").glob("[!_]*.py")
    return {**FAMILIES, **{file.stem: f"technical.{file.stem}" for file in files}}


@cache
def _built_in(name: str) -> Strategy:
    where, _, class_name = _modules()[name].partition(":")
    module = import_module(f"trading.strategies.{where}")
    if class_name:
        made: type[Strategy] = getattr(module, class_name)
        return made()
    return _only_strategy(name, module)


def _only_strategy(name: str, module: ModuleType) -> Strategy:
    mine = [
        found
        for found in vars(module).values()
        if isinstance(found, type)
        and issubclass(found, Strategy)
        and found.__module__ == module.__name__
        and found.name == name
    ]
    if len(mine) != 1:
        raise ParameterError(
            f"{module.__file__} must define one strategy class with name = '{name}',"
            f" it defines {len(mine)}"
        )
    return mine[0]()


@cache
def _users(name: str, path: Path) -> Strategy:
    """Load a strategy of the user's folder; a mistake in it is a `ParameterError` with its line."""
    if name in _modules():
        raise ParameterError(f"{path} has the name of the strategy '{name}' of Nocturne; rename it")
    try:
        module = import_module(f"{own.__name__}.{name}")
    except Exception as error:
        raise ParameterError(f"{_place_of(error, path)}: {_text_of(error)}") from error
    return _only_strategy(name, module)


def _place_of(error: Exception, path: Path) -> str:
    """Return file and line of an error that a module raised while it was imported."""
    if isinstance(error, SyntaxError):
        return f"{error.filename or path}, line {error.lineno or 1}"
    lines = [
        frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    return f"{path}, line {lines[-1]}" if lines else str(path)


def _text_of(error: Exception) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}"


@cache
def _others() -> dict[str, Strategy]:
    """Load the strategies of the entry points; a name that is taken is a `ParameterError`."""
    from importlib.metadata import entry_points

    found: dict[str, Strategy] = {}
    for point in entry_points(group=GROUP):
        strategy = point.load()()
        if strategy.name in _modules() or strategy.name in found:
            raise ParameterError(
                f"strategy '{strategy.name}' of entry point {point.value} has a name that is taken"
            )
        found[strategy.name] = strategy
    return found


def strategy_names() -> list[str]:
    """Return the names of all strategies, sorted."""
    return sorted({*_modules(), *_others(), *own.files()})


def get_strategy(name: str) -> Strategy:
    """Return the strategy ``name``; an unknown name is a `ParameterError` that lists the known."""
    users = own.files()
    if name in users:
        return _users(name, users[name])
    if name in _modules():
        return _built_in(name)
    if name not in _others():
        known = strategy_names()
        raise ParameterError(
            f"strategy '{name}' is not known{did_you_mean(name, known)};"
            f" known are {', '.join(known)}"
        )
    return _others()[name]


def load_strategy(reference: str) -> Strategy:
    """Load the strategy ``package.module:Class``, which need not be registered.

    Only commands use this: a release names registered strategies, so it cannot import anything.
    A reference to anything but a strategy class is a `ParameterError`.
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
