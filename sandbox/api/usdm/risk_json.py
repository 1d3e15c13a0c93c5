"""JSON of USDⓈ-M margin calls and liquidations."""

from __future__ import annotations

from sandbox.api.market_json import Json
from sandbox.api.usdm.order_json import price_text
from sandbox.engines.common.money import money_text, plain
from sandbox.engines.usdm.events import MarginCalled, OrderChanged


def margin_call_event(event: MarginCalled) -> Json:
    """`MARGIN_CALL`."""
    positions = [
        {
            "s": position.symbol,
            "ps": position.side,
            "pa": plain(position.amount),
            "mt": "ISOLATED" if position.isolated else "CROSSED",
            "iw": money_text(position.isolated_wallet),
            "mp": money_text(mark),
            "up": money_text(position.unrealised(mark)),
            "mm": money_text(needed),
        }
        for position, mark, needed in zip(event.positions, event.marks, event.needed, strict=True)
    ]
    event_json: Json = {"e": "MARGIN_CALL", "E": event.time}
    if event.cross_wallet is not None:
        event_json["cw"] = money_text(event.cross_wallet)
    return event_json | {"p": positions}


def is_liquidation(event: OrderChanged) -> bool:
    """Whether the exchange has closed a position with this trade."""
    return event.execution == "CALCULATED" and event.order.client_id.startswith("autoclose-")


def liquidation_event(event: OrderChanged) -> Json:
    """Return the `forceOrder` stream's event."""
    order = event.order
    quantity = plain(order.quantity)
    body = {
        "s": order.symbol,
        "S": order.side,
        "o": order.type,
        "f": order.tif,
        "q": quantity,
        "p": plain(order.price),
        "ap": price_text(order.average),
        "X": order.status,
        "l": quantity,
        "z": plain(order.filled),
        "T": event.time,
    }
    return {"e": "forceOrder", "E": event.time, "o": body}
