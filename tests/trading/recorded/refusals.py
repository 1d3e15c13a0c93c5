"""What is refused and with which words: parameters, exit rules, accounts, sizes, as lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.trading.recorded.markets import described, outcome
from trading.candles import HOUR_MS, MINUTE_MS
from trading.ict.batch import IctSettings
from trading.positions.exit_rules import Addition, ExitRules, FillRates, MarginTerms
from trading.positions.liquidation import check_stops
from trading.simulation import Costs
from trading.simulation.account.inputs import (
    AccountLimits,
    AccountSettings,
    ExchangeProfile,
    SymbolFilters,
)
from trading.strategies.parameters import Parameter, Value
from trading.strategies.registry import get_strategy, strategy_names
from trading.strategies.setup import Setup
from trading.strategies.surge.sizing import SurgeSizing


def _parameters() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for parameter in (
        Parameter("x", "float", 0.5, 0.25, 2.0),
        Parameter("n", "int", 3, 2, 5),
        Parameter("c", "choice", "a", choices=("a", "b")),
        Parameter("t", "interval", "1h"),
        Parameter("l", "ladder", ""),
    ):
        for value in (
            "a",
            "b",
            0.25,
            0.2,
            2,
            2.1,
            5,
            5.5,
            6,
            2.5,
            "1h",
            "7m",
            "2d",
            "36h",
            "0.1:0.5",
            "0.1 : 0.5, 0.2:0.25",
            "0.1",
            "inf:0.5",
            "nan",
            "",
        ):
            read = outcome(lambda p=parameter, v=value: p.parse(v, "toy"))
            found[f"{parameter.name} = {value!r}"] = read
            if not isinstance(read, Exception) and parameter.kind in ("float", "int", "choice"):
                found[f"{parameter.name} = {value!r}, number"] = parameter.number(read)
    return found


def _setups() -> dict[str, Any]:
    found: dict[str, Any] = {}
    wanted: list[tuple[str, dict[str, Value], int]] = [
        ("breakout", {}, MINUTE_MS),
        ("breakout", {}, 7 * MINUTE_MS),
        ("breakout", {"filters": "off"}, HOUR_MS),
        ("breakout", {"filters": "off", "stop_loss": 0.0}, 3 * HOUR_MS),
        ("breakout", {"hourly_trend": "on", "signal_tf": "2h"}, 2 * HOUR_MS),
        ("breakout", {"unknown": 1}, MINUTE_MS),
        ("breakout", {"add_second_at": 0.1}, MINUTE_MS),
        ("breakout", {"leverage": 50.0}, MINUTE_MS),
        ("breakout", {"leverage": 10.0, "stop_loss": 0.08}, MINUTE_MS),
        ("breakout", {"partial_take_profit": "0.02:0.5,0.01:0.5"}, MINUTE_MS),
        ("ict_mixed", {}, 4 * HOUR_MS),
        ("surge", {}, 2 * MINUTE_MS),
        ("surge", {"max_position_size": 0.06}, MINUTE_MS),
        ("surge", {"max_position_size": 0.055, "most_symbols": 10}, MINUTE_MS),
        ("surge", {"weight_basis": "margin"}, MINUTE_MS),
        ("surge", {"weight_basis": "margin", "margin_confirmed": "yes"}, MINUTE_MS),
        ("surge", {"emergency_stop": 0.1}, MINUTE_MS),
        ("surge", {"emergency_stop": 0.101}, MINUTE_MS),
    ]
    for name, values, base in wanted:
        strategy = get_strategy(name)
        setup = outcome(lambda s=strategy, v=values, b=base: Setup.of(s, v, b))
        shown = setup if isinstance(setup, Exception) else str(setup.history_needed())
        found[f"{name}, {values}, {base}"] = shown
    found["no strategy"] = outcome(lambda: get_strategy("brakeout"))
    found["nothing like it"] = outcome(lambda: get_strategy("zzz"))
    for name in strategy_names():
        strategy = get_strategy(name)
        for leverage in (1, 3, 20):
            rules = strategy.live_rules(strategy.resolve({}), leverage)
            found[f"{name}, live at {leverage}"] = [rules.leverage, rules.emergency_stop]
        found[f"{name}, optional"] = ", ".join(sorted(strategy.optional))
    return found


def _rules() -> dict[str, Any]:
    found: dict[str, Any] = {}
    one, two = Addition(0.1, 1.0, 0.0), Addition(0.2, 1.0, 0.0)
    for changes in (
        {"partials": ((0.1, 0.5), (0.2, 0.5))},
        {"partials": ((0.1, 0.5), (0.2, 0.6))},
        {"partials": ((0.2, 0.5), (0.1, 0.5))},
        {"partials": ((0.1, 0.5), (0.1, 0.5))},
        {"partials": ((0.0, 0.5),)},
        {"partials": ((-0.1, 0.5),)},
        {"partials": ((0.1, 0.0),)},
        {"partials": ((0.1, 1.0),)},
        {"partials": tuple((0.1 * n, 0.1) for n in range(1, 5))},
        {"partials": tuple((0.1 * n, 0.1) for n in range(1, 6))},
        {"additions": (one, two)},
        {"additions": (two, one)},
        {"additions": (one, one)},
        {"additions": (one, two, Addition(0.3, 1.0, 0.0))},
        {"additions": (Addition(0.0, 1.0, 0.0),)},
        {"additions": (Addition(1.0, 1.0, 0.0),)},
        {"additions": (Addition(0.1, 0.0, 0.0),)},
        {"leverage": 0.9},
        {"leverage": 1.0},
        {"leverage": 250.0, "liquidation_guard": 0.1},
        {"leverage": 249.0, "liquidation_guard": 0.1},
        {"leverage": 250.0},
        {"half_close": 0.1},
        {"time_exit_ms": 1},
        {"exit_after_half": True},
        {"exit_after_half": True, "half_close": 0.1},
        {"trailing_from": "entry"},
        {"day_end": True, "target_volatility": 0.1, "leverage": 4.0, "liquidation_guard": 0.2},
    ):
        rules = outcome(lambda c=changes: ExitRules(**c))
        if isinstance(rules, Exception):
            found[str(changes)] = rules
            continue
        margin = MarginTerms(500.0, ((1_000.0, 0.01, 0.0), (5_000.0, 0.02, 10.0)), 3_000.0)
        layouts = [
            rules.layout(),
            rules.layout(-1, FillRates(0.001, 0.002)),
            rules.layout(1, FillRates(0.001, 0.002, 0.0005), margin, own_levels=True),
        ]
        found[str(changes)] = [rules.is_staged, *("".join(f"{v:g} " for v in x) for x in layouts)]
        found[f"{changes}, at leverage"] = [
            (rules.at_leverage(n).leverage, rules.at_leverage(n).target_volatility) for n in (1, 5)
        ]
    for leverage in (1.0, 1.5, 5.0, 8.5, 9.0, 20.0):
        for stop in (0.05, 0.09, 0.5):
            near = ExitRules(stop_loss=stop, leverage=leverage)
            checked = outcome(lambda r=near: check_stops(r, "toy"))
            found[f"stop {stop} at {leverage}"] = checked
    wide = ExitRules(stop_loss=0.01, leverage=10.0, additions=(Addition(0.05, 1.0, 0.2),))
    found["stop of an addition"] = outcome(lambda: check_stops(wide, "toy"))
    edge = ExitRules(emergency_stop=(1.0 + 0.1) / 1.004 - 1.0 - 0.01, leverage=10.0)
    found["stop at the edge"] = outcome(lambda: check_stops(edge, "toy"))
    return found


def _accounts() -> dict[str, Any]:
    found: dict[str, Any] = {}
    grids = [(0.001, 0.1), (0.0, 0.1), (0.001, 0.0), (1.0, 5.0), (10.0, 1.0), (0.25, 0.05)]
    for step, tick in grids:
        filters = SymbolFilters(step, 5.0, tick=tick)
        found[f"grid {step}, {tick}"] = outcome(lambda f=filters: f.grid("X", Costs(4.0)))
        found[f"ticks {tick}"] = filters.ticks
    for costs in (Costs(5.0), Costs(5.0, 1.0), Costs(5.0, 0.0, 2.0), Costs(5.0, 0.0, 5.0)):
        for impact in (0.0, 0.1):
            limits = AccountLimits(impact=impact)
            key = f"profile, {costs.slippage_bps}, {costs.maker_fee_bps}, {impact}"
            found[key] = outcome(lambda c=costs, x=limits: ExchangeProfile().check(c, x))
    for balance in (-1.0, 0.0, 0.5, 10.0):
        found[f"balance {balance}"] = outcome(lambda b=balance: AccountSettings(b).check())
    paid = AccountSettings(1.0, Costs(funding={1: 0.1}))
    found["funding"] = outcome(paid.check)
    for name in ("left", "right", "max_age", "zones", "pools", "tolerance", "tolerance_price"):
        for value in (-1, 0, 1):
            made = outcome(lambda n=name, v=value: len(IctSettings(**{n: v}).state()))
            found[f"ict, {name} = {value}"] = made
    half = SurgeSizing(0.05, stops=(0.1, 0.0, 0.2), basis="margin", leverage=2.0)
    for sizing in (SurgeSizing(0.055), half):
        found[f"surge, {sizing.basis}"] = [
            sizing.notional,
            sizing.stage_shares,
            sizing.stage_losses,
            sizing.bound,
            sizing.used,
            outcome(sizing.check),
        ]
    doubled = Costs(5.0, 1.0, 2.0).times(2.0)
    found["twice"] = [doubled.fee_bps, doubled.slippage_bps, doubled.maker_fee_bps]
    return found


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "parameters": _parameters,
    "setups": _setups,
    "exit rules": _rules,
    "accounts": _accounts,
}


def lines_of(name: str) -> list[str]:
    """Return the lines of one case."""
    return [line for part, value in CASES[name]().items() for line in described(part, value)]


def recorded() -> dict[str, list[str]]:
    """Return the lines of every case."""
    return {name: lines_of(name) for name in CASES}
