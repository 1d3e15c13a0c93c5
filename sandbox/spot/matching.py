"""Spot matching: orders of the accounts meet each other and the recorded market.

The rule is that of futures (`sandbox.engine.matching`). What takes without a limit price takes
nothing worse than the market's best, so that its reserve always covers it.
"""

from __future__ import annotations

from decimal import Decimal

from sandbox.book import PREVENTED, better_or_equal, by_priority, opposite, prevents, reached
from sandbox.numbers import ZERO
from sandbox.spot import lists
from sandbox.spot.core import SpotCore
from sandbox.spot.model import SpotMarket, SpotOrder


def meets(core: SpotCore, market: SpotMarket, side: str, worst: Decimal) -> bool:
    """Whether a ``side`` order at ``worst`` would trade with anybody at once."""
    if better_or_equal(side, market.best(side), worst):
        return True
    return bool(opposite(core.resting(market.instrument.symbol), side, worst))


def fillable(core: SpotCore, market: SpotMarket, order: SpotOrder, worst: Decimal) -> bool:
    """Whether all of ``order`` would trade at once (FOK); orders of its own account would not."""
    found = opposite(core.resting(order.symbol), order.side, worst)
    others = [o for o in found if o.account != order.account or order.prevention == "NONE"]
    have = sum((maker.remaining for maker in others), ZERO)
    if better_or_equal(order.side, market.best(order.side), worst):
        have += market.at_most(order.remaining)
    return have >= order.remaining


def take(core: SpotCore, market: SpotMarket, order: SpotOrder) -> None:
    """Trade what there is at once; what is left rests or expires by its type."""
    best = market.best(order.side)
    worst = order.price if order.limited else best
    if order.tif == "FOK" and not fillable(core, market, order, worst):
        core.end(order, "EXPIRED", expiry="UNFILLED_FOK_ORDER_EXPIRED")
        return
    found = opposite(core.resting(order.symbol), order.side, worst)
    near = [maker for maker in found if better_or_equal(order.side, maker.price, best)]
    _meet(core, order, near)
    if order.open and better_or_equal(order.side, best, worst):
        quantity = market.at_most(order.remaining)
        if quantity > 0:
            market.consume(quantity)
            core.fill(order, quantity, best, maker=False)
            lists.after_change(core, order)
    _meet(core, order, found[len(near) :])
    if not order.open:
        return
    if not order.limited:
        core.end(order, "EXPIRED", expiry="INSUFFICIENT_LIQUIDITY")
    elif order.tif == "IOC":
        core.end(order, "EXPIRED", expiry="UNFILLED_IOC_QUANTITY_EXPIRED")


def _meet(core: SpotCore, taker: SpotOrder, makers: list[SpotOrder]) -> None:
    for maker in makers:
        if not taker.open:
            return
        if not maker.open:  # ended by what the trades before it did
            continue
        taker_ends, maker_ends = prevents(taker.prevention, taker, maker)
        for order, ends in ((maker, maker_ends), (taker, taker_ends)):
            if ends:
                core.end(order, PREVENTED)
                lists.after_change(core, order)
        if taker_ends or maker_ends:
            continue
        quantity = min(taker.remaining, maker.remaining)
        trade_id = core.next_trade_id()
        for order in (maker, taker):
            core.fill(order, quantity, maker.price, maker=order is maker, trade_id=trade_id)
            lists.after_change(core, order)


def match_resting(core: SpotCore, symbol: str, price: Decimal) -> None:
    """Fill resting orders that ``price`` traded through, best price first, then oldest.

    A touch is not enough: nobody knows the queue ahead.
    """
    market = core.markets[symbol]
    through = [
        order for order in core.resting(symbol) if reached(order, price, market.bid, market.ask)
    ]
    for order in by_priority(through):
        quantity = market.at_most(order.remaining) if order.open else ZERO
        if quantity > 0:
            market.consume(quantity)
            core.fill(order, quantity, order.price, maker=True)
            lists.after_change(core, order)
