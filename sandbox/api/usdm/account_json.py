"""JSON of orders, positions, balances and events, in the exchange's field names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sandbox.engines.common.money import ZERO, money_text, plain
from sandbox.engines.usdm import margin
from sandbox.engines.usdm.events import AccountChanged, OrderChanged
from sandbox.engines.usdm.model import (
    AlgoOrder,
    Income,
    UsdmAccount,
    UsdmFill,
    UsdmOrder,
    UsdmPosition,
)
from sandbox.engines.usdm.state import UsdmCore

Json = dict[str, Any]
ASSET = "USDT"


def price_text(value: Decimal) -> str:
    """A price that may be an average: at most eight decimals, no needless zeros."""
    text = money_text(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def order_view(order: UsdmOrder) -> Json:
    """An order as `GET /order` shows it."""
    return {
        **order_answer(order),
        "avgPrice": price_text(order.average),
        "cumQuote": price_text(order.quote),
        "time": order.time,
    }


def order_answer(order: UsdmOrder) -> Json:
    """An order as POST, PUT and DELETE answer it (no average price since 2026-07-15)."""
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
        "priceMatch": "NONE",
        "selfTradePreventionMode": order.prevention,
        "goodTillDate": order.good_till,
        "updateTime": order.update_time,
    }


def order_update(event: OrderChanged) -> Json:
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
        "pm": "NONE",
        "gtd": order.good_till,
        "er": "0",
    }
    return {"e": "ORDER_TRADE_UPDATE", "E": event.time, "T": event.time, "o": body}


def trade_lite(event: OrderChanged, fill: UsdmFill) -> Json:
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


def account_update(event: AccountChanged) -> Json:
    """`ACCOUNT_UPDATE`."""
    positions = [
        {
            "s": position.symbol,
            "pa": plain(position.amount),
            "ep": price_text(position.entry_price),
            "bep": price_text(position.entry_price),
            "cr": plain(position.realised),
            "up": money_text(position.unrealised(mark)),
            "mt": "isolated" if position.isolated else "cross",
            "iw": money_text(position.isolated_wallet),
            "ps": position.side,
        }
        for position, mark in zip(event.positions, event.marks, strict=True)
    ]
    balance = {
        "a": ASSET,
        "wb": money_text(event.wallet),
        "cw": money_text(event.cross_wallet),
        "bc": plain(event.change),
    }
    funding_only = event.reason == "FUNDING_FEE" and not any(p.isolated for p in event.positions)
    body = {"m": event.reason, "B": [balance], "P": [] if funding_only else positions}
    return {"e": "ACCOUNT_UPDATE", "E": event.time, "T": event.time, "a": body}


def algo_view(algo: AlgoOrder) -> Json:
    """A conditional order as the algo service shows it."""
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
        "priceMatch": "NONE",
        "closePosition": algo.close_position,
        "priceProtect": algo.price_protect,
        "reduceOnly": algo.reduce_only,
        "activatePrice": plain(algo.activate_price) if algo.trailing else "",
        "callbackRate": plain(algo.callback_rate) if algo.trailing else "",
        "createTime": algo.create_time,
        "updateTime": algo.update_time,
        "triggerTime": algo.trigger_time,
        "goodTillDate": 0,
    }


def algo_update(algo: AlgoOrder, time: int) -> Json:
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
        "pm": "NONE",
        "cp": algo.close_position,
        "pP": algo.price_protect,
        "R": algo.reduce_only,
        "tt": algo.trigger_time,
        "gtd": 0,
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


def fill_view(fill: UsdmFill) -> Json:
    """A trade as `userTrades` shows it."""
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


def income_view(income: Income) -> Json:
    """A wallet change as `income` shows it."""
    return {
        "symbol": income.symbol,
        "incomeType": income.kind,
        "income": plain(income.amount),
        "asset": ASSET,
        "info": income.kind,
        "time": income.time,
        "tranId": income.transaction,
        "tradeId": str(income.trade_id) if income.trade_id else "",
    }


def position_risk(core: UsdmCore, account: UsdmAccount, position: UsdmPosition) -> Json:
    """A position as `v3/positionRisk` shows it."""
    mark = core.markets[position.symbol].mark
    amount = position.amount
    isolated_margin = position.isolated_wallet + margin.unrealised(core, position)
    initial, in_orders = margin.initial(core, position), margin.open_order_margin(account, position)
    return {
        "symbol": position.symbol,
        "positionSide": position.side,
        "positionAmt": plain(amount),
        "entryPrice": price_text(position.entry_price),
        "breakEvenPrice": price_text(position.entry_price),
        "markPrice": money_text(mark),
        "unRealizedProfit": money_text(margin.unrealised(core, position)),
        "liquidationPrice": price_text(margin.liquidation_price(core, account, position)),
        "isolatedMargin": money_text(isolated_margin if position.isolated else ZERO),
        "notional": money_text(amount * mark),
        "marginAsset": ASSET,
        "isolatedWallet": money_text(position.isolated_wallet),
        "initialMargin": money_text(initial + in_orders),
        "maintMargin": money_text(margin.maintenance(core, position)),
        "positionInitialMargin": money_text(initial),
        "openOrderInitialMargin": money_text(in_orders),
        "adl": 1 if amount else 0,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": position.update_time,
    }


def position_risk_v2(core: UsdmCore, account: UsdmAccount, position: UsdmPosition) -> Json:
    """A position as `v2/positionRisk` shows it (with leverage and margin type)."""
    maximum = core.markets[position.symbol].instrument.max_notional(position.leverage)
    return {
        **position_risk(core, account, position),
        "leverage": str(position.leverage),
        "maxNotionalValue": plain(maximum),
        "marginType": "isolated" if position.isolated else "cross",
        "isAutoAddMargin": "false",
    }


def balance_view(core: UsdmCore, account: UsdmAccount) -> Json:
    """The USDT balance as `balance` shows it."""
    free = money_text(max(ZERO, margin.available(core, account)))
    return {
        "accountAlias": account.name,
        "asset": ASSET,
        "balance": money_text(account.wallet),
        "crossWalletBalance": money_text(account.cross_wallet),
        "crossUnPnl": money_text(margin.cross_profit(core, account)),
        "availableBalance": free,
        "maxWithdrawAmount": free,
        "marginAvailable": True,
        "updateTime": core.now,
    }


def account_view(core: UsdmCore, account: UsdmAccount, version: int) -> Json:
    """The account as `v2/account` (all symbols) or `v3/account` (touched positions) shows it."""
    held = [p for p in account.positions.values() if p.amount]
    profit = sum((margin.unrealised(core, p) for p in held), ZERO)
    maintenance = sum((margin.maintenance(core, p) for p in held), ZERO)
    in_positions = sum((margin.initial(core, p) for p in held), ZERO)
    in_orders = margin.open_order_margin(account)
    free = money_text(max(ZERO, margin.available(core, account)))
    totals = {
        "InitialMargin": in_positions + in_orders,
        "MaintMargin": maintenance,
        "WalletBalance": account.wallet,
        "UnrealizedProfit": profit,
        "MarginBalance": account.wallet + profit,
        "PositionInitialMargin": in_positions,
        "OpenOrderInitialMargin": in_orders,
        "CrossWalletBalance": account.cross_wallet,
        "CrossUnPnl": margin.cross_profit(core, account),
    }
    asset = {name[0].lower() + name[1:]: money_text(value) for name, value in totals.items()}
    shown = held
    if version == 2:
        shown = [p for symbol in core.markets for p in account.positions_of(symbol)]
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
        **{f"total{name}": money_text(value) for name, value in totals.items()},
        "availableBalance": free,
        "maxWithdrawAmount": free,
        "assets": [
            {
                "asset": ASSET,
                **asset,
                "availableBalance": free,
                "maxWithdrawAmount": free,
                "marginAvailable": True,
                "updateTime": core.now,
            }
        ],
        "positions": [_account_position(core, account, p, version) for p in shown],
    }


def _account_position(
    core: UsdmCore, account: UsdmAccount, position: UsdmPosition, version: int
) -> Json:
    risk = position_risk(core, account, position)
    same = ("symbol", "positionSide", "positionAmt", "notional", "isolatedWallet")
    margins = ("initialMargin", "maintMargin", "updateTime")
    shown = {name: risk[name] for name in (*same, "isolatedMargin", *margins)}
    shown["unrealizedProfit"] = risk["unRealizedProfit"]
    if version == 2:
        maximum = core.markets[position.symbol].instrument.max_notional(position.leverage)
        shown |= {
            "positionInitialMargin": risk["positionInitialMargin"],
            "openOrderInitialMargin": risk["openOrderInitialMargin"],
            "leverage": str(position.leverage),
            "isolated": position.isolated,
            "entryPrice": risk["entryPrice"],
            "breakEvenPrice": risk["breakEvenPrice"],
            "maxNotional": plain(maximum),
            "bidNotional": "0",
            "askNotional": "0",
        }
    return shown
