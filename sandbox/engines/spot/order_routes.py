"""Smart order routing (SOR): an order also takes from the books of its interchangeable quotes.

What another symbol's book gives is an allocation: no trade of the order's own symbol, paid and
received in the assets of that symbol. Better prices come first; equal ones are those of its own
book.
"""

from __future__ import annotations

from sandbox.engines.common.order_book import better_or_equal
from sandbox.engines.common.recorded_market import RecordedMarket
from sandbox.engines.spot import orders
from sandbox.engines.spot.matching import take
from sandbox.engines.spot.model import SpotAccount, SpotOrder, SpotOrderRequest
from sandbox.engines.spot.rejections import NOT_ROUTED
from sandbox.engines.spot.state import STABLE, SpotCore


def routes(core: SpotCore) -> dict[str, list[str]]:
    """Return, by base asset, the symbols whose quotes are interchangeable: two or more."""
    found: dict[str, list[str]] = {}
    for symbol, market in sorted(core.markets.items()):
        if market.instrument.quote in STABLE:
            found.setdefault(market.instrument.base, []).append(symbol)
    return {base: symbols for base, symbols in found.items() if len(symbols) > 1}


def check(core: SpotCore, account: SpotAccount, request: SpotOrderRequest) -> list[RecordedMarket]:
    """Check a request except balances; return the other markets that it may take from."""
    market = core.market(request.symbol)
    symbols = routes(core).get(market.instrument.base, [])
    if request.symbol not in symbols:
        raise NOT_ROUTED()
    orders.check(core, market, account, request)
    return [core.markets[symbol] for symbol in symbols if symbol != request.symbol]


def place(core: SpotCore, account: SpotAccount, request: SpotOrderRequest) -> SpotOrder:
    """Accept an order and trade what any of its books has at once, or raise its refusal."""
    others = check(core, account, request)
    market = core.market(request.symbol)
    order = orders.build(core, market, account, request)
    order.routed = True
    orders.require_balance(core, market, account, order)
    orders.accept(core, account, order)
    _allocate(core, market, others, order)
    if order.open:
        take(core, market, order)
    orders.activate_due(core)
    return order


def _allocate(
    core: SpotCore, market: RecordedMarket, others: list[RecordedMarket], order: SpotOrder
) -> None:
    """Fill from the other books what they offer at a better price than the order's own book."""
    side = order.side
    own = market.best(side)
    worst = order.price if order.limited else own
    live = [
        other
        for other in others
        if other.price
        and not other.stale
        and other.seen is None
        and other.instrument.status == "TRADING"
    ]
    for other in sorted(live, key=lambda one: one.best(side), reverse=not order.buying):
        price = other.best(side)
        better = price != own and better_or_equal(side, price, own)
        if not order.open or not better or not better_or_equal(side, price, worst):
            return
        quantity = other.at_most(side, order.remaining)
        if quantity > 0 and (order.tif != "FOK" or quantity == order.remaining):
            other.consume(side, quantity)
            core.last_allocation += 1
            core.fill(order, quantity, price, maker=False, allocation=core.last_allocation)
