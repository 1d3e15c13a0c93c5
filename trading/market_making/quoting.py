"""Market-maker grid: which post-only quotes should rest around the mid, as pure functions.

Opening quotes lie 1, 2, ... spacings below (buys) and above (sells) the mid at the time they are
placed, and live ``life_ms``; then they are replaced around the current mid. A filled quote becomes
a lot, which gets a closing quote ``take_profit`` away from its price. There are never more than
``max_lots`` lots. :func:`plan` returns what to cancel and place.

Opening quotes are withdrawn, and none is placed, on a volatility spike, on a stale stream and near
the daily loss limit. Closing quotes remain, and a lot at its emergency stop closes at the market.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

from trading.errors import ParameterError

BUY = 1
SELL = -1

Purpose = Literal["open", "close"]


@dataclass(frozen=True, slots=True)
class MakerRules:
    """Distances are shares of the price, ``size`` and ``daily_loss`` shares of the account."""

    levels: int = 3
    spacing: float = 0.002
    life_ms: int = 1_800_000
    max_lots: int = 3
    take_profit: float = 0.002
    size: float = 0.02
    spike: float = 3.0
    stale_ms: int = 10_000
    daily_loss: float = 0.02
    loss_margin: float = 0.8
    emergency_stop: float = 0.05

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0):
                raise ParameterError(f"maker: {field.name} = {value} is not above 0")
        if self.levels * self.spacing >= 0.5:
            raise ParameterError(
                f"maker: {self.levels} levels of {self.spacing} reach half of the price; use less"
            )


@dataclass(frozen=True, slots=True)
class Quote:
    """One resting post-only order; ``lot`` is the number of the lot that a closing quote closes."""

    side: int
    level: int
    price: float
    placed_ms: int
    purpose: Purpose = "open"
    lot: int = -1


@dataclass(frozen=True, slots=True)
class Lot:
    """One filled opening quote that is not closed yet; ``side`` is 1 (long) or -1 (short)."""

    number: int
    side: int
    price: float
    opened_ms: int

    def target(self, rules: MakerRules) -> float:
        """Return the price at which to take its profit."""
        return self.price * (1.0 + self.side * rules.take_profit)

    def emergency(self, rules: MakerRules) -> float:
        """Return the price at which to close it at the market."""
        return self.price * (1.0 - self.side * rules.emergency_stop)


@dataclass(frozen=True, slots=True)
class MarketView:
    """The market and the account at one moment.

    ``volatility`` is the fast ATR over the slow one (NaN: unknown), ``day_return`` the return of
    the account since 00:00 UTC, ``updated_ms`` the time of the last update of the book.
    """

    now_ms: int
    bid: float
    ask: float
    updated_ms: int
    volatility: float
    day_return: float

    @property
    def mid(self) -> float:
        """Return the middle of bid and ask."""
        return (self.bid + self.ask) / 2.0


@dataclass(frozen=True, slots=True)
class QuotePlan:
    """What to do now, and the reason for no opening quotes (empty: there may be some).

    ``market`` has the lots to close at the market.
    """

    cancel: tuple[Quote, ...] = ()
    place: tuple[Quote, ...] = ()
    market: tuple[Lot, ...] = ()
    reason: str = ""


def stop_reason(rules: MakerRules, view: MarketView) -> str:
    """Return the reason for no opening quotes; empty if there may be some."""
    silent = view.now_ms - view.updated_ms
    if silent > rules.stale_ms:
        return f"quoting stopped: nothing heard of the book for {silent / 1000:.1f} s"
    if math.isnan(view.volatility):
        return "quoting stopped: volatility not known yet"
    if view.volatility >= rules.spike:
        return f"quoting stopped: volatility {view.volatility:.2f} times the usual"
    allowed = rules.daily_loss * rules.loss_margin
    if view.day_return <= -allowed:
        limit = -rules.daily_loss
        return f"quoting stopped: day at {view.day_return:.2%}, near the limit of {limit:.2%}"
    return ""


def opening_quotes(rules: MakerRules, view: MarketView, lots: tuple[Lot, ...]) -> tuple[Quote, ...]:
    """Return the opening quotes around the mid, nearest first; none would take liquidity."""
    count = min(rules.levels, rules.max_lots - len(lots))
    wanted = (
        Quote(side, level, view.mid * (1.0 - side * level * rules.spacing), view.now_ms)
        for level in range(1, count + 1)
        for side in (BUY, SELL)
    )
    return tuple(quote for quote in wanted if is_passive(quote, view))


def is_passive(quote: Quote, view: MarketView) -> bool:
    """Return whether the quote would rest: a post-only order must not cross the book."""
    return quote.price < view.ask if quote.side == BUY else quote.price > view.bid


def closing_quote(rules: MakerRules, view: MarketView, lot: Lot) -> Quote:
    """Return the closing quote of a lot: at its target, or at the book if that is beyond it."""
    target = lot.target(rules)
    price = max(target, view.ask) if lot.side == BUY else min(target, view.bid)
    return Quote(-lot.side, 0, price, view.now_ms, "close", lot.number)


def plan(
    rules: MakerRules, view: MarketView, quotes: tuple[Quote, ...], lots: tuple[Lot, ...]
) -> QuotePlan:
    """Return what to cancel and place, given resting quotes and open lots.

    While the stream is stale, opening quotes are only withdrawn: there is no price to act on.
    """
    reason = stop_reason(rules, view)
    stale = view.now_ms - view.updated_ms > rules.stale_ms
    opening = tuple(quote for quote in quotes if quote.purpose == "open")
    if stale:
        return QuotePlan(cancel=opening, reason=reason)
    lost = tuple(lot for lot in lots if _is_lost(rules, view, lot))
    leaving = {lot.number for lot in lost}
    cancel, place = _renew_closing(rules, view, quotes, lots, leaving)
    if reason or lost:
        return QuotePlan((*cancel, *opening), place, lost, reason)
    kept, dropped = _split_opening(rules, view, opening, lots)
    missing = tuple(
        quote
        for quote in opening_quotes(rules, view, lots)
        if (quote.side, quote.level) not in {(k.side, k.level) for k in kept}
    )
    return QuotePlan((*cancel, *dropped), (*place, *missing))


def _is_lost(rules: MakerRules, view: MarketView, lot: Lot) -> bool:
    if lot.side == BUY:
        return view.bid <= lot.emergency(rules)
    return view.ask >= lot.emergency(rules)


def _renew_closing(
    rules: MakerRules,
    view: MarketView,
    quotes: tuple[Quote, ...],
    lots: tuple[Lot, ...],
    leaving: set[int],
) -> tuple[tuple[Quote, ...], tuple[Quote, ...]]:
    """Return closing quotes to cancel (too old, or their lot is gone) and to place."""
    held = {lot.number for lot in lots} - leaving
    resting = {quote.lot: quote for quote in quotes if quote.purpose == "close"}
    cancel = tuple(
        quote
        for number, quote in resting.items()
        if number not in held or _is_old(rules, view, quote)
    )
    gone = {quote.lot for quote in cancel}
    place = tuple(
        closing_quote(rules, view, lot)
        for lot in lots
        if lot.number in held and (lot.number not in resting or lot.number in gone)
    )
    return cancel, place


def _split_opening(
    rules: MakerRules, view: MarketView, opening: tuple[Quote, ...], lots: tuple[Lot, ...]
) -> tuple[tuple[Quote, ...], tuple[Quote, ...]]:
    """Return opening quotes to keep and to cancel (too old, or beyond ``max_lots``)."""
    allowed = rules.max_lots - len(lots)
    kept = tuple(q for q in opening if q.level <= allowed and not _is_old(rules, view, q))
    return kept, tuple(quote for quote in opening if quote not in kept)


def _is_old(rules: MakerRules, view: MarketView, quote: Quote) -> bool:
    return view.now_ms - quote.placed_ms >= rules.life_ms
