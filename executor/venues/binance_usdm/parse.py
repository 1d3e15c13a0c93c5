"""Binance USDⓈ-M messages into the records of `executor.model`; unknown values pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from executor.model import (
    AccountUpdate,
    ConditionalOrderUpdate,
    Instrument,
    InstrumentId,
    OrderState,
    OrderUpdate,
    Transfer,
    UserEvent,
    VenueFill,
    VenueOrder,
    VenuePosition,
    Wallet,
    instrument_id,
)
from executor.venues.binance.values import amount_of, decimal_of, flag

Wire = Mapping[str, Any]
VENUE = "binance_usdm"

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
_STATES = {
    "NEW": OrderState.ACCEPTED,
    "TRIGGERING": OrderState.ACCEPTED,
    "TRIGGERED": OrderState.ACCEPTED,
    "PARTIALLY_FILLED": OrderState.PARTLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
    "REJECTED": OrderState.REJECTED,
}
_FINISHED = "FINISHED"
"""A conditional order is over, whatever became of its child."""


def id_of(symbol: str) -> InstrumentId:
    """The instrument of a symbol of this venue."""
    return instrument_id(symbol, VENUE)


def _state(status: str, filled: Decimal) -> OrderState:
    if status == _FINISHED:
        return OrderState.FILLED if filled > 0 else OrderState.EXPIRED
    return _STATES.get(status, OrderState.ACCEPTED)


def instrument(row: Wire) -> Instrument:
    """One symbol of exchangeInfo; a filter value of 0 means no limit."""
    filters = {f["filterType"]: f for f in row["filters"]}
    price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    market = filters.get("MARKET_LOT_SIZE", lot)
    step = max(Decimal(lot["stepSize"]), Decimal(market["stepSize"]))
    maximum = [Decimal(f["maxQty"]) for f in (lot, market) if Decimal(f["maxQty"]) > 0]
    return Instrument(
        symbol=id_of(row["symbol"]),
        tick=Decimal(price["tickSize"]),
        step=step,
        min_quantity=max(Decimal(lot["minQty"]), Decimal(market["minQty"])),
        max_quantity=min(maximum),
        min_notional=Decimal(str(filters.get("MIN_NOTIONAL", {}).get("notional", "0"))),
        quote_asset=row.get("quoteAsset", "USDT"),
        base_asset=row.get("baseAsset", ""),
        trading=row.get("status", "TRADING") == "TRADING",
    )


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
    "quantity", "actualQty", "triggerPrice", "closePosition", "reduceOnly", "actualOrderId",
)  # fmt: skip
_PLAIN_EVENT = _Names("c", "i", "s", "S", "o", "X", "q", "z", "sp", "cp", "R")
_ALGO_EVENT = _Names("caid", "aid", "s", "S", "o", "X", "q", "aq", "tp", "cp", "R", "ai")


def _order(row: Wire, at: _Names, time: int) -> VenueOrder:
    """An order; with a field for a child order it is a conditional one."""
    client_id = str(row.get(at.client_id, ""))
    exchange_id = row[at.exchange_id]
    if exchange_id in (None, ""):
        raise ValueError("the order has no id")
    filled = decimal_of(row.get(at.filled))
    return VenueOrder(
        client_id=client_id,
        exchange_id=str(exchange_id),
        symbol=id_of(row[at.symbol]),
        side=row.get(at.side, ""),
        kind=row.get(at.kind) or row.get("type") or "",
        status=_state(str(row.get(at.status, "")), filled),
        quantity=decimal_of(row.get(at.quantity)),
        filled=filled,
        trigger_price=decimal_of(row.get(at.trigger_price)),
        close_position=flag(row.get(at.close_position)),
        reduce_only=flag(row.get(at.reduce_only)),
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
        symbol=id_of(row["symbol"]),
        quantity=decimal_of(row.get("positionAmt")),
        entry_price=decimal_of(row.get("entryPrice")),
        mark_price=decimal_of(row.get("markPrice")),
        update_time=int(row.get("updateTime") or 0),
    )


def trade(row: Wire) -> VenueFill:
    """One row of userTrades."""
    return VenueFill(
        symbol=id_of(row["symbol"]),
        trade_id=str(row["id"]),
        order_id=str(row["orderId"]),
        side=row["side"],
        price=amount_of(row["price"]),
        quantity=amount_of(row["qty"]),
        fee=decimal_of(row.get("commission")),
        fee_asset=str(row.get("commissionAsset", "")),
        realized_pnl=decimal_of(row.get("realizedPnl")),
        time=int(row["time"]),
    )


@dataclass(frozen=True, slots=True)
class ListenKeyExpired:
    """The stream is dead and needs a new key."""


def user_events(message: Wire) -> Iterator[UserEvent | ListenKeyExpired]:
    """What a message of the user stream says; nothing where that changes nothing here."""
    kind, event_time = message.get("e"), int(message.get("E") or 0)
    if kind == "ORDER_TRADE_UPDATE":
        yield _order_update(message["o"], event_time)
    elif kind == "ALGO_UPDATE":
        yield _algo_update(message["o"], event_time)
    elif kind == "ACCOUNT_UPDATE":
        yield from _account_updates(message["a"], event_time)
    elif kind == "listenKeyExpired":
        yield ListenKeyExpired()


def _order_update(o: Wire, event_time: int) -> OrderUpdate:
    order = _order(o, _PLAIN_EVENT, int(o.get("T") or event_time))
    fill = None
    if o.get("x") in _EXECUTIONS_WITH_FILL and decimal_of(o.get("l")) > 0:
        fill = VenueFill(
            symbol=order.symbol,
            trade_id=str(o["t"]),
            order_id=order.exchange_id,
            side=order.side,
            price=amount_of(o["L"]),
            quantity=amount_of(o["l"]),
            fee=decimal_of(o.get("n")),
            fee_asset=str(o.get("N", "")),
            realized_pnl=decimal_of(o.get("rp")),
            time=order.time,
            client_id=order.client_id,
            liquidation=order.liquidation,
        )
    return OrderUpdate(order, fill, event_time)


def _algo_update(o: Wire, event_time: int) -> ConditionalOrderUpdate:
    order = _order(o, _ALGO_EVENT, event_time)
    return ConditionalOrderUpdate(order, event_time, str(o.get("rm", "")))


def _account_updates(a: Wire, event_time: int) -> Iterator[AccountUpdate]:
    transfer = str(a.get("m", "")) in TRANSFERS
    for row in a.get("B", ()):
        wallet = Wallet(VENUE, str(row["a"]))
        total, change = decimal_of(row.get("wb")), decimal_of(row.get("bc"))
        yield AccountUpdate(wallet, transfer, total, change, event_time)


def transfer(row: Wire) -> Transfer:
    """One row of income that is a transfer."""
    wallet = Wallet(VENUE, str(row["asset"]))
    return Transfer(wallet, decimal_of(row["income"]), int(row["time"]), str(row["tranId"]))


def _child(value: Any) -> str:
    return "" if value in (None, "", "0", 0) else str(value)
