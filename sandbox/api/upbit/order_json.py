"""JSON of Upbit's orders, trades and balances, in the exchange's field names."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sandbox.api.upbit.market_json import Json, kst_zoned
from sandbox.engines.common.money import ZERO, plain
from sandbox.engines.spot.model import OrderReport, SpotAccount, SpotFill, SpotOrder
from sandbox.engines.spot.state import SpotCore

# The upper half of every uuid; the lower half is the id of the order or trade.
ORDER_SPACE, TRADE_SPACE = 0x0C0DE000_0000_4000 << 64, 0x0C0DE001_0000_4000 << 64
LOWER = 2**64 - 1
STATES = {"NEW": "wait", "PARTIALLY_FILLED": "wait", "FILLED": "done"}
TYPES = {"LIMIT": "limit", "LIMIT_MAKER": "limit"}


def uuid_of(space: int, number: int) -> str:
    """Return the uuid of an order or a trade."""
    return str(UUID(int=space | number))


def order_number(text: str) -> int | None:
    """Return the order id in a uuid, None when it is none of ours."""
    try:
        value = UUID(text).int
    except ValueError:
        return None
    return value & LOWER if value & ~LOWER == ORDER_SPACE else None


def order_json(core: SpotCore, account: SpotAccount, order: SpotOrder) -> Json:
    """Return an order as `POST /orders` and `GET /orders/open` do."""
    fills = [fill for fill in account.fills if fill.order_id == order.order_id]
    paid = sum((fill.fee for fill in fills), ZERO)
    remaining = order.remaining if order.open else order.quantity - order.filled
    buying = order.side == "BUY"
    reserved = order.quantity * (order.price or ZERO) * core.fees.taker if buying else ZERO
    shown: Json = {
        "uuid": uuid_of(ORDER_SPACE, order.order_id),
        "side": "bid" if buying else "ask",
        "ord_type": _type(order),
        "price": plain(order.price or order.quote) if order.price or order.quote else None,
        "state": STATES.get(order.status, "cancel"),
        "market": order.symbol,
        "created_at": kst_zoned(order.time),
        "volume": None if order.quote else plain(order.quantity),
        "remaining_volume": None if order.quote else plain(remaining),
        "reserved_fee": plain(reserved),
        "remaining_fee": plain(max(ZERO, reserved - paid) if order.open else ZERO),
        "paid_fee": plain(paid),
        "locked": plain(core.cost(order)),
        "executed_volume": plain(order.filled),
        "executed_funds": plain(order.spent),
        "trades_count": len(fills),
    }
    if order.tif in ("IOC", "FOK"):
        shown["time_in_force"] = order.tif.lower()
    if order.type == "LIMIT_MAKER":
        shown["time_in_force"] = "post_only"
    if order.client_id != f"sandbox{order.order_id}":
        shown["identifier"] = order.client_id
    return shown


def _type(order: SpotOrder) -> str:
    if order.type == "MARKET":
        return "price" if order.quote else "market"
    return TYPES[order.type]


def order_with_trades_json(core: SpotCore, account: SpotAccount, order: SpotOrder) -> Json:
    """Return an order with its trades as `GET /order` does."""
    fills = [fill for fill in account.fills if fill.order_id == order.order_id]
    return order_json(core, account, order) | {"trades": [trade_json(fill) for fill in fills]}


def trade_json(fill: SpotFill) -> Json:
    """Return a trade of an order."""
    return {
        "market": fill.symbol,
        "uuid": uuid_of(TRADE_SPACE, fill.trade_id),
        "price": plain(fill.price),
        "volume": plain(fill.quantity),
        "funds": plain(fill.price * fill.quantity),
        "trend": "up" if (fill.side == "BUY") != fill.maker else "down",
        "created_at": kst_zoned(fill.time),
        "side": "bid" if fill.side == "BUY" else "ask",
    }


def accounts_json(account: SpotAccount) -> list[Json]:
    """Return the balances as `GET /accounts` does; the KRW balance comes first."""
    names = sorted((name for name, total in account.totals.items() if total), key=_krw_first)
    return [
        {
            "currency": name,
            "balance": plain(account.free(name)),
            "locked": plain(account.locked[name]),
            "avg_buy_price": plain(average_price(account, name)),
            "avg_buy_price_modified": False,
            "unit_currency": "KRW",
        }
        for name in names or ["KRW"]
    ]


def _krw_first(name: str) -> tuple[bool, str]:
    return (name != "KRW", name)


def average_price(account: SpotAccount, asset: str) -> Any:
    """Return the average price of the bids of an asset that is still held."""
    quantity = value = ZERO
    for fill in account.fills:
        if fill.symbol.partition("-")[2] != asset:
            continue
        if fill.side == "BUY":
            quantity, value = quantity + fill.quantity, value + fill.quantity * fill.price
        elif quantity:
            value -= value * min(fill.quantity, quantity) / quantity
            quantity = max(ZERO, quantity - fill.quantity)
    return (value / quantity).quantize(ZERO.scaleb(-8)) if quantity else ZERO


def my_order_event(core: SpotCore, account: SpotAccount, report: OrderReport) -> Json:
    """Return the `myOrder` message of a change."""
    order, fill = report.order, report.fill
    shown = order_json(core, account, order)
    state = "trade" if fill else {"NEW": "wait"}.get(report.execution, shown["state"])
    return {
        "type": "myOrder",
        "code": order.symbol,
        "uuid": shown["uuid"],
        "ask_bid": "BID" if order.side == "BUY" else "ASK",
        "order_type": shown["ord_type"],
        "state": state,
        "trade_uuid": uuid_of(TRADE_SPACE, fill.trade_id) if fill else None,
        "price": float(fill.price if fill else order.price),
        "avg_price": float(order.spent / order.filled) if order.filled else 0.0,
        "volume": float(fill.quantity if fill else order.quantity),
        "remaining_volume": float(order.remaining),
        "executed_volume": float(order.filled),
        "trades_count": shown["trades_count"],
        "reserved_fee": float(shown["reserved_fee"]),
        "remaining_fee": float(shown["remaining_fee"]),
        "paid_fee": float(shown["paid_fee"]),
        "locked": float(shown["locked"]),
        "executed_funds": float(order.spent),
        "time_in_force": shown.get("time_in_force"),
        "trade_fee": float(fill.fee) if fill else None,
        "is_maker": fill.maker if fill else None,
        "identifier": shown.get("identifier"),
        "trade_timestamp": fill.time if fill else None,
        "order_timestamp": order.time,
        "timestamp": report.time,
        "stream_type": "REALTIME",
    }


def my_asset_event(account: SpotAccount, time: int) -> Json:
    """Return the `myAsset` message of an account."""
    return {
        "type": "myAsset",
        "asset_uuid": str(UUID(int=0)),
        "assets": [
            {
                "currency": row["currency"],
                "balance": float(row["balance"]),
                "locked": float(row["locked"]),
            }
            for row in accounts_json(account)
        ],
        "asset_timestamp": time,
        "timestamp": time,
        "stream_type": "REALTIME",
    }
