"""How a step says what it decided."""

from __future__ import annotations

import math

from trading.jit.kernel import Buffer, kernel
from trading.strategies.layout import ACTION, HOLD, LIMIT, REASON, SEEN

WARMING_UP = 99
"""Reason code of any strategy whose indicators are not known yet."""
WARMING_UP_TEXT = "warming up"


@kernel
def write_decision(out: Buffer, action: float, reason: int, seen: float, limit: float) -> None:
    """Write an action, its reason code, and the two numbers that the reason's text shows."""
    out[ACTION] = action
    out[REASON] = float(reason)
    out[SEEN] = seen
    out[LIMIT] = limit


@kernel
def warming_up(out: Buffer) -> None:
    """Hold: the history does not suffice yet."""
    write_decision(out, HOLD, WARMING_UP, math.nan, math.nan)
