"""Conditional orders in the form that they had as ordinary orders, until 2025-12-09.

The order that a trigger sends keeps the id and names the stop in ``origType``, as a response quoted
in https://github.com/ccxt/ccxt/issues/8338 shows. That the user stream reports the trigger itself
as EXPIRED is from memory: the documentation lists the status without saying so, and no recording of
it was found.
"""

from __future__ import annotations

from typing import Any

from sandbox.api.usdm import order_json
from sandbox.engines.usdm.events import AlgoChanged, OrderChanged
from sandbox.engines.usdm.model import AlgoOrder, UsdmOrder

# Execution type that the user stream reported for each change; a trigger ends the waiting order.
EXECUTIONS = {"NEW": "NEW", "TRIGGERING": "EXPIRED", "CANCELED": "CANCELED", "EXPIRED": "EXPIRED"}
STATUS = {"NEW": "NEW", "CANCELED": "CANCELED"}


def as_order(algo: AlgoOrder) -> UsdmOrder:
    """Return the conditional order as an order of its type."""
    return UsdmOrder(
        account=algo.account,
        order_id=algo.order_id,
        client_id=algo.client_id,
        symbol=algo.symbol,
        side=algo.side,
        type=algo.type,
        tif=algo.tif,
        price=algo.price,
        quantity=algo.quantity,
        reduce_only=algo.reduce_only or algo.close_position,
        close_position=algo.close_position,
        time=algo.create_time,
        update_time=algo.update_time,
        status=STATUS.get(algo.status, "EXPIRED"),
        orig_type=algo.type,
        stop_price=algo.level or algo.trigger_price,
        working_type=algo.working_type,
        price_protect=algo.price_protect,
        prevention=algo.prevention,
        position_side=algo.position_side,
    )


def messages(event: AlgoChanged) -> list[dict[str, Any]]:
    """Return the user-stream messages of a change."""
    algo = event.algo
    execution = EXECUTIONS.get(algo.status)
    activated = execution == "NEW" and algo.trailing and event.time > algo.create_time
    if execution is None or activated:
        return []
    change = OrderChanged(event.account, event.time, execution, as_order(algo))
    return [order_json.order_update_event(change)]
