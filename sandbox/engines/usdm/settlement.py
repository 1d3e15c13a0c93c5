"""Settlement: how a trade changes an order, a position and a wallet."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.common.money import ZERO, money
from sandbox.engines.common.order_book import PREVENTED
from sandbox.engines.usdm.model import (
    AlgoOrder,
    UsdmAccount,
    UsdmFill,
    UsdmOrder,
    UsdmPosition,
    sign_of,
)
from sandbox.engines.usdm.state import UsdmCore


@dataclass(frozen=True, slots=True)
class _Change:
    realised: Decimal
    opened: Decimal
    closed: Decimal


@dataclass(frozen=True, slots=True)
class OrderExecution:
    """A trade of an order; ``fee`` replaces the commission, ``trade_id`` 0 takes a new one."""

    quantity: Decimal
    price: Decimal
    maker: bool = False
    fee: Decimal | None = None
    type: str = "TRADE"
    trade_id: int = 0


def fill_order(core: UsdmCore, order: UsdmOrder, execution: OrderExecution) -> UsdmFill:
    """Book one trade of ``order`` on its account."""
    quantity, price = execution.quantity, execution.price
    account = core.accounts[order.account]
    position = account.position(order.symbol, order.position_side)
    change = _move_position(position, sign_of(order.side), quantity, price)
    fee = execution.fee
    if fee is None:
        fee = money(quantity * price * (core.fees.maker if execution.maker else core.fees.taker))
    trade_id = execution.trade_id or core.next_trade_id()
    if change.closed:
        core.credit(account, "REALIZED_PNL", change.realised, order.symbol, trade_id)
    core.credit(account, "COMMISSION", -fee, order.symbol, trade_id)
    position.update_time = core.now
    _clear_debt(core, account, order.symbol)
    order.quote += quantity * price
    order.add_fill(quantity, core.now)
    if not order.open:
        account.open_orders.pop(order.order_id, None)
    fill = UsdmFill(
        account=account.name,
        trade_id=trade_id,
        order_id=order.order_id,
        client_id=order.client_id,
        symbol=order.symbol,
        side=order.side,
        price=price,
        quantity=quantity,
        realised=change.realised,
        fee=fee,
        maker=execution.maker,
        time=core.now,
        opened=change.opened,
        closed=change.closed,
        position_side=order.position_side,
    )
    account.fills.append(fill)
    core.record_account(account, "ORDER", ZERO, (position,))
    core.record_order(order, execution.type, fill)
    finish_algo(core, account, order)
    after_position_change(core, account, position, turned=bool(change.closed and change.opened))
    return fill


def _clear_debt(core: UsdmCore, account: UsdmAccount, symbol: str) -> None:
    """Let the insurance fund pay the debt of a flat account with a negative wallet."""
    if account.wallet < 0 and not any(p.amount for p in account.positions.values()):
        core.credit(account, "INSURANCE_CLEAR", -account.wallet, symbol)


def _move_position(position: UsdmPosition, side: int, quantity: Decimal, price: Decimal) -> _Change:
    """Close first, then open; ``cost`` keeps realised profit plus open cost exact."""
    realised, closed = ZERO, ZERO
    if position.amount * side < 0:
        direction = -side
        held = abs(position.amount)
        closed = min(held, quantity)
        proceeds = direction * closed * price
        realised = money(proceeds - position.cost * closed / held)
        position.cost -= proceeds - realised
        position.amount -= direction * closed
        position.realised += realised
        position.isolated_wallet = money(position.isolated_wallet * (held - closed) / held)
        if not position.amount:
            position.cost, position.margin_called = ZERO, False
    opened = quantity - closed
    if opened:
        position.cost += side * opened * price
        position.amount += side * opened
        if position.isolated:
            position.isolated_wallet += money(opened * price / position.leverage)
    return _Change(realised, opened, closed)


def finish_algo(core: UsdmCore, account: UsdmAccount, order: UsdmOrder) -> None:
    """Finish the conditional order whose child ``order`` has ended."""
    algo = account.algos.get(order.algo_id)
    if algo is None or order.open:
        return
    algo.actual_price, algo.actual_quantity = order.average, order.filled
    set_algo_status(core, account, algo, "FINISHED")


def set_algo_status(core: UsdmCore, account: UsdmAccount, algo: AlgoOrder, status: str) -> None:
    """Move a conditional order to ``status`` and record it."""
    algo.status, algo.update_time = status, core.now
    account.open_algos.pop(algo.algo_id, None)
    core.record_algo(algo)


def end_order(core: UsdmCore, account: UsdmAccount, order: UsdmOrder, status: str) -> None:
    """End an order as CANCELED, EXPIRED or EXPIRED_IN_MATCH (an EXPIRED execution)."""
    order.status, order.update_time = status, core.now
    account.open_orders.pop(order.order_id, None)
    core.record_order(order, "EXPIRED" if status == PREVENTED else status)
    finish_algo(core, account, order)


def after_position_change(
    core: UsdmCore, account: UsdmAccount, position: UsdmPosition, *, turned: bool
) -> None:
    """Expire close-position stops and reduce-only orders that have nothing left to close."""
    if position.amount and not turned:
        _shrink_reduce_only(core, account, position)
        return
    for algo in list(account.open_algos.values()):
        if not algo.close_position or not _concerns(algo, position):
            continue
        if sign_of(algo.side) * position.amount >= 0:
            set_algo_status(core, account, algo, "EXPIRED")
    _shrink_reduce_only(core, account, position)


def _concerns(order: UsdmOrder | AlgoOrder, position: UsdmPosition) -> bool:
    return order.symbol == position.symbol and order.position_side == position.side


def _shrink_reduce_only(core: UsdmCore, account: UsdmAccount, position: UsdmPosition) -> None:
    for order in list(account.open_orders.values()):
        if not order.reduce_only or not _concerns(order, position):
            continue
        if sign_of(order.side) * position.amount >= 0:
            end_order(core, account, order, "EXPIRED")
        elif order.remaining > abs(position.amount):
            order.quantity = order.filled + abs(position.amount)
            order.update_time = core.now
            core.record_order(order, "AMENDMENT")
