"""REST handlers of Upbit's orders and balances."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.api.requests import SIGNED, Route
from sandbox.api.upbit import order_json
from sandbox.api.upbit.call import UpbitCall
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.money import plain
from sandbox.engines.spot.model import SpotOrder, SpotOrderRequest
from sandbox.engines.upbit.engine import MAX_TOTAL, MIN_TOTAL, UpbitEngine, UpbitError

SIDES = {"bid": "BUY", "ask": "SELL"}
TIMES_IN_FORCE = {"ioc": "IOC", "fok": "FOK"}
PREVENTIONS = {
    "cancel_maker": "EXPIRE_MAKER",
    "cancel_taker": "EXPIRE_TAKER",
    "reduce": "EXPIRE_BOTH",
}
WAITING, ENDED = ("wait", "watch"), ("done", "cancel")


def _engine(call: UpbitCall) -> UpbitEngine:
    engine = call.exchange.engine
    assert isinstance(engine, UpbitEngine)
    return engine


def _request(call: UpbitCall) -> SpotOrderRequest:
    """Return the order that `POST /orders` requests."""
    side, kind = call.need("side"), call.need("ord_type")
    feed = call.feed(call.need("market"))
    if side not in SIDES:
        raise UpbitError("validation_error", "side is missing, side does not have a valid value")
    tif = call.params.text("time_in_force")
    if tif not in (None, "ioc", "fok", "post_only"):
        raise UpbitError("validation_error", "time_in_force does not have a valid value")
    head: dict[str, Any] = {
        "symbol": feed.symbol,
        "side": SIDES[side],
        "client_id": call.params.text("identifier") or "",
        "prevention": PREVENTIONS.get(call.params.text("smp_type") or "", "EXPIRE_MAKER"),
    }
    if kind == "limit":
        return SpotOrderRequest(
            **head,
            type="LIMIT_MAKER" if tif == "post_only" else "LIMIT",
            price=call.amount("price"),
            quantity=call.amount("volume"),
            tif=TIMES_IN_FORCE.get(tif or "", "GTC"),
        )
    if kind == "best" and tif not in TIMES_IN_FORCE:
        raise UpbitError("validation_error", "best needs time_in_force ioc or fok")
    if (kind, side) in (("price", "bid"), ("best", "bid")):
        return SpotOrderRequest(**head, type="MARKET", quote=call.amount("price"))
    if (kind, side) in (("market", "ask"), ("best", "ask")):
        return SpotOrderRequest(**head, type="MARKET", quantity=call.amount("volume"))
    raise UpbitError("validation_error", "ord_type does not have a valid value")


def place(call: UpbitCall) -> dict[str, Any]:
    """`POST /orders`: the order as it was accepted; its fills follow on `myOrder`."""
    order = _engine(call).place(call.account, _request(call))
    return order_json.order_json(call.core, call.account, order)


def test_order(call: UpbitCall) -> dict[str, Any]:
    """`POST /orders/test`: everything is checked, and nothing is placed."""
    order = _engine(call).test(call.account, _request(call))
    return order_json.order_json(call.core, call.account, order)


def _find(call: UpbitCall) -> SpotOrder:
    ident, name = call.params.text("uuid"), call.params.text("identifier")
    if ident is None and name is None:
        raise UpbitError("validation_error", "uuid or identifier is required.")
    orders = call.account.orders
    found = None
    if ident is not None:
        found = orders.get(order_json.order_number(ident) or -1)
    else:
        found = next((order for order in orders.values() if order.client_id == name), None)
    if found is None:
        raise UpbitError("order_not_found", "The order was not found.", 404)
    return found


def get_order(call: UpbitCall) -> dict[str, Any]:
    """`GET /order`: one order with its trades."""
    return order_json.order_with_trades_json(call.core, call.account, _find(call))


def cancel(call: UpbitCall) -> dict[str, Any]:
    """`DELETE /order`: the order as it was when the request was accepted."""
    order = _find(call)
    if not order.open:
        raise UpbitError("order_not_found", "The order was not found.", 404)
    shown = order_json.order_json(call.core, call.account, order)
    _engine(call).cancel(call.account, order)
    return shown


def cancel_and_new(call: UpbitCall) -> dict[str, Any]:
    """`POST /orders/cancel_and_new`: replace an order; the new one keeps market and side."""
    name = {"uuid": "prev_order_uuid", "identifier": "prev_order_identifier"}
    found = call.params.renamed({old: new for new, old in name.items()})
    order = _find(UpbitCall(call.exchange, found, call.account))
    shown = cancel(UpbitCall(call.exchange, found, call.account))
    renamed = call.params.renamed(
        {
            "new_ord_type": "ord_type",
            "new_price": "price",
            "new_volume": "volume",
            "new_time_in_force": "time_in_force",
            "new_identifier": "identifier",
        },
        market=order.symbol,
        side="bid" if order.side == "BUY" else "ask",
    )
    if renamed.text("volume") == "remain_only":
        renamed = renamed.renamed({}, volume=plain(order.remaining))
    placed = place(UpbitCall(call.exchange, renamed, call.account))
    return shown | {"new_order_uuid": placed["uuid"]}


def cancel_open(call: UpbitCall) -> dict[str, Any]:
    """`DELETE /orders/open`: all open orders of the given side and pairs."""
    side, pairs = call.params.text("cancel_side") or "all", call.params.text("pairs")
    chosen = [
        order
        for order in call.account.open_orders.values()
        if side in ("all", "bid" if order.side == "BUY" else "ask")
        and (pairs is None or order.symbol in pairs.split(","))
    ]
    return _cancelled(call, chosen[: call.count(20, 300)])


def cancel_many(call: UpbitCall) -> dict[str, Any]:
    """`DELETE /orders/uuids`."""
    wanted = {order_json.order_number(text) for text in call.listed("uuids")}
    return _cancelled(call, [o for o in call.account.orders.values() if o.order_id in wanted])


def _cancelled(call: UpbitCall, orders: Iterable[SpotOrder]) -> dict[str, Any]:
    done: dict[str, list[Any]] = {"success": [], "failed": []}
    for order in orders:
        try:
            _engine(call).cancel(call.account, order)
        except ExchangeError:
            done["failed"].append(_named(order))
        else:
            done["success"].append(_named(order))
    return {name: {"count": len(rows), "orders": rows} for name, rows in done.items()}


def _named(order: SpotOrder) -> dict[str, str]:
    uuid = order_json.uuid_of(order_json.ORDER_SPACE, order.order_id)
    return {"uuid": uuid, "market": order.symbol}


def _page(call: UpbitCall, states: tuple[str, ...]) -> list[Any]:
    market = call.params.text("market")
    wanted = call.listed("states") or [call.params.text("state") or ""]
    kept = [state for state in states if state in wanted or wanted == [""]]
    mine = [o for o in call.account.orders.values() if market in (None, o.symbol)]
    rows = [order_json.order_json(call.core, call.account, order) for order in mine]
    found = [row for row in rows if row["state"] in kept]
    if call.params.text("order_by") != "asc":
        found.reverse()
    page, count = call.whole("page", 1), call.count(100, 1_000)
    return found[(page - 1) * count : page * count]


def open_orders(call: UpbitCall) -> list[Any]:
    """`GET /orders/open`."""
    return _page(call, WAITING)


def closed_orders(call: UpbitCall) -> list[Any]:
    """`GET /orders/closed`."""
    return _page(call, ENDED)


def by_uuids(call: UpbitCall) -> list[Any]:
    """`GET /orders/uuids`."""
    wanted = {order_json.order_number(text) for text in call.listed("uuids")}
    names = set(call.listed("identifiers"))
    mine = call.account.orders.values()
    found = [o for o in mine if o.order_id in wanted or o.client_id in names]
    return [order_json.order_json(call.core, call.account, order) for order in found]


def accounts(call: UpbitCall) -> list[Any]:
    """`GET /accounts`."""
    return order_json.accounts_json(call.account)


def chance(call: UpbitCall) -> dict[str, Any]:
    """`GET /orders/chance`: fees, limits and balances of a market."""
    feed = call.feed(call.need("market"))
    rules, fees = feed.instrument, call.core.fees
    limits = {"currency": rules.quote, "min_total": plain(MIN_TOTAL)}
    return {
        "bid_fee": plain(fees.taker),
        "ask_fee": plain(fees.taker),
        "maker_bid_fee": plain(fees.maker),
        "maker_ask_fee": plain(fees.maker),
        "market": {
            "id": feed.symbol,
            "name": f"{rules.base}/{rules.quote}",
            "order_types": ["limit"],
            "order_sides": ["ask", "bid"],
            "bid_types": ["best_fok", "best_ioc", "limit", "limit_fok", "limit_ioc", "price"],
            "ask_types": ["best_fok", "best_ioc", "limit", "limit_fok", "limit_ioc", "market"],
            "bid": limits,
            "ask": {"currency": rules.base, "min_total": plain(MIN_TOTAL)},
            "max_total": plain(MAX_TOTAL),
            "state": "active",
        },
        "bid_account": _balance(call, rules.quote),
        "ask_account": _balance(call, rules.base),
    }


def _balance(call: UpbitCall, asset: str) -> dict[str, Any]:
    rows = {row["currency"]: row for row in order_json.accounts_json(call.account)}
    empty = {
        "currency": asset, "balance": "0", "locked": "0", "avg_buy_price": "0",
        "avg_buy_price_modified": False, "unit_currency": "KRW",
    }  # fmt: skip
    return rows.get(asset, empty)


def wallet(call: UpbitCall) -> list[Any]:
    """`GET /status/wallet`: no deposits or withdrawals here."""
    assets = {a for f in call.exchange.feeds.values() for a in (f.instrument.base, "KRW")}
    return [
        {"currency": asset, "wallet_state": "paused", "block_state": "normal", "network_name": None}
        for asset in sorted(assets)
    ]


def nothing(call: UpbitCall) -> list[Any]:
    """Return nothing: there are no deposits or withdrawals here."""
    del call
    return []


ROUTES = {
    ("GET", "/v1/accounts"): ("default", Route(accounts, SIGNED)),
    ("GET", "/v1/orders/chance"): ("default", Route(chance, SIGNED)),
    ("GET", "/v1/order"): ("default", Route(get_order, SIGNED)),
    ("GET", "/v1/orders/open"): ("default", Route(open_orders, SIGNED)),
    ("GET", "/v1/orders/closed"): ("default", Route(closed_orders, SIGNED)),
    ("GET", "/v1/orders/uuids"): ("default", Route(by_uuids, SIGNED)),
    ("GET", "/v1/status/wallet"): ("default", Route(wallet, SIGNED)),
    ("GET", "/v1/deposits"): ("default", Route(nothing, SIGNED)),
    ("GET", "/v1/withdraws"): ("default", Route(nothing, SIGNED)),
    ("POST", "/v1/orders"): ("order", Route(place, SIGNED, order=True)),
    ("POST", "/v1/orders/test"): ("order-test", Route(test_order, SIGNED)),
    ("POST", "/v1/orders/cancel_and_new"): ("order", Route(cancel_and_new, SIGNED, order=True)),
    ("DELETE", "/v1/order"): ("default", Route(cancel, SIGNED)),
    ("DELETE", "/v1/orders/open"): ("order-cancel-all", Route(cancel_open, SIGNED)),
    ("DELETE", "/v1/orders/uuids"): ("default", Route(cancel_many, SIGNED)),
}
