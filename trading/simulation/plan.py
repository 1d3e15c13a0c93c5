"""What a run is made of: its span, its combinations grouped by signals, and what it left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from trading.candles import DAY_MS, CandleColumns, Floats, Integers
from trading.decider import Setup
from trading.errors import DataError
from trading.position import (
    EMERGENCY_STOP,
    REASONS,
    STOP_LOSS,
    TRAILING_STOP,
)
from trading.rules import R_FEE, R_SIDE, R_STAGED, R_TAKE_PROFIT, ExitRules
from trading.simulation.results import Costs, Fills, Trades
from trading.stages import FILL_WIDTH
from trading.strategies.base import Strategy, Value

Found = TypeVar("Found")


class Span:
    """The part of the candles that is traded, and its calendar days."""

    def __init__(self, candles: CandleColumns, trade_from_ms: int | None) -> None:
        if len(candles) == 0:
            raise DataError("there are no candles to simulate")
        first = 0
        if trade_from_ms is not None:
            first = int(np.searchsorted(candles.open_time, trade_from_ms))
        if first == len(candles):
            raise DataError(f"no candle opens at or after the start of trading, {trade_from_ms} ms")
        self.first_row = first
        self.candles = len(candles) - first
        self.first_day = int(candles.open_time[first]) // DAY_MS
        self.days = int(candles.open_time[-1]) // DAY_MS - self.first_day + 1

    @property
    def day_starts(self) -> Integers:
        """Starts of the UTC days, ms."""
        return (self.first_day + np.arange(self.days, dtype=np.int64)) * DAY_MS


def rules_of(rules: ExitRules, strategy: Strategy, costs: Costs) -> Floats:
    """The rules of one combination as the kernels read them."""
    maker = None if costs.maker_fee_bps is None else costs.maker_fee_bps / 10_000.0
    fee, slippage = costs.fee_bps / 10_000.0, costs.slippage_bps / 10_000.0
    return np.array(rules.layout(fee, slippage, maker, strategy.side))


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
    """Positions of the combinations that share the signals of ``setup``."""

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
            key = (setup.signal_ms, setup.filter_ms, setup.hourly_ms, setup.par)
            groups.setdefault(key, Group(setup, [])).members.append(position)
        self.rules = np.array(rows)
        self.groups = list(groups.values())


@dataclass(frozen=True, slots=True)
class Ran:
    """What an engine left behind: three values a trade, four a fill, in buffers of its speed."""

    rows: Any
    prices: Any
    count: int
    sums: Any
    daily: Any
    notes: Any
    filled: int
    ambiguous_lives: int

    def trades(self, candles: CandleColumns, side: int) -> Trades:
        """The trades as columns."""
        size = 3 * self.count
        entry, closed, code = np.asarray(self.rows[:size], dtype=np.int64).reshape(-1, 3).T
        entered, left, growth = np.asarray(self.prices[:size], dtype=np.float64).reshape(-1, 3).T
        return Trades(
            signal_time=candles.open_time[entry - 1],
            entry_time=candles.open_time[entry],
            exit_time=candles.open_time[closed],
            side=np.full(self.count, side, dtype=np.int64),
            entry_price=entered,
            exit_price=left,
            net_return=growth - 1.0,
            reason=np.array(REASONS)[code],
        )

    def fills(self, candles: CandleColumns, trades: Trades, rules: Floats) -> Fills:
        """The fills after the entries; without stages one for each trade."""
        if not rules[R_STAGED] > 0.0:
            bought = 1.0 / (1.0 + rules[R_FEE])
            return Fills(
                trade=np.arange(len(trades)),
                time=trades.exit_time,
                value=-bought * trades.exit_price / trades.entry_price,
                price=trades.exit_price,
                reason=trades.reason,
            )
        notes = np.asarray(self.notes[: FILL_WIDTH * self.filled], dtype=np.float64)
        row, code, change, price = notes.reshape(-1, FILL_WIDTH).T
        time = candles.open_time[row.astype(np.int64)]
        return Fills(
            trade=np.searchsorted(trades.exit_time, time),
            time=time,
            value=change * price,
            price=price,
            reason=np.array(REASONS)[code.astype(np.int64)],
        )

    def ambiguous(self, candles: CandleColumns, trades: Trades, rules: Floats) -> int:
        """Candles that held a stop and a target at once."""
        if rules[R_STAGED] > 0.0:
            return self.ambiguous_lives
        if not rules[R_TAKE_PROFIT] > 0.0:
            return 0
        rows = np.searchsorted(candles.open_time, trades.exit_time)
        target = trades.entry_price * (1.0 + rules[R_SIDE] * rules[R_TAKE_PROFIT])
        stops = [REASONS[code] for code in (EMERGENCY_STOP, STOP_LOSS, TRAILING_STOP)]
        stopped = np.isin(trades.reason, stops)
        return int(np.count_nonzero(stopped & (candles.high[rows] >= target)))
