"""Alerts: the port, and its plainest implementation, the log.

`executor.notifications.discord` has another.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any, Protocol

from executor.bus.events import Event, EventType

log = logging.getLogger(__name__)


class Alerts(Protocol):
    """Where a person is told."""

    def send(self, title: str, **fields: object) -> None:
        """Queue a message; never blocks and never raises."""
        ...


class LogAlerts:
    """Write alerts to the log at warning level."""

    def send(self, title: str, **fields: object) -> None:
        """One log line an alert."""
        log.warning("alert: %s", title, extra={"alert": {k: str(v) for k, v in fields.items()}})


def position_alert(event: Event, leverage: int) -> tuple[str, dict[str, Any]]:
    """Title and fields, in their order, for an opened or closed position."""
    data = event.data
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
        fields |= {"leverage": f"{leverage}x", "stop / take-profit": shown}
        return f"🟢 position opened ({data['strategy']})", fields
    profit = Decimal(data["realized_pnl"]) - Decimal(data["fees"])
    exit_price = data["exit_price"] or 0.0
    move = data["side"] * (exit_price / data["entry_price"] - 1) if data["entry_price"] else 0.0
    del fields["quantity"]
    fields |= {
        "exit price": f"{exit_price:.8g}",
        "closed by": data["reason"],
        "move": f"{move:+.2%}",
        "profit after fees": f"{profit:+.2f} USDT",
    }
    mark = "🔵" if profit >= 0 else "🔴"
    return f"{mark} position closed ({data['strategy']})", fields
