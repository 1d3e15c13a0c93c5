"""How a step says what it decided."""

from __future__ import annotations

from trading.kernel import Buffer, kernel
from trading.strategies.base import ACTION, LIMIT, REASON, SEEN


@kernel
def say(out: Buffer, action: float, reason: int, seen: float, limit: float) -> None:
    """Write an action, its reason code, and the two numbers that the reason's text shows."""
    out[ACTION] = action
    out[REASON] = float(reason)
    out[SEEN] = seen
    out[LIMIT] = limit
