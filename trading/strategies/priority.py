"""Which strategy goes first where several equally confident ones enter at once."""

from __future__ import annotations

PRIORITY = ("ict_conservative", "ict_mixed", "ict_aggressive")
"""Who goes first among equally confident signals."""


def priority_of(strategy: str) -> int:
    """Place of a strategy in :data:`PRIORITY`; those that are not in it come after."""
    return PRIORITY.index(strategy) if strategy in PRIORITY else len(PRIORITY)
