"""Maintenance margin by brackets, and where an isolated position is liquidated."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from trading.errors import ParameterError
from trading.positions.exit_rules import BRACKETS, ExitRules

LEAST_DISTANCE = 0.01
"""Share of the price that must lie between a stop and the liquidation."""


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
        (4, 600_000_000, 0.125),
        (3, 800_000_000, 0.15),
        (2, 1_200_000_000, 0.25),
        (1, 1_800_000_000, 0.5),
    ]
)
"""Brackets of a large USDⓈ-M contract, as of 2026."""


@dataclass(frozen=True, slots=True)
class Margin:
    """What decides the maintenance of a position.

    ``capital`` is the account's equity at the start (quote currency); ``brackets`` are the venue's
    for the symbol, ascending.
    """

    capital: float = 10_000.0
    brackets: tuple[Bracket, ...] = MAJOR

    def __post_init__(self) -> None:
        if not 0.0 < self.capital < math.inf:
            raise ParameterError(
                f"capital = {self.capital:g} is out of bounds; give what the account holds"
            )
        if not 1 <= len(self.brackets) <= BRACKETS:
            raise ParameterError(
                f"{len(self.brackets)} margin brackets are given; give 1 to {BRACKETS}"
            )

    @property
    def tiers(self) -> list[tuple[float, float, float]]:
        """(cap, rate, amount) of each bracket, as `MarginTerms` takes them."""
        return [(bracket.cap, bracket.rate, bracket.cum) for bracket in self.brackets]

    def most_notional(self, leverage: float) -> float:
        """Return the largest notional at ``leverage``: the cap of the last bracket that allows it.

        `ParameterError` if none does.
        """
        allowed = [bracket.cap for bracket in self.brackets if bracket.leverage >= leverage]
        if not allowed:
            raise ParameterError(
                f"leverage = {leverage:g} is more than the venue gives; give at most"
                f" {self.brackets[0].leverage:g}"
            )
        return allowed[-1]


def bracket_at(brackets: tuple[Bracket, ...], notional: float) -> Bracket:
    """Return the bracket of an absolute notional; the last one beyond its cap."""
    for bracket in brackets:
        if notional <= bracket.cap:
            return bracket
    return brackets[-1]


def liquidation_price(
    side: int, quantity: float, entry: float, margin: float, brackets: tuple[Bracket, ...]
) -> float:
    """Where the isolated ``margin`` is down to maintenance; 0 if a long cannot get there.

    Binance's one-way formula with the bracket of the price itself, found by trying each.
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


def liquidation_distance(leverage: float, maintenance: float) -> float:
    """Share of the entry price to the liquidation of isolated margin, on the nearer side.

    A short gets there first: its maintenance margin grows with the price.
    """
    return (1.0 + 1.0 / leverage) / (1.0 + maintenance) - 1.0


def check_stops(rules: ExitRules, owner: str) -> None:
    """`ParameterError` if a stop does not lie :data:`LEAST_DISTANCE` before the liquidation.

    Without leverage there is no liquidation. An ATR stop is a price known only at the entry: there
    the emergency stop counts.
    """
    if rules.leverage <= 1.0:
        return
    stops = (rules.stop_loss, rules.emergency_stop, *(a.stop for a in rules.additions))
    widest = max(stops)
    if widest + LEAST_DISTANCE <= liquidation_distance(rules.leverage, rules.maintenance):
        return
    most = rules.leverage
    while most > 1.0 and (widest + LEAST_DISTANCE > liquidation_distance(most, rules.maintenance)):
        most = math.ceil(most) - 1.0
    raise ParameterError(
        f"{owner}: leverage = {rules.leverage:g} liquidates "
        f"{liquidation_distance(rules.leverage, rules.maintenance):.1%} from the entry, and the "
        f"widest stop of {widest:.1%} must lie {LEAST_DISTANCE:.0%} before that; give a leverage "
        f"of {most:g} or less, or nearer stops"
    )
