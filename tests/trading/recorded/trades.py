"""What both engines trade under every kind of exit and size on recorded candles, as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from tests.trading.engines import RULES, compare, with_rules
from tests.trading.quick_values import quick_values
from tests.trading.recorded.markets import coarse, number, real, total
from trading.candles import HOUR_MS, CandleColumns
from trading.positions.exit_rules import Addition, ExitRules
from trading.simulation import BacktestResult, Costs
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy
from trading.strategies.technical.breakout import Breakout
from trading.strategies.technical.rsi_bollinger import RsiBollinger

EAGER: dict[str, Value] = {
    "filters": "off",
    "signal_tf": "1m",
    "filter_tf": "5m",
    "rsi_span": 6,
    "rsi_entry": 45.0,
    "rsi_exit": 65.0,
    "band_span": 8,
    "band_width": 0.8,
}
DAILY: dict[str, Value] = {
    "filters": "off",
    "signal_tf": "1m",
    "filter_tf": "5m",
    "k": 0.02,
    "trigger": "cross",
}
MORE_RULES = {
    "by ATR": ExitRules(take_profit=0.006, atr_multiplier=2.5),
    "trailing from the entry": ExitRules(
        stop_loss=0.004, trailing_stop=0.001, trailing_from="entry"
    ),
    "dynamic leverage": ExitRules(
        take_profit=0.004, stop_loss=0.003, leverage=100.0, target_volatility=0.02
    ),
    "averaged, guarded": ExitRules(
        stop_loss=0.006,
        leverage=100.0,
        liquidation_guard=0.3,
        half_close=0.002,
        additions=(Addition(0.002, 0.5, 0.0), Addition(0.003, 2.0, 0.006)),
        partials=((0.003, 0.25),),
    ),
}
COSTS = Costs(5.0, 1.0, 2.0, funding={1_746_777_600_000 + 3_600_000 * h: 1e-4 for h in range(99)})
MOST = 3


@dataclass(frozen=True)
class Case:
    """A strategy with its exits, parameters and costs, on one of the markets."""

    strategy: Strategy
    values: Mapping[str, Value]
    market: str
    costs: Costs = field(default_factory=lambda: COSTS)


def cases() -> dict[str, Case]:
    """Every kind of exit long and short, every size, entries with their own levels."""
    found: dict[str, Case] = {}
    for name, rules in {**RULES, **MORE_RULES}.items():
        for side, way in ((1, "long"), (-1, "short")):
            for market in ("real", "coarse"):
                made = with_rules(RsiBollinger, rules, side)
                found[f"{name}, {way}, {market}"] = Case(made, EAGER, market)
    wide = {
        "wide": ExitRules(stop_loss=0.03),
        "an hour": ExitRules(stop_loss=0.03, time_exit_ms=HOUR_MS),
    }
    for name, rules in {**RULES, **MORE_RULES, **wide}.items():
        for side, way in ((1, "long"), (-1, "short")):
            made = with_rules(Breakout, rules, side)
            found[f"{name}, {way}, by day"] = Case(made, DAILY, "whole days", Costs(5.0))
    for name in ("ict_conservative", "ict_aggressive", "ict_mixed"):
        values = {**quick_values(name), "stop_tolerance": 0.0015}
        found[f"{name}, own levels"] = Case(get_strategy(name), values, "days")
        found[f"{name}, own levels, coarse"] = Case(get_strategy(name), values, "coarse days")
    exits: dict[str, Value] = {"take_profit": 0.004, "stop_loss": 0.003}
    sizes: dict[str, dict[str, Value]] = {
        "risk": {"sizing": "risk", "risk": 0.001},
        "turtle": {"sizing": "turtle", "unit_risk": 0.0006, "atr_multiplier": 3.0},
        "volatility": {"sizing": "volatility", "volatility_target": 0.0004},
        "risk, bound": {"sizing": "risk", "risk": 0.003},
        "leverage": {"leverage": 4.0, "max_position_size": 0.5},
        "risk with additions": {
            "sizing": "risk",
            "risk": 0.001,
            "add_first_at": 0.001,
            "add_first_weight": 0.5,
        },
    }
    for name, values in sizes.items():
        all_values = {**EAGER, **exits, "max_position_size": 0.3, **values}
        found[f"sized by {name}"] = Case(get_strategy("rsi_bollinger"), all_values, "coarse")
    return found


@cache
def market(kind: str) -> CandleColumns:
    """Minutes of a market, from before a midnight or, for whole days, from one on."""
    if kind == "real":
        return real("BTCUSDT", 6_400, 1_300)
    if kind == "days":
        return real("ETHUSDT", 6_400, 3 * 1_440)
    if kind == "whole days":
        return coarse("ETHUSDT", 3_387, 2 * 1_440 + 500, 1.0)
    if kind == "coarse days":
        return coarse("ETHUSDT", 6_400, 2 * 1_440, 1.0)
    return coarse("ETHUSDT", 6_400, 1_300, 1.0)


def trades(case: Case) -> list[str]:
    """Let both engines trade the case alike; return its measures, trades and fills."""
    pair = compare(
        case.strategy, market(case.market), dict(case.values), case.costs, compiled=False
    )
    return lines_of(pair.full)


def lines_of(run: BacktestResult) -> list[str]:
    """Return the measures, sums of all columns, and the first trades and fills."""
    lines = [f"{name}: {number(value)}" for name, value in run.metrics.as_dict().items()]
    lines.append(f"ambiguous candles: {run.ambiguous_candles}")
    for what, table in (("trades", run.trades), ("fills", run.fills)):
        columns = {name: getattr(table, name) for name in table.__dataclass_fields__}
        for name, column in columns.items():
            lines.append(f"{what}, {name}: {total(column)}")
        for row in range(min(len(table), MOST)):
            lines.append(" ".join(shown(column[row]) for column in columns.values()))
    return lines


def shown(value: object) -> str:
    """A cell of a table."""
    if isinstance(value, str):
        return value or "-"
    return number(float(value))  # type: ignore[arg-type]


def recorded() -> dict[str, list[str]]:
    """Return the lines of every case."""
    return {name: trades(case) for name, case in cases().items()}
