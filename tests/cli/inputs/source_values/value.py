"""One number of a source, and how the code's own is looked up."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

import yaml

from cli.inputs.strategy_choice import choose
from flows.settings import PROJECT, ResearchSettings
from trading.strategies.registry import get_strategy


@dataclass(frozen=True)
class Value:
    """One number: its source and section, what it is, the source's value and ours.

    Without a reason ours must equal ``wanted``. With one it must be ``kept``, which differs.
    """

    source: str
    what: str
    wanted: Any
    ours: Any
    kept: Any = None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Between:
    """A range that a source gives; every number inside equals it."""

    low: float
    high: float

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | float) and self.low <= other <= self.high

    def __hash__(self) -> int:
        return hash((self.low, self.high))


@dataclass(frozen=True)
class Outcome:
    """A number that no constant of the code holds: ``test`` (PATH::NAME) shows it."""

    source: str
    what: str
    wanted: Any
    test: str


def default(strategy: str, name: str) -> Any:
    """Return the default of a strategy's parameter."""
    return get_strategy(strategy).parameter(name).default


def preset(name: str, parameter: str) -> Any:
    """Return a parameter of a preset, with the strategy's own value where it says nothing."""
    strategy, params = choose(None, name, [])
    return strategy.resolve(params)[parameter]


def recent(axis: str) -> str:
    """Return an axis of the nightly grid of breakout over the recent days."""
    return ResearchSettings().grids["breakout"].recent[axis]


def schedule(deployment: str) -> str:
    """Return the cron line of a deployment."""
    made = yaml.safe_load((PROJECT / "prefect.yaml").read_text(encoding="utf-8"))
    (found,) = (d for d in made["deployments"] if d["name"] == deployment)
    return str(found["schedules"][0]["cron"])


def target(benchmark: str, name: str) -> float:
    """Return the limit of a benchmark's target whose name contains ``name``."""
    tree = ast.parse((PROJECT / "benchmarks" / benchmark).read_text(encoding="utf-8"))
    named = {
        ast.unparse(node.targets[0]): node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
    }
    (limit,) = (
        call.args[2]
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and getattr(call.func, "attr", "") in ("at_most", "at_least")
        and name in ast.unparse(call.args[0])
    )
    return float(ast.literal_eval(named.get(ast.unparse(limit), limit)))
