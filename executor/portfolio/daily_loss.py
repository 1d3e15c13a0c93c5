"""The trading day: its baseline, and the loss that ends it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from executor.bus.events import ClosedCandle, Event, EventType
from executor.model import Wallet
from executor.portfolio.portfolio import Portfolio
from executor.portfolio.transfers import Transfers
from executor.risk.pre_trade import daily_loss
from executor.services import Services
from executor.settings import Mode
from trading.candles import DAY_MS, HOUR_MS


class DailyLossLimit:
    """The daily loss limit, open profit included; deposits and withdrawals move its baseline.

    It is kept for each asset over the wallets of all venues: moving money between them is no loss.
    """

    def __init__(self, services: Services, portfolio: Portfolio, transfers: Transfers) -> None:
        self._services = services
        self._portfolio = portfolio
        self._transfers = transfers
        self._confirming: set[str] = set()
        self._listing = False
        transfers.subscribe(self.transferred)
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
        return self._today() == (int(meta) if meta else self._latched)

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
        """Begin a new day when market time says so; the baselines survive a restart.

        Until it is known which credits the balances have, the day before goes on.
        """
        day, assets = self._today(), self._assets()
        if day == self._day and all(map(self._begun, assets)):
            return
        funded = [asset for asset in assets if self._portfolio.equity(asset) > 0]
        if funded and not self._settled():
            return
        if day != self._day and funded:
            self._day = day
            self._services.ledger.set_meta("day", str(day))
            for asset in funded:
                self._store(asset, self._portfolio.equity(asset))
        for asset in funded:
            if self.baseline(asset) == 0:
                # A wallet of the first instrument that is traded from it.
                self._store(asset, self._portfolio.equity(asset))
            elif not self._begun(asset):
                self._store(asset, self.baseline(asset) + self._joined(asset))

    def _settled(self) -> bool:
        """Whether the balances can be a baseline; requests the lists that this takes."""
        if self._services.settings.mode is Mode.REPLAY or self._transfers.settled():
            return True
        if self._transfers.unlisted() and not self._listing:
            self._listing = True
            self._services.spawn("baseline", self._list())
        return False

    async def _list(self) -> None:
        try:
            await asyncio.gather(*map(self._transfers.ask, self._transfers.unlisted()))
            if self._transfers.settled():
                self.roll()
        finally:
            self._listing = False

    def _begun(self, asset: str) -> bool:
        """Whether the day of an asset has a baseline that all its wallets are in."""
        return self.baseline(asset) != 0 and not self._unknown(asset)

    def _unknown(self, asset: str) -> list[Wallet]:
        """Wallets of an asset of which no balance is in its baseline."""
        wallets = (wallet for wallet in self._portfolio.wallets if wallet.asset == asset)
        return [wallet for wallet in wallets if not self._services.ledger.meta(_time_name(wallet))]

    def _joined(self, asset: str) -> Decimal:
        """What the wallets that came after the baseline bring: that is no profit."""
        unknown = self._unknown(asset)
        if len(unknown) == sum(wallet.asset == asset for wallet in self._portfolio.wallets):
            # A ledger of a version that stored no times; transfers count from now on.
            return Decimal(0)
        return sum(map(self._portfolio.equity_of, unknown), Decimal(0))

    def transferred(self, wallet: Wallet, amount: Decimal, at_ms: int) -> None:
        """Money paid in or out is no profit or loss; what the baseline has in it is left alone."""
        counted = int(self._services.ledger.meta(_time_name(wallet), "-1"))
        if counted >= 0 and at_ms > counted and self.baseline(wallet.asset) > 0:
            self._write(wallet.asset, self.baseline(wallet.asset) + amount)

    def _store(self, asset: str, baseline: Decimal) -> None:
        """Begin from a baseline, with the time of each balance that it was made of."""
        ledger = self._services.ledger
        with ledger.atomic():
            self._write(asset, baseline)
            for wallet in self._portfolio.wallets:
                if wallet.asset == asset:
                    at_ms = self._portfolio.balances_at.get(wallet, self._services.clock.now_ms())
                    ledger.set_meta(_time_name(wallet), str(at_ms))

    def _write(self, asset: str, baseline: Decimal) -> None:
        self._services.ledger.set_meta(f"day_baseline:{asset}", format(baseline, "f"))

    def check(self, asset: str) -> None:
        """Latch the limit for the rest of the day, and report once that it was reached.

        What looks like a loss may be money that was paid out while nobody listened: the exchange is
        asked first. Entries are refused meanwhile. (A replay has no such money.)
        """
        if self._loss(asset) < self._limit or self.reached(asset) or asset in self._confirming:
            return
        if self._services.settings.mode is Mode.REPLAY:
            self._latch(asset)
            return
        self._confirming.add(asset)
        self._services.spawn(f"daily loss of {asset}", self._confirm(asset))

    async def _confirm(self, asset: str) -> None:
        try:
            await self._transfers.ask_all()
            if self._loss(asset) >= self._limit and not self.reached(asset):
                self._latch(asset)
        finally:
            self._confirming.discard(asset)

    @property
    def _limit(self) -> Decimal:
        return self._services.risk.daily_loss_limit

    def _loss(self, asset: str) -> Decimal:
        return daily_loss(self._portfolio.equity(asset), self.baseline(asset))

    def _latch(self, asset: str) -> None:
        loss, limit = self._loss(asset), self._limit
        # Not the day that began last: a wallet that lost everything begins no new one.
        self._services.ledger.set_meta(f"day_limit_reached:{asset}", str(self._today()))
        self._services.emit(
            EventType.DAILY_LOSS_LIMIT_REACHED, loss=f"{loss:.4f}", limit=str(limit), asset=asset
        )
        self._services.alerts.send("daily loss limit reached", loss=f"{loss:.2%}", asset=asset)


def _time_name(wallet: Wallet) -> str:
    """Name of the time up to which a wallet's transfers are in its asset's baseline."""
    return f"day_baseline_at:{wallet.venue}:{wallet.asset}"
