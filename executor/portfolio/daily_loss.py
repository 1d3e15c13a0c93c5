"""The trading day: its baseline, and the loss that ends it."""

from __future__ import annotations

from decimal import Decimal

from executor.bus.events import EventType
from executor.context import Context
from trading.candles import DAY_MS


class DailyLossLimit:
    """The daily loss limit, open profit included; deposits and withdrawals move its baseline."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._day = int(ctx.ledger.meta("day", "-1"))
        self._baseline = Decimal(ctx.ledger.meta("day_baseline", "0"))
        self._reached = int(ctx.ledger.meta("day_limit_reached", "-1"))

    @property
    def limit_reached(self) -> bool:
        """Whether the limit was reached today; it holds until the next day, restarts included."""
        return self._reached == self._day

    @property
    def baseline(self) -> Decimal:
        """Equity at the start of the market day."""
        return self._baseline

    def roll(self) -> None:
        """Begin a new day when market time says so; the baseline survives a restart."""
        day = self._ctx.clock.now_ms() // DAY_MS
        if day != self._day and self._ctx.portfolio.balance.wallet > 0:
            self._day = day
            self._keep(self._ctx.portfolio.equity)

    def transferred(self, amount: Decimal) -> None:
        """Money paid in or out is no profit or loss."""
        self._keep(self._baseline + amount)

    def _keep(self, baseline: Decimal) -> None:
        self._baseline = baseline
        self._ctx.ledger.set_meta("day", str(self._day))
        self._ctx.ledger.set_meta("day_baseline", format(baseline, "f"))

    def check(self, loss: Decimal) -> None:
        """Latch the limit for the rest of the day, and tell once that it was reached."""
        limit = self._ctx.settings.risk.daily_loss_limit
        if loss >= limit and not self.limit_reached:
            self._reached = self._day
            self._ctx.ledger.set_meta("day_limit_reached", str(self._day))
            self._ctx.emit(EventType.DAILY_LOSS_LIMIT_REACHED, loss=f"{loss:.4f}", limit=str(limit))
            self._ctx.alerts.send("daily loss limit reached", loss=f"{loss:.2%}")
