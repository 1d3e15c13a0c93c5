"""The trading day: its baseline, and the loss that ends it."""

from __future__ import annotations

from decimal import Decimal

from executor.bus.events import ClosedCandle, Event, EventType
from executor.portfolio.portfolio import Portfolio
from executor.risk.pre_trade import daily_loss
from executor.services import Services
from trading.candles import DAY_MS, HOUR_MS


class DailyLossLimit:
    """The daily loss limit, open profit included; deposits and withdrawals move its baseline.

    It is kept for each asset over the wallets of all venues: moving money between them is no loss.
    """

    def __init__(self, services: Services, portfolio: Portfolio) -> None:
        self._services = services
        self._portfolio = portfolio
        self._day = int(services.ledger.meta("day", "-1"))
        self._latched = int(services.ledger.meta("day_limit_reached", "-1"))

    @property
    def begun_ms(self) -> int:
        """Market time (ms) at which this trading day began."""
        return self._today() * DAY_MS + self._begins_ms

    @property
    def _begins_ms(self) -> int:
        return self._services.settings.risk.day_begins * HOUR_MS

    def _today(self) -> int:
        return (self._services.clock.now_ms() - self._begins_ms) // DAY_MS

    def reached(self, asset: str) -> bool:
        """Whether the limit was reached today; it holds until the next day, restarts included."""
        meta = self._services.ledger.meta(f"day_limit_reached:{asset}")
        return self._day == (int(meta) if meta else self._latched)

    def baseline(self, asset: str) -> Decimal:
        """Equity at the start of the market day; 0 while it is not known."""
        return Decimal(self._services.ledger.meta(f"day_baseline:{asset}", "0"))

    def on_candle_closed(self, event: Event[ClosedCandle]) -> None:
        """Begin the day, and compare its loss with the limit."""
        del event
        self.check_all()

    def check_all(self) -> None:
        """Begin the day if it is time, and compare the loss of every asset with the limit."""
        self.roll()
        for asset in self._assets():
            self.check(asset)

    def _assets(self) -> list[str]:
        return sorted({wallet.asset for wallet in self._portfolio.wallets})

    def roll(self) -> None:
        """Begin a new day when market time says so; the baselines survive a restart."""
        day = self._today()
        funded = [asset for asset in self._assets() if self._portfolio.equity(asset) > 0]
        if day != self._day and funded:
            self._day = day
            self._services.ledger.set_meta("day", str(day))
            for asset in funded:
                self._store(asset, self._portfolio.equity(asset))
        for asset in funded:
            if self.baseline(asset) == 0:
                # A wallet of the first instrument that is traded from it.
                self._store(asset, self._portfolio.equity(asset))

    def transferred(self, asset: str, amount: Decimal) -> None:
        """Money paid in or out is no profit or loss."""
        if self.baseline(asset) > 0:
            self._store(asset, self.baseline(asset) + amount)

    def _store(self, asset: str, baseline: Decimal) -> None:
        self._services.ledger.set_meta(f"day_baseline:{asset}", format(baseline, "f"))

    def check(self, asset: str) -> None:
        """Latch the limit for the rest of the day, and report once that it was reached."""
        loss = daily_loss(self._portfolio.equity(asset), self.baseline(asset))
        limit = self._services.settings.risk.daily_loss_limit
        if loss < limit or self.reached(asset):
            return
        self._services.ledger.set_meta(f"day_limit_reached:{asset}", str(self._day))
        self._services.emit(
            EventType.DAILY_LOSS_LIMIT_REACHED, loss=f"{loss:.4f}", limit=str(limit), asset=asset
        )
        self._services.alerts.send("daily loss limit reached", loss=f"{loss:.2%}", asset=asset)
