"""What a search is made of: its combinations, grouped by the signals that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from trading.candles import Floats
from trading.rules import R_STAGED, ExitRules
from trading.setup import Setup
from trading.simulation.results import Costs
from trading.strategies.base import Strategy, Value

Found = TypeVar("Found")


def rules_of(rules: ExitRules, strategy: Strategy, costs: Costs) -> Floats:
    """The rules of one combination as the kernels read them."""
    maker = None if costs.maker_fee_bps is None else costs.maker_fee_bps / 10_000.0
    fee, slippage = costs.fee_bps / 10_000.0, costs.slippage_bps / 10_000.0
    return np.array(
        rules.layout(
            fee,
            slippage,
            maker,
            strategy.side,
            own_levels=strategy.own_levels,
            capital=costs.margin.capital,
            brackets=costs.margin.tiers,
        )
    )


class _Reads(Mapping[str, Value]):
    """Parameters that note which of them were read."""

    def __init__(self, params: Mapping[str, Value]) -> None:
        self._params = params
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> Value:
        self.names.add(name)
        return self._params[name]

    def __iter__(self) -> Iterator[str]:
        self.names |= set(self._params)
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)


class _Memo(Generic[Found]):
    """A pure function of parameters, computed once for each set of values that it reads."""

    def __init__(self, function: Callable[[Mapping[str, Value]], Found]) -> None:
        self._function = function
        self._known: dict[tuple[str, ...], dict[tuple[Value, ...], Found]] = {}

    def __call__(self, params: Mapping[str, Value]) -> Found:
        for names, values in self._known.items():
            key = tuple([params[name] for name in names])
            if key in values:
                return values[key]
        reads = _Reads(params)
        found = self._function(reads)
        names = tuple(sorted(reads.names))
        self._known.setdefault(names, {})[tuple([params[name] for name in names])] = found
        return found


@dataclass(frozen=True, slots=True)
class Group:
    """Positions of the combinations that share the signals of ``setup``, of one kind."""

    setup: Setup
    members: list[int]


class Plan:
    """A grid made ready: parameters and rules of each combination, and groups by their signals."""

    def __init__(
        self,
        strategy: Strategy,
        grid: Sequence[Mapping[str, Value]],
        fixed: Mapping[str, Value],
        costs: Costs,
        base_ms: int,
    ) -> None:
        base = strategy.resolve(fixed)
        parsed: dict[tuple[str, Value], Value] = {}
        setup_of = _Memo(lambda params: Setup.resolved(strategy, params, base_ms))
        rules = _Memo(lambda params: rules_of(strategy.exit_rules(params), strategy, costs))
        self.params: list[Mapping[str, Value]] = []
        rows: list[Floats] = []
        groups: dict[tuple[object, ...], Group] = {}
        for position, values in enumerate(grid):
            params = dict(base)
            for item in values.items():
                if item not in parsed:
                    name, value = item
                    parsed[item] = strategy.parameter(name).parse(value, strategy.name)
                params[item[0]] = parsed[item]
            self.params.append(params)
            rows.append(rules(params))
            setup = setup_of(params)
            kind = bool(rows[-1][R_STAGED] > 0.0)
            lengths = (setup.signal_ms, setup.filter_ms, setup.hourly_ms, *setup.more)
            key = (kind, *lengths, setup.par)
            groups.setdefault(key, Group(setup, [])).members.append(position)
        self.rules = np.array(rows)
        self.groups = list(groups.values())
