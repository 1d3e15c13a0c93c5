"""Order lists: in a pair (OCO) the first to work or fill ends the other; OTO places others."""

from __future__ import annotations

from decimal import Decimal

from sandbox.engines.common.money import ZERO
from sandbox.engines.spot.model import OrderList, SpotAccount, SpotOrder
from sandbox.engines.spot.state import SpotCore


def after_change(core: SpotCore, order: SpotOrder) -> None:
    """End the other leg of a list, then the list, after a leg traded, triggered or ended."""
    if order.list_id < 0:
        return
    account = core.accounts[order.account]
    found = account.lists[order.list_id]
    if found.pending and order.order_id not in found.pending:
        _after_working(core, account, found, order)
        return
    legs = [account.orders[i] for i in found.pair]
    started = order.filled > 0 or (order.working and order.type not in ("LIMIT_MAKER",))
    for leg in legs:
        if leg is not order and leg.open and (started or not order.open):
            core.end(leg, "EXPIRED", expiry="OCO_TRIGGER")
    if found.order_status == "EXECUTING" and not any(leg.open for leg in legs):
        _finish(core, account, found)


def _after_working(
    core: SpotCore, account: SpotAccount, found: OrderList, order: SpotOrder
) -> None:
    """Let the pending orders follow a working one that filled; end them if it ended unfilled."""
    if found.pays:
        _lock_received(core, account, found, order)
    if order.status == "FILLED":
        core.due.append((account.name, found.list_id))
    elif not order.open and found.order_status == "EXECUTING":
        for ident in found.pending:
            if account.orders[ident].open:
                core.end(account.orders[ident], "EXPIRED")
        _finish(core, account, found)


def received(account: SpotAccount, order: SpotOrder, base: str) -> Decimal:
    """Return what a working order's fills leave for the pending ones.

    Their fee comes out of the free balance where there is enough of it.
    """
    fees = sum(
        (f.fee for f in account.fills if f.order_id == order.order_id and f.fee_asset == base), ZERO
    )
    return order.filled if account.free(base) >= order.filled else order.filled - fees


def _lock_received(
    core: SpotCore, account: SpotAccount, found: OrderList, order: SpotOrder
) -> None:
    """Lock what a working order has received until its pending ones are placed, or it ends."""
    base = core.markets[order.symbol].instrument.base
    account.reserve(paid_key(found), base, ZERO)
    if order.status in ("FILLED", "PARTIALLY_FILLED"):
        account.reserve(paid_key(found), base, received(account, order, base))
    core.record_balances(account, base)


def paid_key(found: OrderList) -> tuple[str, int]:
    """Return the name of the reserve for what a list's working order has received."""
    return "paid", found.list_id


def cancel(core: SpotCore, account: SpotAccount, found: OrderList) -> None:
    """Cancel both legs; what an OPO list has locked is free again."""
    if found.pays:
        base = core.markets[found.symbol].instrument.base
        account.reserve(paid_key(found), base, ZERO)
        core.record_balances(account, base)
    for ident in found.order_ids:
        leg = account.orders[ident]
        if leg.open:
            core.end(leg, "CANCELED")
    if found.order_status == "EXECUTING":
        _finish(core, account, found)


def _finish(core: SpotCore, account: SpotAccount, found: OrderList) -> None:
    found.status = found.order_status = "ALL_DONE"
    core.record_list(account, found)
