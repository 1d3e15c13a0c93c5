"""What a foreign quantity does to its symbol."""

from __future__ import annotations

from executor.bus.events import EventType
from executor.model import InstrumentId
from executor.portfolio.portfolio import Portfolio
from executor.services import Services


def halt_symbol(
    services: Services, portfolio: Portfolio, symbol: InstrumentId, reason: str
) -> None:
    """Stop entries in a symbol until the next start."""
    slot = portfolio.slot(symbol)
    if slot.halted is not None or services.settings.foreign == "ignore":
        return
    slot.halted = reason
    services.emit(EventType.SYMBOL_HALTED, symbol=symbol, reason=reason)
    services.alerts.send("symbol halted", symbol=symbol, reason=reason)
