"""Binance USDⓈ-M messages into the records of the ports; unknown values are let through."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from executor.ports import (
    ZERO,
    AccountUpdate,
    AlgoUpdate,
    CandleUpdate,
    Instrument,
    ListenKeyExpired,
    MarketEvent,
    OrderUpdate,
    Tick,
    UserEvent,
    VenueFill,
    VenueOrder,
    VenuePosition,
)
from trading.candles import Candle

Wire = Mapping[str, Any]

_EXECUTIONS_WITH_FILL = ("TRADE", "CALCULATED")


def instrument(row: Wire) -> Instrument:
    """One symbol of exchangeInfo; a filter part of 0 is switched off."""
    filters = {f["filterType"]: f for f in row["filters"]}
    price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    market = filters.get("MARKET_LOT_SIZE", lot)
    step = max(Decimal(lot["stepSize"]), Decimal(market["stepSize"]))
    maximum = [Decimal(f["maxQty"]) for f in (lot, market) if Decimal(f["maxQty"]) > 0]
    return Instrument(
        symbol=row["symbol"],
        tick=Decimal(price["tickSize"]),
        step=step,
        min_quantity=max(Decimal(lot["minQty"]), Decimal(market["minQty"])),
        max_quantity=min(maximum),
        min_notional=Decimal(str(filters.get("MIN_NOTIONAL", {}).get("notional", "0"))),
        quote_asset=row.get("quoteAsset", "USDT"),
        trading=row.get("status", "TRADING") == "TRADING",
    )


def kline(row: list[Any]) -> Candle:
    """One row of the klines endpoint."""
    return Candle(
        int(row[0]), float(row[1]), float(row[2]), float(row[3]), float(row[4]), float(row[5])
    )


def plain_order(row: Wire) -> VenueOrder:
    """An order of the plain book."""
    return VenueOrder(
        client_id=str(row.get("clientOrderId", "")),
        exchange_id=str(row["orderId"]),
        symbol=row["symbol"],
        side=row.get("side", ""),
        kind=row.get("type", ""),
        status=row.get("status", ""),
        quantity=_decimal(row.get("origQty")),
        filled=_decimal(row.get("executedQty")),
        trigger_price=_decimal(row.get("stopPrice")),
        close_position=_flag(row.get("closePosition")),
        reduce_only=_flag(row.get("reduceOnly")),
        time=int(row.get("updateTime") or row.get("time") or 0),
    )


def algo_order(row: Wire) -> VenueOrder:
    """An order of the conditional-order service; a close-position order has no quantity."""
    return VenueOrder(
        client_id=str(row.get("clientAlgoId", "")),
        exchange_id=str(row["algoId"]),
        symbol=row["symbol"],
        side=row.get("side", ""),
        kind=row.get("orderType") or row.get("type") or "",
        status=row.get("algoStatus", ""),
        quantity=_decimal(row.get("quantity")),
        trigger_price=_decimal(row.get("triggerPrice")),
        close_position=_flag(row.get("closePosition")),
        reduce_only=_flag(row.get("reduceOnly")),
        conditional=True,
        child_id=_child(row.get("actualOrderId")),
        time=int(row.get("updateTime") or row.get("createTime") or 0),
    )


def position(row: Wire) -> VenuePosition:
    """One row of positionRisk."""
    return VenuePosition(
        symbol=row["symbol"],
        quantity=_decimal(row.get("positionAmt")),
        entry_price=_decimal(row.get("entryPrice")),
        mark_price=_decimal(row.get("markPrice")),
        update_time=int(row.get("updateTime") or 0),
    )


def trade(row: Wire) -> VenueFill:
    """One row of userTrades."""
    return VenueFill(
        symbol=row["symbol"],
        trade_id=str(row["id"]),
        order_id=str(row["orderId"]),
        side=row["side"],
        price=_decimal(row["price"]),
        quantity=_decimal(row["qty"]),
        fee=_decimal(row.get("commission")),
        fee_asset=str(row.get("commissionAsset", "")),
        realized_pnl=_decimal(row.get("realizedPnl")),
        time=int(row["time"]),
    )


def user_event(message: Wire) -> UserEvent | None:
    """A user-data event, or None for one that changes nothing here."""
    kind, event_time = message.get("e"), int(message.get("E") or 0)
    if kind == "ORDER_TRADE_UPDATE":
        return _order_update(message["o"], event_time)
    if kind == "ALGO_UPDATE":
        return _algo_update(message["o"], event_time)
    if kind == "ACCOUNT_UPDATE":
        return _account_update(message["a"], event_time)
    if kind == "listenKeyExpired":
        return ListenKeyExpired(event_time)
    return None


def _order_update(o: Wire, event_time: int) -> OrderUpdate:
    order = VenueOrder(
        client_id=str(o.get("c", "")),
        exchange_id=str(o["i"]),
        symbol=o["s"],
        side=o.get("S", ""),
        kind=o.get("o", ""),
        status=o.get("X", ""),
        quantity=_decimal(o.get("q")),
        filled=_decimal(o.get("z")),
        trigger_price=_decimal(o.get("sp")),
        close_position=_flag(o.get("cp")),
        reduce_only=_flag(o.get("R")),
        time=int(o.get("T") or event_time),
    )
    fill = None
    if o.get("x") in _EXECUTIONS_WITH_FILL and _decimal(o.get("l")) > 0:
        fill = VenueFill(
            symbol=order.symbol,
            trade_id=str(o["t"]),
            order_id=order.exchange_id,
            side=order.side,
            price=_decimal(o["L"]),
            quantity=_decimal(o["l"]),
            fee=_decimal(o.get("n")),
            fee_asset=str(o.get("N", "")),
            realized_pnl=_decimal(o.get("rp")),
            time=order.time,
            client_id=order.client_id,
        )
    return OrderUpdate(order, fill, event_time)


def _algo_update(o: Wire, event_time: int) -> AlgoUpdate:
    order = VenueOrder(
        client_id=str(o.get("caid", "")),
        exchange_id=str(o["aid"]),
        symbol=o["s"],
        side=o.get("S", ""),
        kind=o.get("o", ""),
        status=o.get("X", ""),
        quantity=_decimal(o.get("q")),
        filled=_decimal(o.get("aq")),
        trigger_price=_decimal(o.get("tp")),
        close_position=_flag(o.get("cp")),
        reduce_only=_flag(o.get("R")),
        conditional=True,
        child_id=_child(o.get("ai")),
        time=event_time,
    )
    return AlgoUpdate(order, event_time, str(o.get("rm", "")))


def _account_update(a: Wire, event_time: int) -> AccountUpdate:
    wallet, change = None, ZERO
    for row in a.get("B", ()):
        if row.get("a") == "USDT":
            wallet, change = _decimal(row.get("wb")), _decimal(row.get("bc"))
    return AccountUpdate(str(a.get("m", "")), wallet, change, event_time)


def market_event(message: Wire) -> MarketEvent | None:
    """A market-data event, or None for one that nobody here uses."""
    kind = message.get("e")
    if kind == "kline":
        k = message["k"]
        candle = Candle(
            int(k["t"]), float(k["o"]), float(k["h"]), float(k["l"]), float(k["c"]), float(k["v"])
        )
        return CandleUpdate(message["s"], candle, bool(k["x"]), int(message["E"]))
    if kind == "aggTrade":
        return Tick(message["s"], float(message["p"]), int(message["E"]))
    return None


def _decimal(value: Any) -> Decimal:
    return ZERO if value in (None, "") else Decimal(str(value))


def _flag(value: Any) -> bool:
    return value is True or value == "true"


def _child(value: Any) -> str:
    return "" if value in (None, "", "0", 0) else str(value)
