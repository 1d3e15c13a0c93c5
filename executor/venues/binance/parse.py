"""Binance USDⓈ-M messages into the records of `executor.model`; unknown values pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from executor.model import (
    ZERO,
    AccountUpdate,
    CandleUpdate,
    ConditionalOrderUpdate,
    Instrument,
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

TRANSFERS = frozenset(
    {
        "DEPOSIT",
        "WITHDRAW",
        "WITHDRAW_REJECT",
        "ADMIN_DEPOSIT",
        "ADMIN_WITHDRAW",
        "ASSET_TRANSFER",
        "COIN_SWAP_DEPOSIT",
        "COIN_SWAP_WITHDRAW",
    }
)
"""Reasons of an account update that are no profit or loss."""
LIQUIDATION_PREFIXES = ("autoclose-", "adl_autoclose", "settlement_autoclose-")
_EXECUTIONS_WITH_FILL = ("TRADE", "CALCULATED")


def instrument(row: Wire) -> Instrument:
    """One symbol of exchangeInfo; a filter value of 0 means no limit."""
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
    first, high, low, last = (positive(value) for value in row[1:5])
    volume = float(row[5])
    if not (math.isfinite(volume) and volume >= 0):
        raise ValueError(f"{row[5]} is no volume")
    return Candle(int(row[0]), first, high, low, last, volume)


def positive(value: Any) -> float:
    """A price."""
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{value} is no price")
    return number


@dataclass(frozen=True, slots=True)
class _Names:
    """Field names of an order in one kind of message; "" where it has none."""

    client_id: str
    exchange_id: str
    symbol: str
    side: str
    kind: str
    status: str
    quantity: str
    filled: str
    trigger_price: str
    close_position: str
    reduce_only: str
    child_id: str = ""


_PLAIN = _Names(
    "clientOrderId", "orderId", "symbol", "side", "type", "status",
    "origQty", "executedQty", "stopPrice", "closePosition", "reduceOnly",
)  # fmt: skip
_ALGO = _Names(
    "clientAlgoId", "algoId", "symbol", "side", "orderType", "algoStatus",
    "quantity", "", "triggerPrice", "closePosition", "reduceOnly", "actualOrderId",
)  # fmt: skip
_PLAIN_EVENT = _Names("c", "i", "s", "S", "o", "X", "q", "z", "sp", "cp", "R")
_ALGO_EVENT = _Names("caid", "aid", "s", "S", "o", "X", "q", "aq", "tp", "cp", "R", "ai")


def _order(row: Wire, at: _Names, time: int) -> VenueOrder:
    """An order; with a field for a child order it is a conditional one."""
    client_id = str(row.get(at.client_id, ""))
    exchange_id = row[at.exchange_id]
    if exchange_id in (None, ""):
        raise ValueError("the order has no id")
    return VenueOrder(
        client_id=client_id,
        exchange_id=str(exchange_id),
        symbol=row[at.symbol],
        side=row.get(at.side, ""),
        kind=row.get(at.kind) or row.get("type") or "",
        status=row.get(at.status, ""),
        quantity=_decimal(row.get(at.quantity)),
        filled=_decimal(row.get(at.filled)),
        trigger_price=_decimal(row.get(at.trigger_price)),
        close_position=_flag(row.get(at.close_position)),
        reduce_only=_flag(row.get(at.reduce_only)),
        conditional=bool(at.child_id),
        child_id=_child(row.get(at.child_id)) if at.child_id else "",
        time=time,
        liquidation=client_id.startswith(LIQUIDATION_PREFIXES),
    )


def plain_order(row: Wire) -> VenueOrder:
    """An order of the plain book."""
    return _order(row, _PLAIN, int(row.get("updateTime") or row.get("time") or 0))


def algo_order(row: Wire) -> VenueOrder:
    """A conditional order; a close-position order has no quantity."""
    return _order(row, _ALGO, int(row.get("updateTime") or row.get("createTime") or 0))


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


@dataclass(frozen=True, slots=True)
class ListenKeyExpired:
    """The stream is dead and needs a new key."""


def user_event(message: Wire) -> UserEvent | ListenKeyExpired | None:
    """A user-data event, or None for one that changes nothing here."""
    kind, event_time = message.get("e"), int(message.get("E") or 0)
    if kind == "ORDER_TRADE_UPDATE":
        return _order_update(message["o"], event_time)
    if kind == "ALGO_UPDATE":
        return _algo_update(message["o"], event_time)
    if kind == "ACCOUNT_UPDATE":
        return _account_update(message["a"], event_time)
    if kind == "listenKeyExpired":
        return ListenKeyExpired()
    return None


def _order_update(o: Wire, event_time: int) -> OrderUpdate:
    order = _order(o, _PLAIN_EVENT, int(o.get("T") or event_time))
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
            liquidation=order.liquidation,
        )
    return OrderUpdate(order, fill, event_time)


def _algo_update(o: Wire, event_time: int) -> ConditionalOrderUpdate:
    order = _order(o, _ALGO_EVENT, event_time)
    return ConditionalOrderUpdate(order, event_time, str(o.get("rm", "")))


def _account_update(a: Wire, event_time: int) -> AccountUpdate:
    wallet, change = None, ZERO
    for row in a.get("B", ()):
        if row.get("a") == "USDT":
            wallet, change = _decimal(row.get("wb")), _decimal(row.get("bc"))
    return AccountUpdate(str(a.get("m", "")) in TRANSFERS, wallet, change, event_time)


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
    number = ZERO if value in (None, "") else Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"{value} is no number")
    return number


def _flag(value: Any) -> bool:
    return value is True or value == "true"


def _child(value: Any) -> str:
    return "" if value in (None, "", "0", 0) else str(value)
