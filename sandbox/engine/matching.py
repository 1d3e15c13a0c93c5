"""Matching: orders of the accounts meet each other and the recorded market.

At the market's best price or a better one the accounts' own orders come first, best price first,
then the one that has waited longest; then the recorded market as far as its volume goes; then, for
a limit order, the accounts' orders up to its limit. A trade is at the resting order's price.
"""

from __future__ import annotations

from decimal import Decimal

from sandbox.book import PREVENTED, better_or_equal, by_priority, opposite, prevents, reached
from sandbox.engine import settle
from sandbox.engine.core import Core
from sandbox.engine.model import Account, Market, Order
from sandbox.engine.requests import NewOrder
from sandbox.numbers import ZERO


def meets(core: Core, market: Market, side: str, worst: Decimal) -> bool:
    """Whether a ``side`` order at ``worst`` would trade with anybody at once."""
    if better_or_equal(side, market.best(side), worst):
        return True
    return bool(opposite(core.resting(market.instrument.symbol), side, worst))


def fillable(
    core: Core, market: Market, account: Account, request: NewOrder, quantity: Decimal
) -> bool:
    """Whether all of ``quantity`` would trade at once (FOK); own orders would not."""
    side, worst = request.side, request.price or market.best(request.side)
    found = opposite(core.resting(request.symbol), side, worst)
    others = [o for o in found if o.account != account.name or request.prevention == "NONE"]
    have = sum((order.remaining for order in others), ZERO)
    if better_or_equal(side, market.best(side), worst):
        have += market.at_most(quantity)
    return have >= quantity


def take(core: Core, market: Market, order: Order, worst: Decimal) -> None:
    """Trade what there is for ``order`` at ``worst`` or better."""
    best = market.best(order.side)
    found = opposite(core.resting(order.symbol), order.side, worst)
    near = [maker for maker in found if better_or_equal(order.side, maker.price, best)]
    _meet(core, order, near)
    if order.open and better_or_equal(order.side, best, worst):
        quantity = market.at_most(order.remaining)
        if quantity > 0:
            market.consume(quantity)
            settle.fill_order(core, order, quantity, best, maker=False)
    _meet(core, order, found[len(near) :])


def _meet(core: Core, taker: Order, makers: list[Order]) -> None:
    for maker in makers:
        if not taker.open:
            return
        if not maker.open:  # ended by what the trades before it did
            continue
        taker_ends, maker_ends = prevents(taker.prevention, taker, maker)
        if maker_ends:
            settle.end_order(core, core.accounts[maker.account], maker, PREVENTED)
        if taker_ends:
            settle.end_order(core, core.accounts[taker.account], taker, PREVENTED)
        if taker_ends or maker_ends:
            continue
        quantity = min(taker.remaining, maker.remaining)
        trade_id = core.next_trade_id()
        settle.fill_order(core, maker, quantity, maker.price, maker=True, trade_id=trade_id)
        settle.fill_order(core, taker, quantity, maker.price, maker=False, trade_id=trade_id)


def match_resting(core: Core, symbol: str, price: Decimal) -> None:
    """Fill resting limit orders that ``price`` traded through, best price first, then oldest.

    The rule: a touch is not enough (nobody knows the queue ahead); a price beyond the limit fills
    the order at its limit, as maker, as far as the recorded volume goes. All accounts share it.
    """
    market = core.markets[symbol]
    through = [
        order for order in core.resting(symbol) if reached(order, price, market.bid, market.ask)
    ]
    for order in by_priority(through):
        quantity = market.at_most(order.remaining) if order.open else ZERO
        if quantity > 0:
            market.consume(quantity)
            settle.fill_order(core, order, quantity, order.price, maker=True)
