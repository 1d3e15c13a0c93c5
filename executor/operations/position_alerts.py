"""Alerts about opened and closed positions."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from executor.bus.events import AnyEvent, EventType
from executor.services import Services


class PositionAlerts:
    """Sends an alert for each opened or closed position."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def on_position(self, event: AnyEvent) -> None:
        """Send the alert."""
        title, fields = position_alert(event)
        self._services.alerts.send(title, **fields)


def position_alert(event: AnyEvent) -> tuple[str, dict[str, Any]]:
    """Title and fields, in their order, for an opened or closed position."""
    data: Mapping[str, Any] = event.data
    side = "long" if data["side"] > 0 else "short"
    fields = {
        "symbol": event.symbol,
        "side": side,
        "entry price": f"{data['entry_price']:.8g}",
        "quantity": data["quantity"],
    }
    if event.type is EventType.POSITION_OPENED:
        levels = (data["stop"], data["take_profit"])
        shown = " / ".join("none" if level is None else f"{level:.8g}" for level in levels)
        fields |= {"leverage": f"{data['leverage']}x", "stop / take-profit": shown}
        return f"🟢 position opened ({data['strategy']})", fields
    profit = Decimal(data["realized_pnl"]) - Decimal(data["fees"])
    exit_price = data["exit_price"] or 0.0
    move = data["side"] * (exit_price / data["entry_price"] - 1) if data["entry_price"] else 0.0
    del fields["quantity"]
    fields |= {
        "exit price": f"{exit_price:.8g}",
        "closed by": data["reason"],
        "move": f"{move:+.2%}",
        "profit after fees": f"{profit:+.2f} {data['quote_asset']}",
    }
    mark = "🔵" if profit >= 0 else "🔴"
    return f"{mark} position closed ({data['strategy']})", fields
