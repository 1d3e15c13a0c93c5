"""Maintenance margin by brackets, and where an isolated position is liquidated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trading.errors import ParameterError


@dataclass(frozen=True, slots=True)
class Bracket:
    """Notional up to ``cap`` (quote currency) needs ``rate`` of itself less ``cum`` as margin."""

    cap: float
    rate: float
    cum: float
    leverage: float


def brackets_of(rows: Iterable[tuple[float, float, float]]) -> tuple[Bracket, ...]:
    """Brackets from (leverage, cap, rate), ascending; each ``cum`` makes the margin continuous."""
    found: list[Bracket] = []
    floor, last_rate, cum = 0.0, 0.0, 0.0
    for leverage, cap, rate in rows:
        if cap <= floor or rate <= last_rate:
            raise ParameterError(f"brackets must ascend; {cap:g} at {rate:g} does not")
        cum += floor * (rate - last_rate)
        found.append(Bracket(cap, rate, cum, leverage))
        floor, last_rate = cap, rate
    return tuple(found)


MAJOR = brackets_of(
    [
        (125, 300_000, 0.004),
        (100, 800_000, 0.005),
        (75, 3_000_000, 0.0065),
        (50, 12_000_000, 0.01),
        (25, 70_000_000, 0.02),
        (20, 100_000_000, 0.025),
        (10, 230_000_000, 0.05),
        (5, 480_000_000, 0.1),
    ]
)
"""Brackets of a large USDⓈ-M contract, as of 2026."""


def bracket_at(brackets: tuple[Bracket, ...], notional: float) -> Bracket:
    """The bracket of an absolute notional; the last one beyond its cap."""
    for bracket in brackets:
        if notional <= bracket.cap:
            return bracket
    return brackets[-1]


def liquidation_price(
    side: int, quantity: float, entry: float, margin: float, brackets: tuple[Bracket, ...]
) -> float:
    """Where the isolated ``margin`` is down to maintenance; 0 where a long cannot get there.

    Binance's one-way formula with the bracket of the price itself: it is found by trying each.
    """
    for bracket in brackets:
        price = (margin - side * quantity * entry + bracket.cum) / (
            quantity * (bracket.rate - side)
        )
        if price <= 0.0:
            return 0.0
        if bracket_at(brackets, quantity * price) is bracket:
            return price
    return price
