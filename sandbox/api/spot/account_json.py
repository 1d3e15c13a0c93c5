"""JSON of spot orders, trades and balances, in the exchange's field names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.engines.common.money import ZERO, money_text
from sandbox.engines.spot.model import (
    OrderList,
    PreventedMatch,
    SpotAccount,
    SpotFill,
    SpotOrder,
)
from sandbox.engines.spot.pegs import PRICE_LEVEL
from sandbox.engines.spot.state import SpotCore

Json = dict[str, Any]


def order_json(order: SpotOrder) -> Json:
    """Return an order as `GET /order` does."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "price": money_text(order.sent_price),
        "origQty": money_text(order.quantity),
        "executedQty": money_text(order.filled),
        "cummulativeQuoteQty": money_text(order.spent),
        "origQuoteOrderQty": money_text(order.quote),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.type,
        "side": order.side,
        **_trigger(order),
        "icebergQty": "0.00000000",
        "time": order.time,
        "updateTime": order.update_time,
        "isWorking": order.working,
        "workingTime": order.working_time,
        "selfTradePreventionMode": order.prevention,
        **_prevented(order),
        **_pegged(order),
        **_routed(order),
    }


def _pegged(order: SpotOrder) -> Json:
    """Return what only a pegged order has; its price is known once it is in the book."""
    if order.peg is None:
        return {}
    shown: Json = {"pegPriceType": order.peg.kind}
    if order.peg.offset is not None:
        shown |= {"pegOffsetType": PRICE_LEVEL, "pegOffsetValue": order.peg.offset}
    return shown | ({"peggedPrice": money_text(order.price)} if order.working else {})


def _prevented(order: SpotOrder) -> Json:
    """Return what only an order has that a prevented match ended."""
    match = order.ended_by
    if match is None:
        return {}
    lost = money_text(match.lost(order.order_id))
    return {"preventedMatchId": match.match_id, "preventedQuantity": lost}


def _routed(order: SpotOrder) -> Json:
    """Return what only an order of smart order routing has."""
    return {"workingFloor": order.floor, "usedSor": True} if order.routed else {}


def _trigger(order: SpotOrder) -> Json:
    shown: Json = {"stopPrice": money_text(order.stop_price)}
    if order.trailing:
        shown |= {"trailingDelta": order.trailing, "trailingTime": order.trailing_time}
    return shown


def ack_json(order: SpotOrder) -> Json:
    """`newOrderRespType=ACK`."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "transactTime": order.update_time,
    }


def result_json(order: SpotOrder) -> Json:
    """`newOrderRespType=RESULT`."""
    shown = {
        **ack_json(order),
        "price": money_text(order.sent_price),
        "origQty": money_text(order.quantity),
        "executedQty": money_text(order.filled),
        "origQuoteOrderQty": money_text(order.quote),
        "cummulativeQuoteQty": money_text(order.spent),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.type,
        "side": order.side,
        "workingTime": order.working_time,
        "selfTradePreventionMode": order.prevention,
    }
    shown |= _prevented(order) | _pegged(order) | _routed(order)
    return shown | (_trigger(order) if order.stop_price or order.trailing else {})


def full_json(order: SpotOrder, account: SpotAccount) -> Json:
    """`newOrderRespType=FULL`: with each fill, its fee, and what was prevented."""
    fills = [fill for fill in account.fills if fill.order_id == order.order_id]
    matches = [match for match in account.prevented if match.taker_id == order.order_id]
    return {
        **result_json(order),
        "fills": [
            {
                "price": money_text(fill.price),
                "qty": money_text(fill.quantity),
                "commission": money_text(fill.fee),
                "commissionAsset": fill.fee_asset,
                **_match(fill),
            }
            for fill in fills
        ],
        **({"preventedMatches": [_met_json(match) for match in matches]} if matches else {}),
    }


def _met_json(match: PreventedMatch) -> Json:
    """Return a prevented match as the response to the order that took has it."""
    return {
        "preventedMatchId": match.match_id,
        "makerOrderId": match.maker_id,
        "price": money_text(match.price),
        **_lost(match),
    }


def _lost(match: PreventedMatch) -> Json:
    named = (
        ("takerPreventedQuantity", match.taker_quantity),
        ("makerPreventedQuantity", match.maker_quantity),
    )
    return {name: money_text(quantity) for name, quantity in named if quantity}


def prevented_json(match: PreventedMatch) -> Json:
    """Return a prevented match as `myPreventedMatches` does."""
    return {
        "symbol": match.symbol,
        "preventedMatchId": match.match_id,
        "takerOrderId": match.taker_id,
        "makerSymbol": match.symbol,
        "makerOrderId": match.maker_id,
        "tradeGroupId": -1,
        "selfTradePreventionMode": match.mode,
        "price": money_text(match.price),
        **_lost(match),
        "transactTime": match.time,
    }


def _match(fill: SpotFill) -> Json:
    """Return the trade of a fill, or the allocation that stands for one."""
    if fill.allocation < 0:
        return {"tradeId": fill.trade_id}
    return {"tradeId": -1, "matchType": "ONE_PARTY_TRADE_REPORT", "allocId": fill.allocation}


def _fill_json(fill: SpotFill) -> Json:
    """Return what trades and allocations have in common."""
    return {
        "symbol": fill.symbol,
        "orderId": fill.order_id,
        "orderListId": fill.list_id,
        "price": money_text(fill.price),
        "qty": money_text(fill.quantity),
        "quoteQty": money_text(fill.price * fill.quantity),
        "commission": money_text(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.time,
        "isBuyer": fill.side == "BUY",
        "isMaker": fill.maker,
    }


def allocation_json(fill: SpotFill) -> Json:
    """Return an allocation as `myAllocations` does."""
    named = {"allocationId": fill.allocation, "allocationType": "SOR", "isAllocator": False}
    return {**_fill_json(fill), **named}


def trade_json(fill: SpotFill) -> Json:
    """Return a trade as `myTrades` does."""
    return {**_fill_json(fill), "id": fill.trade_id, "isBestMatch": True}


def cancelled_json(order: SpotOrder, cancel_id: str) -> Json:
    """Return the response to a cancel request; its ``clientOrderId`` names the cancellation."""
    shown = result_json(order)
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_id,
        **shown,
        "clientOrderId": cancel_id or f"cancel{order.order_id}",
    }


def list_json(account: SpotAccount, found: OrderList) -> Json:
    """Return an order list as `GET /orderList` does."""
    return {
        "orderListId": found.list_id,
        "contingencyType": found.contingency,
        "listStatusType": found.status,
        "listOrderStatus": found.order_status,
        "listClientOrderId": found.client_id,
        "transactionTime": found.time,
        "symbol": found.symbol,
        "orders": [
            {"symbol": found.symbol, "orderId": i, "clientOrderId": account.orders[i].client_id}
            for i in found.order_ids
        ],
    }


def list_report_json(account: SpotAccount, found: OrderList, *, cancelling: bool = False) -> Json:
    """Return an order list with the reports of its legs."""
    legs = [account.orders[i] for i in found.order_ids]
    reports = [cancelled_json(leg, "") if cancelling else result_json(leg) for leg in legs]
    return {**list_json(account, found), "orderReports": reports}


def account_json(core: SpotCore, account: SpotAccount, *, omit_zero: bool) -> Json:
    """`GET /account`."""
    fees = core.fees
    assets = sorted(set(account.totals) | _listed(core))
    balances = [
        {
            "asset": asset,
            "free": money_text(account.free(asset)),
            "locked": money_text(account.locked[asset]),
        }
        for asset in assets
        if not omit_zero or account.totals[asset]
    ]
    return {
        "makerCommission": int(fees.maker * 10_000),
        "takerCommission": int(fees.taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _rates(fees.maker, fees.taker),
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": account.update_time,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": 354937868,
    }


def _listed(core: SpotCore) -> set[str]:
    instruments = [market.instrument for market in core.markets.values()]
    return {i.base for i in instruments} | {i.quote for i in instruments}


def _rates(maker: Decimal, taker: Decimal) -> Json:
    return {
        "maker": money_text(maker),
        "taker": money_text(taker),
        "buyer": "0.00000000",
        "seller": "0.00000000",
    }


def commission_json(core: SpotCore, account: SpotAccount, symbol: str) -> Json:
    """`GET /account/commission`."""
    none = _rates(ZERO, ZERO)
    return {
        "symbol": symbol,
        "standardCommission": _rates(core.fees.maker, core.fees.taker),
        "specialCommission": none,
        "taxCommission": none,
        "discount": {
            "enabledForAccount": account.burn,
            "enabledForSymbol": True,
            "discountAsset": "BNB",
            "discount": "0.75000000",
        },
    }
