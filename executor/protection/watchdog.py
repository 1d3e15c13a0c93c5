"""The watchdog: a position without a confirmed stop is closed within its time."""

from __future__ import annotations

import asyncio
import time

from executor.execution.closer import Closer
from executor.portfolio.portfolio import Holding, Portfolio
from executor.protection.stop_manager import StopManager
from executor.risk.trading_state import TradingMode, TradingState
from executor.services import Services
from trading.order_ids import OrderLeg

CLOSE_AFTER = 0.8
"""Share of the time limit after which the close begins: it must trade within the limit."""
LOOKS = 10
"""Looks within the time limit."""


class Watchdog:
    """Independent of everything else, twice a second."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        trading_state: TradingState,
        closer: Closer,
        stop_manager: StopManager,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._trading_state = trading_state
        self._closer = closer
        self._stops = stop_manager

    def begin(self) -> None:
        """Start the clock of every position now.

        Before, the exchange may have been out of reach: a protected position must not be closed
        just because the listing is missing.
        """
        for holding in self._portfolio.holdings():
            holding.since = time.monotonic()

    async def run(self) -> None:
        """Check every position until cancelled."""
        limit_s = self._services.settings.protection.confirm_within_s
        interval_s = min(0.5, limit_s / LOOKS)
        while True:
            await asyncio.sleep(interval_s)
            for holding in list(self._portfolio.holdings()):
                if holding.filled:
                    self.check(holding)

    def check(self, holding: Holding) -> None:
        """Close a position that is out of time, or that `flatten` wants closed."""
        if self._trading_state.mode is TradingMode.FLATTEN:
            self._closer.close(holding, "flatten", None)
        elif not holding.protected:
            self._check_time(holding)

    def _check_time(self, holding: Holding) -> None:
        limit = self._services.settings.protection.confirm_within_s * CLOSE_AFTER
        if time.monotonic() - holding.since < limit:
            self._stops.request(holding.symbol, None)
            return
        self._services.alerts.send("no confirmed stop in time: closing", symbol=holding.symbol)
        self._closer.close(holding, "unprotected", holding.row.cause, OrderLeg.EMERGENCY)
