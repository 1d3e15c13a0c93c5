"""Binance spot messages into the records of `executor.model`; unknown values pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from executor.model import (
    ZERO,
    AccountUpdate,
    Instrument,
    InstrumentId,
    OrderKind,
    OrderState,
    OrderUpdate,
    UserEvent,
    VenueFill,
    VenueOrder,
    Wallet,
    instrument_id,
)
from executor.venues.binance.values import amount_of, decimal_of

Wire = Mapping[str, Any]
VENUE = "binance_spot"
WIRE_KINDS = {
    OrderKind.MARKET: "MARKET",
    OrderKind.STOP_MARKET: "STOP_LOSS",
    OrderKind.TAKE_PROFIT_MARKET: "TAKE_PROFIT",
}
_KINDS = {wire: kind for kind, wire in WIRE_KINDS.items()}
_CONDITIONAL = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
_STATES = {
    "NEW": OrderState.ACCEPTED,
    "PENDING_NEW": OrderState.ACCEPTED,
    "PARTIALLY_FILLED": OrderState.PARTLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "PENDING_CANCEL": OrderState.ACCEPTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
    "REJECTED": OrderState.REJECTED,
}


def id_of(symbol: str) -> InstrumentId:
    """The instrument of a symbol of this venue."""
    return instrument_id(symbol, VENUE)


def instrument(row: Wire) -> Instrument:
    """One symbol of exchangeInfo; a filter value of 0 means no limit."""
    filters = {f["filterType"]: f for f in row["filters"]}
    price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    market = filters.get("MARKET_LOT_SIZE", lot)
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    maximum = [Decimal(f["maxQty"]) for f in (lot, market) if Decimal(f["maxQty"]) > 0]
    return Instrument(
        symbol=id_of(row["symbol"]),
        tick=Decimal(price["tickSize"]),
        step=max(Decimal(lot["stepSize"]), Decimal(market["stepSize"])),
        min_quantity=max(Decimal(lot["minQty"]), Decimal(market["minQty"])),
        max_quantity=min(maximum),
        min_notional=Decimal(str(notional.get("minNotional", "0"))),
        quote_asset=row["quoteAsset"],
        base_asset=row["baseAsset"],
        trading=row.get("status", "TRADING") == "TRADING",
    )


def order(row: Wire) -> VenueOrder:
    """An order of a listing, a query or an answer.

    A conditional order keeps its id when it triggers: it is its own child.
    """
    kind = str(row.get("type", ""))
    exchange_id = str(row["orderId"])
    conditional = kind in _CONDITIONAL
    return VenueOrder(
        client_id=str(row.get("clientOrderId", "")),
        exchange_id=exchange_id,
        symbol=id_of(row["symbol"]),
        side=row.get("side", ""),
        kind=_KINDS.get(kind, kind),
        status=_STATES.get(str(row.get("status", "")), OrderState.ACCEPTED),
        quantity=decimal_of(row.get("origQty")),
        filled=decimal_of(row.get("executedQty")),
        trigger_price=decimal_of(row.get("stopPrice")),
        conditional=conditional,
        child_id=exchange_id if conditional else "",
        parent=_parent(row.get("orderListId")),
        time=int(row.get("updateTime") or row.get("time") or row.get("transactTime") or 0),
    )


def _parent(list_id: Any) -> str:
    return "" if list_id in (None, "", -1, "-1") else str(list_id)


def trade(row: Wire) -> VenueFill:
    """One row of myTrades."""
    return VenueFill(
        symbol=id_of(row["symbol"]),
        trade_id=str(row["id"]),
        order_id=str(row["orderId"]),
        side="BUY" if row["isBuyer"] else "SELL",
        price=amount_of(row["price"]),
        quantity=amount_of(row["qty"]),
        fee=decimal_of(row.get("commission")),
        fee_asset=str(row.get("commissionAsset", "")),
        realized_pnl=None,
        time=int(row["time"]),
    )


def user_events(message: Wire) -> Iterator[UserEvent]:
    """What a message of the user stream says; nothing where that changes nothing here."""
    kind, event_time = message.get("e"), int(message.get("E") or 0)
    if kind == "executionReport":
        yield _order_update(message, event_time)
    elif kind == "outboundAccountPosition":
        for row in message["B"]:
            total = decimal_of(row["f"]) + decimal_of(row["l"])
            yield AccountUpdate(Wallet(VENUE, row["a"]), False, total, ZERO, event_time)
    elif kind == "balanceUpdate":
        # Deposits, withdrawals and transfers alone come as this event.
        change = decimal_of(message["d"])
        yield AccountUpdate(Wallet(VENUE, message["a"]), True, None, change, event_time)


def _order_update(report: Wire, event_time: int) -> OrderUpdate:
    exchange_id = str(report["i"])
    kind = str(report["o"])
    conditional = kind in _CONDITIONAL
    # After a cancel, "c" is the id of the cancellation and "C" that of the order.
    client_id = str(report.get("C") or report["c"])
    found = VenueOrder(
        client_id=client_id,
        exchange_id=exchange_id,
        symbol=id_of(report["s"]),
        side=report["S"],
        kind=_KINDS.get(kind, kind),
        status=_STATES.get(str(report["X"]), OrderState.ACCEPTED),
        quantity=decimal_of(report.get("q")),
        filled=decimal_of(report.get("z")),
        trigger_price=decimal_of(report.get("P")),
        conditional=conditional,
        child_id=exchange_id if conditional else "",
        parent=_parent(report.get("g")),
        time=int(report.get("T") or event_time),
    )
    fill = None
    if report["x"] == "TRADE" and decimal_of(report.get("l")) > 0:
        fill = VenueFill(
            symbol=found.symbol,
            trade_id=str(report["t"]),
            order_id=exchange_id,
            side=found.side,
            price=amount_of(report["L"]),
            quantity=amount_of(report["l"]),
            fee=decimal_of(report.get("n")),
            fee_asset=str(report.get("N") or ""),
            realized_pnl=None,
            time=found.time,
            client_id=client_id,
        )
    return OrderUpdate(found, fill, event_time)
