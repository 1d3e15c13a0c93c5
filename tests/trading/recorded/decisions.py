"""What every strategy decides on recorded candles, as lines of text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from tests.trading.bar_making import bars_of
from tests.trading.quick_values import quick_values
from tests.trading.recorded.markets import coarse, number, real
from trading.candles import CandleColumns
from trading.errors import ParameterError
from trading.simulation.backtest import decide
from trading.strategies.layout import (
    ACTION,
    ATR,
    CONFIDENCE,
    LIMIT,
    REASON,
    SEEN,
    SIDE,
    STOP_PRICE,
    TARGET_PRICE,
)
from trading.strategies.parameters import Parameter, Value
from trading.strategies.registry import get_strategy, strategy_names

FILTERED: dict[str, Value] = {
    "filters": "on",
    "signal_tf": "1m",
    "filter_tf": "5m",
    "trend_span": 8,
    "min_volatility": 0.0009,
    "min_adx": 22.0,
}
DAYS: dict[str, Value] = {"signal_tf": "5m", "filters": "off", "k": 0.2}
SHOWN = {
    "seen": SEEN,
    "limit": LIMIT,
    "side": SIDE,
    "stop": STOP_PRICE,
    "target": TARGET_PRICE,
    "confidence": CONFIDENCE,
    "atr": ATR,
}
OF_DAYS = ("breakout", "momentum")
"""Strategies that need a day from its first candle on."""
MOST = 6
"""Of the actions of a case, so many are written down one by one."""


class Case(NamedTuple):
    """A strategy, its parameters, and the candles that it is shown."""

    strategy: str
    values: Mapping[str, Value]
    market: str


def cases() -> dict[str, Case]:
    """Every strategy on its markets, and with each of its own parameters moved alone."""
    found = base_cases()
    return {**found, **_moved(found)}


def base_cases() -> dict[str, Case]:
    """Every strategy on its markets."""
    found: dict[str, Case] = {}
    for name in strategy_names():
        values = quick_values(name)
        whole = ", whole days" if name in OF_DAYS else ""
        found[name] = Case(name, values, f"real{whole}")
        found[f"{name}, coarse"] = Case(name, values, f"coarse{whole}")
        filtered = {**values, **get_strategy(name).accepted(FILTERED)}
        if "filters" in filtered:
            found[f"{name}, filtered"] = Case(name, filtered, f"coarse{whole}")
            hourly = {**filtered, "hourly_trend": "on", "filter_tf": "15m"}
            found[f"{name}, hourly"] = Case(name, hourly, f"coarse{whole}")
    for trigger in ("level", "cross"):
        values = {**DAYS, "trigger": trigger}
        found[f"breakout, days, {trigger}"] = Case("breakout", values, "days")
        filtered = {**values, **FILTERED, "signal_tf": "5m", "filter_tf": "15m"}
        found[f"breakout, days, {trigger}, filtered"] = Case("breakout", filtered, "days")
    return found


def _moved(base: Mapping[str, Case]) -> dict[str, Case]:
    """The coarse cases with one parameter moved, where that changes a decision."""
    found: dict[str, Case] = {}
    for name in strategy_names():
        case = base[f"{name}, coarse"]
        same = decisions(case)
        for parameter in get_strategy(name).own:
            start = case.values.get(parameter.name, parameter.default)
            for value in _other_values(parameter, start):
                moved = case._replace(values={**case.values, parameter.name: value})
                try:
                    changed = decisions(moved) != same
                except ParameterError:
                    continue
                if changed:
                    found[f"{name}, {parameter.name} = {value}"] = moved
                    break
    return found


def _other_values(parameter: Parameter, value: Value) -> list[Value]:
    """Other values that the parameter allows, near ones first."""
    if parameter.kind == "choice":
        return [choice for choice in parameter.choices if choice != value]
    if parameter.kind == "int":
        start = int(value)
        wanted = [start + 1, start - 1, start + 3, start // 2, 2 * start, start // 5, 5]
        return [n for n in wanted if parameter.low <= n <= parameter.high and n != start]
    if parameter.kind == "float":
        start, reach = float(value), parameter.high - parameter.low
        more = [start * f for f in (1.25, 0.8, 2.0, 0.5, 5.0, 0.1, 0.01)]
        more += [parameter.low + reach * f for f in (0.02, 0.1, 0.5, 0.9)]
        return [x for x in more if parameter.low <= x <= parameter.high and x != start]
    return []


@cache
def market(kind: str) -> CandleColumns:
    """Candles of two days in minutes or eight in five minutes, whole days or from before one on."""
    if kind == "real, whole days":
        return real("BTCUSDT", 3_387, 1_900)
    if kind == "coarse, whole days":
        return coarse("ETHUSDT", 3_387, 1_900, 1.0)
    if kind == "real":
        return real("BTCUSDT", 20_000, 1_900)
    if kind == "days":
        return bars_of(coarse("ETHUSDT", 7_000, 8 * 1_440, 1.0), 300_000)
    return coarse("ETHUSDT", 7_000, 1_900, 1.0)


def decisions(case: Case) -> list[str]:
    """Return how often each reason was given, sums of all numbers, and the first actions."""
    candles = market(case.market)
    rows = decide(get_strategy(case.strategy), candles, case.values, compiled=False)
    counts = Counter((int(row[ACTION]), int(row[REASON])) for row in rows)
    lines = [f"action {a} reason {r}: {count}" for (a, r), count in sorted(counts.items())]
    # Later rows weigh more: a decision that comes one candle later changes the sums.
    for name, at in {"action": ACTION, "reason": REASON, **SHOWN}.items():
        known = [(place + 1) * v for place, v in enumerate(rows[:, at].tolist()) if v == v]
        lines.append(f"{name}: {len(known)} known, {math.fsum(known):.11g} in all")
    changed = [
        place
        for place in range(1, len(rows))
        if rows[place, ACTION] and rows[place, ACTION] != rows[place - 1, ACTION]
    ]
    for place in changed[:MOST]:
        shown = " ".join(number(rows[place, at]) for at in SHOWN.values())
        lines.append(f"{place}: {int(rows[place, ACTION])} {int(rows[place, REASON])} {shown}")
    return lines
