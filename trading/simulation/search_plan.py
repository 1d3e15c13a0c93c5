"""A search prepared: its combinations, grouped by the signals that they share.

Rules and signals of a combination depend on a few of its parameters only. Which ones is not
declared anywhere, and a list kept by hand would go stale without a sign; so a first call records
the parameters that a function looks up, and later calls with the same values share its result. What
keeps this safe: the functions are pure, a mapping that is iterated counts as read whole, and
`tests/trading/simulation` compares every combination of a search with its own back-test.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from trading.candles import Floats
from trading.positions.exit_rules import R_BRACKETS, R_SIZE_BY, R_STAGED, FillRates, MarginTerms
from trading.positions.sizing import Sizing
from trading.simulation.results import Costs
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value
from trading.strategies.setup import Setup

Found = TypeVar("Found")


def rules_of(strategy: Strategy, params: Mapping[str, Value], costs: Costs) -> Floats:
    """Return exits, costs and sizing of one combination as the kernels read them."""
    rules, sizing = strategy.exit_rules(params), strategy.sizing(params)
    maker = None if costs.maker_fee_bps is None else costs.maker_fee_bps / 10_000.0
    rates = FillRates(costs.fee_bps / 10_000.0, costs.slippage_bps / 10_000.0, maker)
    margin = costs.margin
    terms = MarginTerms(margin.capital, margin.tiers, margin.most_notional(rules.leverage))
    row = np.array(rules.layout(strategy.side, rates, terms, own_levels=strategy.own_levels))
    write_sizing(row, sizing)
    return row


def write_sizing(row: Floats, sizing: Sizing) -> None:
    """Write how entries are sized into the rules that the kernels read."""
    row[R_SIZE_BY:R_BRACKETS] = sizing.numbers
    if sizing.by_risk:
        row[R_STAGED] = 1.0


class _Reads(Mapping[str, Value]):
    """Parameters that record which of them were looked up."""

    def __init__(self, params: Mapping[str, Value]) -> None:
        self._params = params
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> Value:
        self.names.add(name)
        return self._params[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value or ``default``, without the detour of `Mapping` through an exception."""
        self.names.add(name)
        return self._params.get(name, default)

    def __iter__(self) -> Iterator[str]:
        self.names |= set(self._params)
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)


class _Memo(Generic[Found]):
    """A pure function of parameters, computed once for each set of values that it reads.

    Only those of ``varied`` differ from one call to the next, so only they are looked at.
    """

    def __init__(
        self, function: Callable[[Mapping[str, Value]], Found], varied: Collection[str]
    ) -> None:
        self._function = function
        self._varied = varied
        self._known: dict[tuple[str, ...], dict[tuple[Value, ...], Found]] = {}

    def __call__(self, params: Mapping[str, Value]) -> Found:
        for names, values in self._known.items():
            found = values.get(tuple([params[name] for name in names]))
            if found is not None:
                return found
        reads = _Reads(params)
        found = self._function(reads)
        names = tuple(sorted(reads.names.intersection(self._varied)))
        self._known.setdefault(names, {})[tuple([params[name] for name in names])] = found
        return found


class _Rules:
    """The rules of one combination, and whether its positions change in stages."""

    def __init__(self, strategy: Strategy, params: Mapping[str, Value], costs: Costs) -> None:
        self.row = rules_of(strategy, params, costs)
        self.staged = bool(self.row[R_STAGED] > 0.0)


@dataclass(frozen=True, slots=True)
class SignalGroup:
    """Positions of the combinations that share the signals of ``setup``, of one kind."""

    setup: Setup
    members: list[int]


class SearchPlan:
    """A grid prepared: parameters and rules of each combination, and groups by their signals."""

    def __init__(
        self,
        strategy: Strategy,
        grid: Sequence[Mapping[str, Value]],
        fixed: Mapping[str, Value],
        costs: Costs,
        base_ms: int,
    ) -> None:
        base = strategy.resolve(fixed)
        varied = frozenset(name for values in grid for name in values)
        parsed: dict[tuple[str, Value], Value] = {}
        setup_of = _Memo(lambda params: Setup.resolved(strategy, params, base_ms), varied)
        rules = _Memo(lambda params: _Rules(strategy, params, costs), varied)
        self.params: list[Mapping[str, Value]] = []
        rows: list[Floats] = []
        groups: dict[tuple[object, ...], SignalGroup] = {}
        members: dict[tuple[int, bool], list[int]] = {}
        for position, values in enumerate(grid):
            params = dict(base)
            for item in values.items():
                if item not in parsed:
                    name, value = item
                    parsed[item] = strategy.parameter(name).parse(value, strategy.name)
                params[item[0]] = parsed[item]
            self.params.append(params)
            setup, ruled = setup_of(params), rules(params)
            rows.append(ruled.row)
            known = (id(setup), ruled.staged)
            if known not in members:
                lengths = (setup.signal_ms, setup.filter_ms, setup.hourly_ms, *setup.more)
                key = (ruled.staged, *lengths, setup.par)
                members[known] = groups.setdefault(key, SignalGroup(setup, [])).members
            members[known].append(position)
        self.rules = np.array(rows)
        self.groups = list(groups.values())
