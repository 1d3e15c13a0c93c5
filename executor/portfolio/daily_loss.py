"""The trading day: its baseline, and the loss that ends it."""

from __future__ import annotations

from decimal import Decimal

from executor.bus.events import ClosedCandle, Event, EventType
from executor.portfolio.portfolio import Portfolio
from executor.risk.pre_trade import daily_loss
from executor.services import Services
from trading.candles import DAY_MS


class DailyLossLimit:
    """The daily loss limit, open profit included; deposits and withdrawals move its baseline."""

    def __init__(self, services: Services, portfolio: Portfolio) -> None:
        self._services = services
        self._portfolio = portfolio
        ledger = services.ledger
        self._day = int(ledger.meta("day", "-1"))
        self._baseline = Decimal(ledger.meta("day_baseline", "0"))
        self._reached = int(ledger.meta("day_limit_reached", "-1"))

    @property
    def reached(self) -> bool:
        """Whether the limit was reached today; it holds until the next day, restarts included."""
        return self._reached == self._day

    @property
    def baseline(self) -> Decimal:
        """Equity at the start of the market day."""
        return self._baseline

    def on_candle_closed(self, event: Event[ClosedCandle]) -> None:
        """Begin the day, and compare its loss with the limit."""
        del event
        self.roll()
        self.check(self._portfolio.equity)

    def roll(self) -> None:
        """Begin a new day when market time says so; the baseline survives a restart."""
        day = self._services.clock.now_ms() // DAY_MS
        if day != self._day and self._portfolio.balance.wallet > 0:
            self._day = day
            self._store(self._portfolio.equity)

    def transferred(self, amount: Decimal) -> None:
        """Money paid in or out is no profit or loss."""
        self._store(self._baseline + amount)

    def _store(self, baseline: Decimal) -> None:
        self._baseline = baseline
        self._services.ledger.set_meta("day", str(self._day))
        self._services.ledger.set_meta("day_baseline", format(baseline, "f"))

    def check(self, equity: Decimal) -> None:
        """Latch the limit for the rest of the day, and report once that it was reached."""
        loss = daily_loss(equity, self._baseline)
        limit = self._services.settings.risk.daily_loss_limit
        if loss < limit or self.reached:
            return
        self._reached = self._day
        self._services.ledger.set_meta("day_limit_reached", str(self._day))
        self._services.emit(
            EventType.DAILY_LOSS_LIMIT_REACHED, loss=f"{loss:.4f}", limit=str(limit)
        )
        self._services.alerts.send("daily loss limit reached", loss=f"{loss:.2%}")
