"""Liquidation: closing a position whose margin no longer covers its maintenance."""

from __future__ import annotations

from decimal import Decimal

from sandbox.engines.common.money import ZERO, money
from sandbox.engines.usdm import margin, settlement
from sandbox.engines.usdm.events import MarginCalled
from sandbox.engines.usdm.model import UsdmAccount, UsdmOrder, UsdmPosition
from sandbox.engines.usdm.settlement import OrderExecution
from sandbox.engines.usdm.state import UsdmCore, copy_position

# A margin call comes when the maintenance reaches this share of the margin: the sandbox's choice.
# The exchange sends it when a position's risk ratio is too high, without naming a threshold:
# https://developers.binance.com/docs/derivatives/usds-margined-futures/user-data-streams/Event-Margin-Call
MARGIN_CALL_AT = Decimal("0.8")


def check(core: UsdmCore, account: UsdmAccount) -> None:
    """Liquidate positions whose margin fell to their maintenance, isolated ones first."""
    for position in list(account.positions.values()):
        if position.amount and position.isolated:
            balance = position.isolated_wallet + margin.unrealised(core, position)
            needed = margin.maintenance(core, position)
            if balance <= needed:
                liquidate(core, account, position)
            else:
                _call(core, account, [position], near=needed >= balance * MARGIN_CALL_AT)
    crossed = [p for p in account.positions.values() if p.amount and not p.isolated]
    crossed.sort(key=lambda p: (-margin.maintenance(core, p), p.symbol))
    for position in crossed:
        needed = sum((margin.maintenance(core, p) for p in crossed if p.amount), ZERO)
        balance = account.cross_wallet + margin.cross_profit(core, account)
        if balance > needed:
            held = [p for p in crossed if p.amount]
            _call(core, account, held, near=needed >= balance * MARGIN_CALL_AT)
            return
        liquidate(core, account, position)


def _call(
    core: UsdmCore, account: UsdmAccount, positions: list[UsdmPosition], *, near: bool
) -> None:
    """Record one margin call each time that positions come near their liquidation."""
    fresh = near and not all(position.margin_called for position in positions)
    for position in positions:
        position.margin_called = near
    if fresh:
        crossed = not positions[0].isolated
        core.events.append(
            MarginCalled(
                account.name,
                core.now,
                account.cross_wallet if crossed else None,
                tuple(copy_position(position) for position in positions),
                tuple(core.markets[position.symbol].mark for position in positions),
                tuple(margin.maintenance(core, position) for position in positions),
            )
        )


def liquidate(core: UsdmCore, account: UsdmAccount, position: UsdmPosition) -> None:
    """Cancel the symbol's orders and close at the last price.

    The liquidation fee is at most the margin that is left. When a gap leaves a debt, the insurance
    fund pays it (income INSURANCE_CLEAR), so an account never owes.
    """
    for order in list(account.open_orders.values()):
        if order.symbol == position.symbol:
            settlement.end_order(core, account, order, "CANCELED")
    market = core.markets[position.symbol]
    quantity = abs(position.amount)
    left = _margin_left(core, account, position)
    fee = money(quantity * market.price * market.instrument.liquidation_fee)
    if left < 0:
        core.credit(account, "INSURANCE_CLEAR", -left, position.symbol)
    order_id = core.next_order_id()
    order = _forced(core, account, position, quantity, f"autoclose-{order_id}", order_id)
    paid = min(fee, max(ZERO, left))
    execution = OrderExecution(quantity, market.price, fee=paid, type="CALCULATED")
    settlement.fill_order(core, order, execution)


def deleverage(
    core: UsdmCore, account: UsdmAccount, position: UsdmPosition, quantity: Decimal
) -> None:
    """Deleverage: the exchange closes ``quantity`` at the last price, without a fee."""
    order = _forced(core, account, position, quantity, "adl_autoclose", core.next_order_id())
    price = core.markets[position.symbol].price
    execution = OrderExecution(quantity, price, fee=ZERO, type="CALCULATED")
    settlement.fill_order(core, order, execution)


def _forced(
    core: UsdmCore,
    account: UsdmAccount,
    position: UsdmPosition,
    quantity: Decimal,
    client_id: str,
    order_id: int,
) -> UsdmOrder:
    """Create an order of the exchange itself against a position."""
    order = UsdmOrder(
        account=account.name,
        order_id=order_id,
        client_id=client_id,
        symbol=position.symbol,
        side="SELL" if position.amount > 0 else "BUY",
        type="LIMIT",
        tif="IOC",
        price=core.markets[position.symbol].price,
        quantity=quantity,
        reduce_only=False,
        time=core.now,
        update_time=core.now,
        orig_type="LIMIT",
        position_side=position.side,
    )
    account.orders[order_id] = order
    core.record_order(order, "NEW")
    return order


def _margin_left(core: UsdmCore, account: UsdmAccount, position: UsdmPosition) -> Decimal:
    """Return the margin that is left when the position closes at the last price."""
    closed = position.unrealised(core.markets[position.symbol].price)
    if position.isolated:
        return position.isolated_wallet + money(closed)
    others = margin.cross_profit(core, account) - margin.unrealised(core, position)
    return account.cross_wallet + money(others + closed)
