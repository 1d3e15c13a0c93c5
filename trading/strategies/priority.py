"""Several ICT strategies, one account: which signals are taken, in which order (pure functions)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PRIORITY = ("ict_conservative", "ict_mixed", "ict_aggressive")
"""Who goes first among equally confident signals: A, C, B."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One entry that a strategy asks for: prices absolute, ``side`` +1 or -1, time in ms."""

    strategy: str
    symbol: str
    side: int
    time_ms: int
    stop_price: float
    target_price: float
    confidence: float


def priority_of(strategy: str) -> int:
    """Place of a strategy in :data:`PRIORITY`; those that are not in it come after."""
    return PRIORITY.index(strategy) if strategy in PRIORITY else len(PRIORITY)


def rank(signal: Signal) -> tuple[float, int, str, str]:
    """Sort key: the most confident first, then by :data:`PRIORITY`, then by name and symbol."""
    return -signal.confidence, priority_of(signal.strategy), signal.strategy, signal.symbol


def merge(signals: Iterable[Signal]) -> list[Signal]:
    """The signals of one moment, best first, without duplicates.

    Of several on one symbol and side the best is kept; where both sides of a symbol are asked for,
    only the better side is.
    """
    best: dict[str, Signal] = {}
    for signal in sorted(signals, key=rank):
        best.setdefault(signal.symbol, signal)
    return list(best.values())


def choose(
    signals: Iterable[Signal], open_symbols: Sequence[str], most_positions: int = 1
) -> list[Signal]:
    """The signals to enter on now: at most as many as there is room for positions, best first.

    A symbol with an open position has an owner already and takes no signal.
    """
    room = max(0, most_positions - len(open_symbols))
    free = [signal for signal in merge(signals) if signal.symbol not in open_symbols]
    return free[:room]
