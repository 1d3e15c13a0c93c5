"""Strategies for tests: they enter at a given minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from trading.candles import DAY_MS, MINUTE_MS
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.positions.exit_rules import Addition
from trading.positions.position import ExitRules
from trading.strategies.base import Strategy
from trading.strategies.layout import (
    ACTION,
    CONFIDENCE,
    ENTER,
    EXIT,
    HOLD,
    OWN,
    REASON,
    SIDE,
    STOP_PRICE,
    TARGET_PRICE,
)
from trading.strategies.parameters import Parameter, Value


@kernel
def toy_step(
    state: Buffer,  # noqa: ARG001 - every step has the same arguments
    par: Buffer,
    out: Buffer,
    bar: Bar,
) -> None:
    """Enter on the candle of minute ``at`` of the day, exit on that of ``exit_at``."""
    minute = (bar.open_time % DAY_MS) // MINUTE_MS
    out[ACTION] = HOLD
    out[REASON] = 2.0
    if minute == int(par[OWN + 4]):
        out[ACTION] = EXIT
        out[REASON] = 3.0
    if minute != int(par[OWN]):
        return
    out[ACTION] = ENTER
    out[REASON] = 1.0
    side = par[OWN + 1]
    if par[OWN + 2] > 0.0:
        out[SIDE] = side
        out[STOP_PRICE] = bar.close * (1.0 - side * par[OWN + 2])
        out[TARGET_PRICE] = bar.close * (1.0 + side * par[OWN + 3])
        out[CONFIDENCE] = 0.8


class Toy(Strategy):
    """The common part: entry and exit by the minute, no filters."""

    own = (
        Parameter("at", "int", 1, 0, 1439, help="minute of the day to enter on"),
        Parameter("direction", "int", 1, -1, 1, help="+1 buys, -1 sells"),
        Parameter("stop_at", "float", 0.0, 0.0, 0.5, help="own stop, a share of the close"),
        Parameter("target_at", "float", 0.0, 0.0, 0.5, help="own target, a share of the close"),
        Parameter("exit_at", "int", 1440, 0, 1440, help="minute of the day to leave on"),
    )
    defaults: ClassVar[Mapping[str, Value]] = {
        "filters": "off",
        "signal_tf": "1m",
        "max_position_size": 0.1,
    }
    step = staticmethod(toy_step)
    reasons: ClassVar[Mapping[int, str]] = {
        1: "entered: it is time",
        2: "not yet",
        3: "out: it is time",
    }

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Nothing is kept."""
        del params
        return 0

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Nothing is looked back at."""
        del params
        return 1


class ToyLevels(Toy):
    """Entries with a side, a stop and a target of their own."""

    name = "toy_levels"
    summary = "Enters at a minute of the day, with its own levels."
    own_levels: ClassVar[bool] = True

    def exit_rules(self, params: Mapping[str, Value]) -> ExitRules:
        """The emergency stop beside the entry's own levels."""
        return ExitRules(emergency_stop=float(params["emergency_stop"]))


class ToyStaged(Toy):
    """A long position with two additions and partial exits, like the surge strategy's."""

    name = "toy_staged"
    summary = "Enters at a minute of the day and averages."

    def exit_rules(self, params: Mapping[str, Value]) -> ExitRules:
        """Stops of 10, 7 and 5 %; the second and third buy are 4/3 of the first."""
        del params
        return ExitRules(
            stop_loss=0.10,
            emergency_stop=0.12,
            half_close=0.10,
            additions=(Addition(0.03, 4 / 3, 0.07), Addition(0.06, 4 / 3, 0.05)),
        )


class ToyLadder(Toy):
    """A ladder, a time exit and a liquidation guard."""

    name = "toy_ladder"
    summary = "Enters at a minute of the day and sells in steps."

    def exit_rules(self, params: Mapping[str, Value]) -> ExitRules:
        """A third at 2 %, a third at 4 %, all after ten minutes or near the liquidation."""
        del params
        return ExitRules(
            stop_loss=0.30,
            emergency_stop=0.35,
            partials=((0.02, 0.25), (0.04, 0.25)),
            time_exit_ms=600_000,
            liquidation_guard=0.25,
            leverage=10.0,
        )


class ToyTrailing(Toy):
    """A target and a trailing stop, averaged once."""

    name = "toy_trailing"
    summary = "Enters at a minute of the day and follows the price."

    def exit_rules(self, params: Mapping[str, Value]) -> ExitRules:
        """Out at +5 %, or 1 % from a best price of +3 %; as much again is bought at -3 %."""
        del params
        return ExitRules(
            take_profit=0.05,
            stop_loss=0.10,
            emergency_stop=0.12,
            trailing_stop=0.01,
            trailing_arm=0.03,
            additions=(Addition(0.03, 1.0, 0.10),),
        )


ALL = (ToyLevels, ToyStaged, ToyLadder, ToyTrailing)
