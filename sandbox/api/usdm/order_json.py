"""JSON of USDⓈ-M orders, conditional orders and trades, in the exchange's field names."""

from __future__ import annotations

from decimal import Decimal

from sandbox.api.market_json import Json
from sandbox.engines.common.money import money_text, plain
from sandbox.engines.usdm.events import AlgoChanged, OrderChanged
from sandbox.engines.usdm.model import AlgoOrder, Amendment, UsdmFill, UsdmOrder

ASSET = "USDT"
# Execution type of each change while conditional orders were ordinary orders; a trigger ends them.
OLD_EXECUTIONS = {
    "NEW": "NEW",
    "TRIGGERING": "EXPIRED",
    "CANCELED": "CANCELED",
    "EXPIRED": "EXPIRED",
}
OLD_STATUSES = {"NEW": "NEW", "CANCELED": "CANCELED"}


def price_text(value: Decimal) -> str:
    """Format a price or an average price: at most eight decimals, no trailing zeros."""
    text = money_text(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def order_json(order: UsdmOrder) -> Json:
    """Return an order as `GET /order` does."""
    return {
        **order_response(order),
        "avgPrice": price_text(order.average),
        "cumQuote": price_text(order.quote),
        "time": order.time,
    }


def order_response(order: UsdmOrder) -> Json:
    """Return an order as POST, PUT and DELETE do (without average price since 2026-07-15)."""
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": plain(order.price),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.filled),
        "cumQty": plain(order.filled),
        "timeInForce": order.tif,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": plain(order.stop_price),
        "workingType": order.working_type,
        "priceProtect": order.price_protect,
        "origType": order.orig_type,
        "priceMatch": order.price_match,
        "selfTradePreventionMode": order.prevention,
        "goodTillDate": order.good_till,
        "updateTime": order.update_time,
    }


def order_update_event(event: OrderChanged) -> Json:
    """`ORDER_TRADE_UPDATE`."""
    order, fill = event.order, event.fill
    body: Json = {
        "s": order.symbol,
        "c": order.client_id,
        "S": order.side,
        "o": order.type,
        "f": order.tif,
        "q": plain(order.quantity),
        "p": plain(order.price),
        "ap": price_text(order.average),
        "sp": plain(order.stop_price),
        "x": event.execution,
        "X": order.status,
        "i": order.order_id,
        "l": plain(fill.quantity) if fill else "0",
        "z": plain(order.filled),
        "L": plain(fill.price) if fill else "0",
        "N": ASSET,
        "n": plain(fill.fee) if fill else "0",
        "T": event.time,
        "t": fill.trade_id if fill else 0,
        "b": "0",
        "a": "0",
        "m": fill.maker if fill else False,
        "R": order.reduce_only,
        "wt": order.working_type,
        "ot": order.orig_type,
        "ps": order.position_side,
        "cp": order.close_position,
        "pP": order.price_protect,
        "si": 0,
        "ss": 0,
        "rp": plain(fill.realised) if fill else "0",
        "V": order.prevention,
        "pm": order.price_match,
        "gtd": order.good_till,
        "er": "0",
    }
    return {"e": "ORDER_TRADE_UPDATE", "E": event.time, "T": event.time, "o": body}


def trade_lite_event(event: OrderChanged, fill: UsdmFill) -> Json:
    """`TRADE_LITE`."""
    return {
        "e": "TRADE_LITE",
        "E": event.time,
        "T": event.time,
        "s": fill.symbol,
        "q": plain(event.order.quantity),
        "p": plain(event.order.price),
        "m": fill.maker,
        "c": fill.client_id,
        "S": fill.side,
        "L": plain(fill.price),
        "l": plain(fill.quantity),
        "t": fill.trade_id,
        "i": fill.order_id,
    }


def algo_json(algo: AlgoOrder) -> Json:
    """Return a conditional order as the algo service does."""
    return {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type,
        "symbol": algo.symbol,
        "side": algo.side,
        "positionSide": algo.position_side,
        "timeInForce": algo.tif,
        "quantity": plain(algo.quantity),
        "algoStatus": algo.status,
        "actualOrderId": str(algo.child_id) if algo.child_id else "",
        "actualPrice": price_text(algo.actual_price),
        "actualQty": plain(algo.actual_quantity),
        "actualType": algo.child_type,
        "triggerPrice": price_text(algo.level or algo.trigger_price),
        "price": plain(algo.price),
        "icebergQuantity": None,
        "tpTriggerPrice": "0",
        "tpPrice": "0",
        "slTriggerPrice": "0",
        "slPrice": "0",
        "tpOrderType": "",
        "selfTradePreventionMode": algo.prevention,
        "workingType": algo.working_type,
        "priceMatch": algo.price_match,
        "closePosition": algo.close_position,
        "priceProtect": algo.price_protect,
        "reduceOnly": algo.reduce_only,
        "activatePrice": plain(algo.activate_price) if algo.trailing else "",
        "callbackRate": plain(algo.callback_rate) if algo.trailing else "",
        "createTime": algo.create_time,
        "updateTime": algo.update_time,
        "triggerTime": algo.trigger_time,
        "goodTillDate": algo.good_till,
    }


def algo_update_event(algo: AlgoOrder, time: int) -> Json:
    """`ALGO_UPDATE`."""
    body: Json = {
        "caid": algo.client_id,
        "aid": algo.algo_id,
        "at": "CONDITIONAL",
        "o": algo.type,
        "s": algo.symbol,
        "S": algo.side,
        "ps": algo.position_side,
        "f": algo.tif,
        "q": plain(algo.quantity),
        "X": algo.status,
        "ai": str(algo.child_id) if algo.child_id else "",
        "tp": price_text(algo.level or algo.trigger_price),
        "p": plain(algo.price),
        "V": algo.prevention,
        "wt": algo.working_type,
        "pm": algo.price_match,
        "cp": algo.close_position,
        "pP": algo.price_protect,
        "R": algo.reduce_only,
        "tt": algo.trigger_time,
        "gtd": algo.good_till,
        "rm": algo.reject_reason,
    }
    if algo.child_id:
        body["ap"] = price_text(algo.actual_price)
        body["aq"] = plain(algo.actual_quantity)
        body["act"] = algo.child_type
    if algo.trailing:
        body["AP"] = plain(algo.activate_price)
        body["cR"] = plain(algo.callback_rate)
        body["ia"] = algo.activated
    return {"e": "ALGO_UPDATE", "T": time, "E": time, "o": body}


def trade_json(fill: UsdmFill) -> Json:
    """Return a trade as `userTrades` does."""
    return {
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "side": fill.side,
        "price": plain(fill.price),
        "qty": plain(fill.quantity),
        "realizedPnl": plain(fill.realised),
        "quoteQty": plain(fill.price * fill.quantity),
        "commission": plain(fill.fee),
        "commissionAsset": ASSET,
        "time": fill.time,
        "positionSide": fill.position_side,
        "buyer": fill.side == "BUY",
        "maker": fill.maker,
    }


def amendment_json(row: Amendment) -> Json:
    """Return a change of an order as `orderAmendment` does."""
    return {
        "amendmentId": row.order_id * 1_000 + row.number,
        "symbol": row.symbol,
        "pair": row.symbol,
        "orderId": row.order_id,
        "clientOrderId": row.client_id,
        "time": row.time,
        "amendment": {
            "price": {"before": plain(row.price_before), "after": plain(row.price)},
            "origQty": {"before": plain(row.quantity_before), "after": plain(row.quantity)},
            "count": row.number,
        },
        "priceMatch": "NONE",
    }


def as_order(algo: AlgoOrder) -> UsdmOrder:
    """Return a conditional order as an ordinary one of its type, as it was until 2025-12-09."""
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
        status=OLD_STATUSES.get(algo.status, "EXPIRED"),
        orig_type=algo.type,
        stop_price=algo.level or algo.trigger_price,
        working_type=algo.working_type,
        price_protect=algo.price_protect,
        prevention=algo.prevention,
        position_side=algo.position_side,
    )


def old_order_updates(event: AlgoChanged) -> list[Json]:
    """Return the user-stream messages of a change as they were until 2025-12-09.

    The order that a trigger sends keeps the id and names the stop in ``origType``, as a response
    quoted in https://github.com/ccxt/ccxt/issues/8338 shows. That the trigger itself is reported as
    EXPIRED is from memory: the documentation lists the status and no more, and no recording of it
    was found.
    """
    algo = event.algo
    execution = OLD_EXECUTIONS.get(algo.status)
    activated = execution == "NEW" and algo.trailing and event.time > algo.create_time
    if execution is None or activated:
        return []
    change = OrderChanged(event.account, event.time, execution, as_order(algo))
    return [order_update_event(change)]
