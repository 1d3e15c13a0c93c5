"""Priority of strategies whose signals on one symbol are equally confident."""

from __future__ import annotations

PRIORITY = ("ict_conservative", "ict_mixed", "ict_aggressive")
"""The strategies that go first, in order: A, C, B."""


def priority_of(strategy: str) -> int:
    """Return the place of a strategy in :data:`PRIORITY`; all others come last."""
    return PRIORITY.index(strategy) if strategy in PRIORITY else len(PRIORITY)
