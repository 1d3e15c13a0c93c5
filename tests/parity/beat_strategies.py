"""Strategies for the comparison with the event replay: they enter by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from trading.candles import MINUTE_MS
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.strategies.base import Strategy
from trading.strategies.layout import (
    ACTION,
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
def beat_step(
    state: Buffer,  # noqa: ARG001 - every step has the same arguments
    par: Buffer,
    out: Buffer,
    bar: Bar,
) -> None:
    """Enter on every ``every``-th minute, leave ``leave`` minutes later.

    Where ``direction`` is 0, the candle gives the side.
    """
    beat = (bar.open_time // MINUTE_MS) % int(par[OWN])
    out[ACTION] = HOLD
    out[REASON] = 2.0
    if beat == int(par[OWN + 2]):
        out[ACTION] = EXIT
        out[REASON] = 3.0
    if beat != 0:
        return
    out[ACTION] = ENTER
    out[REASON] = 1.0
    side = par[OWN + 1]
    if side == 0.0:
        side = 1.0 if bar.close >= bar.open else -1.0
    out[SIDE] = side
    if par[OWN + 3] > 0.0:
        out[STOP_PRICE] = bar.close * (1.0 - side * par[OWN + 3])
    if par[OWN + 4] > 0.0:
        out[TARGET_PRICE] = bar.close * (1.0 + side * par[OWN + 4])


class Beat(Strategy):
    """Entries by the clock; parameters decide the exits."""

    name = "beat"
    summary = "Enters every N minutes."
    own = (
        Parameter("every", "int", 20, 2, 1440, help="minutes from entry to entry"),
        Parameter("direction", "int", 1, -1, 1, help="+1 buys, -1 sells, 0 follows the candle"),
        Parameter("leave", "int", 1440, 1, 1440, help="minutes after the beat to leave on"),
        Parameter("stop_at", "float", 0.0, 0.0, 0.5, help="own stop, a share of the close"),
        Parameter("target_at", "float", 0.0, 0.0, 0.5, help="own target, a share of the close"),
    )
    defaults: ClassVar[Mapping[str, Value]] = {"filters": "off", "signal_tf": "1m"}
    step = staticmethod(beat_step)
    reasons: ClassVar[Mapping[int, str]] = {
        1: "entered: it is time",
        2: "not yet",
        3: "out: it is time",
    }
    own_levels: ClassVar[bool] = True
    always_guarded: ClassVar[bool] = True

    def state_size(self, params: Mapping[str, Value]) -> int:
        """No state."""
        del params
        return 0

    def warmup(self, params: Mapping[str, Value]) -> int:
        """One candle."""
        del params
        return 1


class DayBeat(Beat):
    """The same, but out at the day's end."""

    name = "day_beat"
    summary = "Enters every N minutes, out at the day's end."
    day_end: ClassVar[bool] = True


ALL = (Beat, DayBeat)
