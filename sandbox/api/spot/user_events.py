"""Events of the spot user stream, in the exchange's field names."""

from __future__ import annotations

from typing import Any

from sandbox.engines.common.money import money_text, plain
from sandbox.engines.spot.model import (
    BalanceSnapshot,
    ListChanged,
    OrderReport,
    PreventedMatch,
    SpotOrder,
)
from sandbox.engines.spot.pegs import PRICE_LEVEL

Json = dict[str, Any]


def execution_report_event(event: OrderReport) -> Json:
    """`executionReport`."""
    order, fill = event.order, event.fill
    report: Json = {
        "e": "executionReport",
        "E": event.time,
        "s": order.symbol,
        "c": order.cancel_id or order.client_id,
        "S": order.side,
        "o": order.type,
        "f": order.tif,
        "q": money_text(order.quantity),
        "p": money_text(order.sent_price),
        "P": money_text(order.stop_price),
        "F": "0.00000000",
        "g": order.list_id,
        "C": order.client_id if order.cancel_id else "",
        "x": event.execution,
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": money_text(fill.quantity) if fill else "0.00000000",
        "z": money_text(order.filled),
        "L": money_text(fill.price) if fill else "0.00000000",
        "n": plain(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": event.time,
        "t": fill.trade_id if fill and fill.allocation < 0 else -1,
        "I": event.number,
        "w": order.open and order.working,
        "m": fill.maker if fill else False,
        "M": fill is not None,
        "O": order.time,
        "Z": money_text(order.spent),
        "Y": money_text(fill.price * fill.quantity) if fill else "0.00000000",
        "Q": money_text(order.quote),
        "W": order.working_time,
        "V": order.prevention,
    }
    if order.trailing:
        report |= {"d": order.trailing, "D": order.trailing_time}
    if order.expiry:
        report["eR"] = order.expiry
    if order.routed:
        report |= {"W": order.working_time, "k": order.floor, "uS": True}
    if fill and fill.allocation >= 0:
        report |= {"b": "ONE_PARTY_TRADE_REPORT", "a": fill.allocation}
    if order.peg is not None:
        report["gP"] = order.peg.kind
        if order.peg.offset is not None:
            report |= {"gOT": PRICE_LEVEL, "gOV": order.peg.offset}
        if order.working:
            report["gp"] = money_text(order.price)
    if order.ended_by is not None:
        report |= _prevented(order, order.ended_by)
    return report


def _prevented(order: SpotOrder, match: PreventedMatch) -> Json:
    lost = money_text(match.lost(order.order_id))
    took = order.order_id == match.taker_id
    return {
        "v": match.match_id,
        "A": lost,
        "B": lost,
        "u": -1,
        "U": match.maker_id if took else match.taker_id,
        "Cs": match.symbol,
        "pl": money_text(match.quantity),
        "pL": money_text(match.price),
        "pY": money_text(match.quantity * match.price),
    }


def account_position_event(event: BalanceSnapshot) -> Json:
    """`outboundAccountPosition`."""
    return {
        "e": "outboundAccountPosition",
        "E": event.time,
        "u": event.time,
        "B": [
            {"a": asset, "f": money_text(free), "l": money_text(locked)}
            for asset, free, locked in event.balances
        ],
    }


def list_status_event(event: ListChanged) -> Json:
    """`listStatus`."""
    return {
        "e": "listStatus",
        "E": event.time,
        "s": event.symbol,
        "g": event.list_id,
        "c": event.contingency,
        "l": event.status,
        "L": event.order_status,
        "r": "NONE",
        "C": event.client_id,
        "T": event.time,
        "O": [{"s": event.symbol, "i": i, "c": name} for i, name in event.orders],
    }
