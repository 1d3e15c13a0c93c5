"""Margin: what is free, what a position must keep, where it is liquidated."""

from __future__ import annotations

from decimal import Decimal

from sandbox.engines.common.error_codes import NO_MARGIN, OVER_POSITION
from sandbox.engines.common.money import ZERO
from sandbox.engines.usdm.model import UsdmAccount, UsdmOrder, UsdmPosition, sign_of
from sandbox.engines.usdm.state import UsdmCore


def notional(core: UsdmCore, position: UsdmPosition) -> Decimal:
    """Return the absolute notional at the mark price."""
    return abs(position.amount * core.markets[position.symbol].mark)


def maintenance(core: UsdmCore, position: UsdmPosition) -> Decimal:
    """Return the maintenance margin at the mark price; 0 when flat."""
    if not position.amount:
        return ZERO
    return core.markets[position.symbol].instrument.maintenance(notional(core, position))


def initial(core: UsdmCore, position: UsdmPosition) -> Decimal:
    """Return the position's initial margin at the mark price."""
    return notional(core, position) / position.leverage


def unrealised(core: UsdmCore, position: UsdmPosition) -> Decimal:
    """Return the unrealised profit at the mark price."""
    if not position.amount:
        return ZERO
    return position.unrealised(core.markets[position.symbol].mark)


def opening_quantity(position: UsdmPosition, side: str, quantity: Decimal) -> Decimal:
    """Return the part of an order that would enlarge or reverse the position."""
    if position.amount * sign_of(side) >= 0:
        return quantity
    return max(ZERO, quantity - abs(position.amount))


def order_margin(account: UsdmAccount, order: UsdmOrder) -> Decimal:
    """Return the margin that a resting limit order reserves."""
    if order.reduce_only:
        return ZERO
    position = account.position(order.symbol, order.position_side)
    opened = opening_quantity(position, order.side, order.remaining)
    return opened * order.price / position.leverage


def open_order_margin(account: UsdmAccount, position: UsdmPosition | None = None) -> Decimal:
    """Return the margin of all resting orders, or of those on one position."""
    resting = [
        order
        for order in account.open_orders.values()
        if position is None
        or (order.symbol == position.symbol and order.position_side == position.side)
    ]
    return sum((order_margin(account, order) for order in resting), ZERO)


def cross_profit(core: UsdmCore, account: UsdmAccount) -> Decimal:
    """Return the unrealised profit of all cross positions."""
    crossed = (p for p in account.positions.values() if not p.isolated)
    return sum((unrealised(core, p) for p in crossed), ZERO)


def available(core: UsdmCore, account: UsdmAccount) -> Decimal:
    """Return cross wallet + cross profit − initial margins − margin of resting orders."""
    crossed = [p for p in account.positions.values() if not p.isolated]
    used = sum((initial(core, p) for p in crossed), ZERO)
    profit = sum((unrealised(core, p) for p in crossed), ZERO)
    return account.cross_wallet + profit - used - open_order_margin(account)


def require_margin(
    core: UsdmCore,
    account: UsdmAccount,
    position: UsdmPosition,
    side: str,
    quantity: Decimal,
    price: Decimal,
) -> None:
    """Refuse an order that exceeds its bracket or the free margin (taker fee included)."""
    opened = opening_quantity(position, side, quantity)
    if not opened:
        return
    cost = opened * price
    market = core.market(position.symbol)
    after = abs(position.amount + sign_of(side) * quantity) * price
    if after > market.instrument.max_notional(position.leverage):
        raise OVER_POSITION()
    if cost / position.leverage + cost * core.fees.taker > available(core, account):
        raise NO_MARGIN()


def liquidation_price(core: UsdmCore, account: UsdmAccount, position: UsdmPosition) -> Decimal:
    """Return the mark price at which the position is liquidated; 0 when there is none.

    Binance FAQ b3c689c1f50a44cabb3a84e663b81d93:
    LP = (WB − TMM1 + UPNL1 + Σ cum − Σ side × qty × EP) / (Σ qty × MMR − Σ side × qty),
    summed over the position alone. In hedge mode with cross margin the sum covers the long and the
    short position of the symbol, which share the price. The bracket of a position is the one at LP
    (the search starts at the bracket of the mark price).
    """
    if not position.amount:
        return ZERO
    together, balance = [position], position.isolated_wallet
    if not position.isolated:
        together = account.held(position.symbol)
        others = [p for p in account.positions.values() if not p.isolated and p not in together]
        balance = account.cross_wallet
        balance += sum((unrealised(core, p) - maintenance(core, p) for p in others), ZERO)
    balance -= sum((p.cost for p in together), ZERO)
    instrument = core.markets[position.symbol].instrument
    sizes = [abs(p.amount) for p in together]
    net = sum((p.amount for p in together), ZERO)
    brackets = [instrument.bracket(notional(core, p)) for p in together]
    price = ZERO
    for _ in instrument.brackets:
        rate = sum((q * b.ratio for q, b in zip(sizes, brackets, strict=True)), ZERO)
        if rate == net:
            return ZERO
        price = (balance + sum((b.cum for b in brackets), ZERO)) / (rate - net)
        landed = [instrument.bracket(max(ZERO, price) * size) for size in sizes]
        if all(new is old for new, old in zip(landed, brackets, strict=True)):
            break
        brackets = landed
    return max(ZERO, price)
