"""`report`, sections 3.1.2, 4, 5 and 7: sizes, leverage, exits and recommended settings."""

from __future__ import annotations

import pytest

from executor.execution.fills import SLIPPAGE_ALERT
from executor.settings import RiskSettings, VenueSettings
from tests.cli.inputs.source_values.value import Between, Value, default, preset, recent
from trading.positions.exit_rules import ExitRules, dynamic_leverage
from trading.positions.position import Position
from trading.positions.staged_position import StagedEntry, StagedPosition
from trading.research.grid import parse_grid
from trading.strategies.registry import get_strategy


def raised_stop() -> tuple[float | None, float | None]:
    """Return fixed and trailing stop of the example: bought at 100, then a price of 120."""
    rules = ExitRules(stop_loss=0.1, trailing_stop=1 / 12, trailing_from="entry")
    position = Position(1, 100.0, 1.0, 0, rules)
    position.on_price(120.0, 0)
    return position.stop_price, position.trailing_price


def guarded_distance() -> float:
    """Return the distance to the liquidation at which 10 x is closed, a share of the price."""
    share = float(default("breakout", "liquidation_guard"))
    with_guard = ExitRules(leverage=10.0, liquidation_guard=share)
    guarded = StagedPosition(StagedEntry(1, 100.0, 1.0, 0), with_guard).protective_price
    assert guarded is not None
    liquidation = (guarded - share * 100.0) / (1.0 - share)
    return (guarded - liquidation) / guarded


def tried_near(wanted: float) -> float:
    """Return the stop of the nightly search that is nearest to ``wanted``."""
    grid = parse_grid([f"stop_loss={recent('stop_loss')}"], get_strategy("breakout"))
    stops = (float(params["stop_loss"]) for params in grid.combinations())
    return min(stops, key=lambda stop: abs(stop - wanted))


VALUES = [
    Value("report 4.1", "turtle: risk of a unit", 0.01, preset("classic", "unit_risk")),
    Value("report 4.1", "turtle: ATRs to the stop", 2.0, preset("classic", "atr_multiplier")),
    Value("report 4.1", "turtle: by default 2 ATRs", 2.0, default("breakout", "atr_multiplier")),
    Value("report 4.1", "turtle is a sizing", "turtle", preset("classic", "sizing")),
    Value("report 4.2", "dynamic leverage: 2 % / ATR %", 4.0, dynamic_leverage(0.5, 100.0)),
    Value("report 4.2", "dynamic leverage: at most", 10.0, dynamic_leverage(0.01, 100.0)),
    Value(
        "report 4.3", "trailing from the entry on", "entry", default("breakout", "trailing_from")
    ),
    Value("report 4.4", "liquidation guard", 0.20, default("breakout", "liquidation_guard")),
    Value(
        "report 4.4", "liquidation guard of ICT", 0.20, default("ict_mixed", "liquidation_guard")
    ),
    Value("report 3.1.2", "emergency stop", 0.05, preset("classic", "emergency_stop")),
    Value("report 3.1.2", "emergency stop, scalping", 0.05, preset("scalping", "emergency_stop")),
    Value("report 3.1.2", "emergency stop, mid term", 0.05, preset("mid_term", "emergency_stop")),
    Value("report 3.1.2", "emergency stop, ICT", 0.05, preset("ict", "emergency_stop")),
    Value(
        "report 3.1.2",
        "emergency stop, surge",
        0.05,
        preset("surge", "emergency_stop"),
        0.12,
        "its own stop of 10 % is wider; a strategy with wider stops declares its own",
    ),
    Value("report 7.2", "slippage that alarms", 0.005, SLIPPAGE_ALERT),
    Value("report 3.1.2", "least order, USDT", 10, RiskSettings().min_trade_notional),
    Value(
        "report 3.1.2",
        "least order at Upbit, KRW",
        5_000,
        RiskSettings().min_trade_notional,
        10,
        "only Binance is traded, in USDT; of Upbit there are candles and no orders",
    ),
    Value("report 5", "stop by ATR", 0.0, preset("classic", "stop_loss")),
    Value("report 5", "stop by ATR, mid term", 0.0, preset("mid_term", "stop_loss")),
    Value(
        "report 5",
        "stop by ATR, scalping",
        0.0,
        preset("scalping", "stop_loss"),
        0.01,
        "minutes need a stop of their own size; 1 % is the lower end of the source's search",
    ),
    Value("report 5", "take-profit, scalping 1-3 %", 0.02, preset("scalping", "take_profit")),
    Value("report 5", "take-profit, classic 5 %", 0.05, preset("classic", "take_profit")),
    Value("report 5", "take-profit, swing 5-10 %", 0.08, preset("mid_term", "take_profit")),
    Value("report 5", "position, classic 20 %", 0.2, preset("classic", "max_position_size")),
    Value("report 5", "position, scalping 10 %", 0.1, preset("scalping", "max_position_size")),
    Value("report 5", "position, mid term 20 %", 0.2, preset("mid_term", "max_position_size")),
    Value(
        "report 4.2", "dynamic leverage of the account: at most", 10, VenueSettings().max_leverage
    ),
    Value(
        "report 4.2",
        "dynamic leverage of the preset",
        0.02,
        preset("classic", "target_volatility"),
        0.0,
        "the preset is for spot, too; `target_volatility = 0.02` and `leverage = 10` switch it on",
    ),
    Value(
        "report, for beginners 4.2",
        "stop and trailing stop of 100 and 90 after a price of 120",
        (pytest.approx(90.0), pytest.approx(110.0)),
        raised_stop(),
    ),
    Value("report, for beginners 4.2", "stop, an example", 0.03, pytest.approx(tried_near(0.03))),
    Value(
        "report, for beginners 5", "take-profit, scalping", 0.02, preset("scalping", "take_profit")
    ),
    Value(
        "report, for beginners 5",
        "take-profit, swing",
        0.10,
        preset("mid_term", "take_profit"),
        0.08,
        "the other table of the same section says 5 to 10 %",
    ),
    Value(
        "report 4.4",
        "distance to the liquidation that closes at 10 x, of the price",
        0.20,
        guarded_distance(),
        pytest.approx(0.0209, abs=5e-4),
        "20 % of price lies beyond the entry at 5 x and more; ours is of the distance at the entry",
    ),
    *(
        Value(
            "report 5",
            f"ATRs to the stop, {name}",
            Between(2.0, 3.0),
            preset(name, "atr_multiplier"),
        )
        for name in ("classic", "scalping", "mid_term")
    ),
    *(
        Value(
            "report 5",
            f"share of a symbol, {name}",
            Between(0.1, 0.3),
            preset(name, "max_position_size"),
        )
        for name in ("classic", "scalping", "mid_term")
    ),
    Value(
        "report 5",
        "share of a symbol, ict",
        Between(0.1, 0.3),
        preset("ict", "max_position_size"),
        1.0,
        "it counts margin where the risk at the stop decides the size",
    ),
    *(
        Value(
            "report 5",
            f"trailing stop of the target, {name}",
            Between(1 / 3, 1 / 2),
            preset(name, "trailing_stop") / preset(name, "take_profit"),
        )
        for name in ("classic", "scalping", "mid_term")
    ),
]
