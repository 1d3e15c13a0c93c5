"""The equity curves: one point for each wallet an hour of market time."""

from __future__ import annotations

from executor.bus.events import ClosedCandle, Event
from executor.portfolio.portfolio import Portfolio
from executor.services import Services
from trading.candles import HOUR_MS


class EquityPoints:
    """Writes equity points to the ledger."""

    def __init__(self, services: Services, portfolio: Portfolio) -> None:
        self._services = services
        self._portfolio = portfolio
        self._hour = -1

    def on_candle_closed(self, event: Event[ClosedCandle]) -> None:
        """Write a point when a new hour begins."""
        hour = event.time // HOUR_MS
        if hour != self._hour:
            self._hour = hour
            self.write()

    def write(self) -> None:
        """Write a point now."""
        portfolio, now = self._portfolio, self._services.clock.now_ms()
        for wallet in portfolio.wallets:
            held = [h for h in portfolio.holdings() if portfolio.wallet_of(h.symbol) == wallet]
            self._services.ledger.add_equity(
                now,
                wallet,
                portfolio.balance(wallet).wallet,
                portfolio.equity_of(wallet),
                len(held),
            )
