"""How a step writes its decision and the reason for it."""

from __future__ import annotations

import math

from trading.jit.kernel import Buffer, kernel
from trading.strategies.layout import ACTION, HOLD, LIMIT, REASON, SEEN

WARMING_UP = 99
"""Reason code of every strategy whose indicators are not known yet."""
WARMING_UP_TEXT = "warming up"


@kernel
def write_decision(out: Buffer, action: float, reason: int, seen: float, limit: float) -> None:
    """Write an action, its reason code, and the two numbers that the text of the reason shows."""
    out[ACTION] = action
    out[REASON] = float(reason)
    out[SEEN] = seen
    out[LIMIT] = limit


@kernel
def hold(out: Buffer, reason: int, seen: float, limit: float) -> None:
    """Hold for a reason."""
    write_decision(out, HOLD, reason, seen, limit)


@kernel
def warming_up(out: Buffer) -> None:
    """Hold: the history is still too short."""
    write_decision(out, HOLD, WARMING_UP, math.nan, math.nan)
