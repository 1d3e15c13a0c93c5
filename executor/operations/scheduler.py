"""The work that is done again and again; each job has its own clock and its own wall.

A slow exchange that holds up one job (history for a new release, say) must not hold up the others,
and a job that fails must not end the process that guards positions.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from executor.builder import Executor
from executor.bus.events import EventType
from executor.risk.pre_trade import daily_loss
from executor.runtime.systemd import notify
from executor.settings import Mode
from executor.venues.faults import VenueFaultError
from lake.releases import Release
from trading.errors import NocturneError

log = logging.getLogger(__name__)

FLUSH_S = 0.5
PRICE_BY_REST_S = 3.0
RECOVER_S = 5.0
RECONCILE_HANGS_S = 300.0
TOLD_EVERY_S = 60.0

Job = Callable[[], Awaitable[None]]


class Scheduler:
    """Flush, reconcile, release, status, prices and the way back to a disk that was full."""

    def __init__(self, parts: Executor, use: Callable[[Release], Awaitable[None]]) -> None:
        self._x = parts
        self._ctx = parts.ctx
        self._use = use
        self._told: dict[str, float] = {}
        self._was_durable = True
        self._reconciled = time.monotonic()

    def jobs(self) -> list[tuple[str, float, Job]]:
        """Name, period in seconds, work."""
        timing = self._ctx.settings.timing
        return [
            ("flush", FLUSH_S, self.flush),
            ("recover", RECOVER_S, self.recover),
            ("reconciliation", timing.reconcile_s, self.reconcile),
            ("release poll", timing.release_poll_s, self.poll_release),
            ("status", timing.status_s, self.write_status),
            ("prices", PRICE_BY_REST_S, self.prices_by_rest),
        ]

    async def forever(self, name: str, every_s: float, job: Job) -> None:
        """Do a job until cancelled, whatever it raises."""
        while True:
            await asyncio.sleep(every_s)
            await self.once(name, job)

    async def once(self, name: str, job: Job) -> None:
        """Do a job; a failure is told, at most once a minute."""
        try:
            await job()
        except Exception as error:
            # The wall around periodic work: guarding goes on without it.
            if time.monotonic() - self._told.get(name, -TOLD_EVERY_S) < TOLD_EVERY_S:
                return
            self._told[name] = time.monotonic()
            log.exception("%s failed", name)
            text = f"{type(error).__name__}: {error}"
            self._ctx.emit(EventType.SYSTEM_ERROR, task=name, error=text)
            self._ctx.alerts.send("periodic work failed", task=name, error=text)

    async def flush(self) -> None:
        """Commit what waits, and tell when the disk is lost or found again."""
        ledger = self._ctx.ledger
        ledger.flush()
        if ledger.durable != self._was_durable:
            self._was_durable = ledger.durable
            title = "ledger written again" if ledger.durable else "ledger not writable: no entries"
            self._ctx.alerts.send(title, problem=ledger.problem)
            self._ctx.emit(EventType.SYSTEM_ERROR, task="ledger", error=ledger.problem or title)

    async def recover(self) -> None:
        """Try the disk again."""
        if not self._ctx.ledger.durable:
            self._ctx.ledger.recover()

    async def reconcile(self) -> None:
        """Compare with the exchange; the daily loss counts open profit, so it is looked at too."""
        await self._x.reconciler.run_once()
        self._reconciled = time.monotonic()
        if self._ctx.settings.mode is not Mode.REPLAY:
            # A replay looks at each candle instead: its result must not hang on wall time.
            self.check_day()

    def check_day(self) -> None:
        """Compare the loss of the day with its limit."""
        self._x.day.check(daily_loss(self._ctx.portfolio.equity, self._x.day.baseline))

    async def poll_release(self) -> None:
        """Take a new release; the old one stays until the new one is warm."""
        release = self._x.releases.poll()
        if release is None:
            return
        try:
            await self._use(release)
        except (VenueFaultError, NocturneError) as fault:
            # The old set goes on; the next poll tries again.
            self._x.releases.forget()
            log.warning("release %s not taken yet: %s", release.release_id, fault)
        except BaseException:
            self._x.releases.forget()
            raise

    async def write_status(self) -> None:
        """Tell the outside; systemd only while the reconciliation comes round as well."""
        if time.monotonic() - self._reconciled < RECONCILE_HANGS_S:
            notify("WATCHDOG=1")
        self._x.status.write()

    async def prices_by_rest(self) -> None:
        """Prices of what is open are asked for where the stream does not bring them."""
        for holding in list(self._ctx.portfolio.holdings()):
            if self._x.feed.speaks(holding.symbol):
                continue
            try:
                price = await self._ctx.venue.last_price(holding.symbol)
            except VenueFaultError as fault:
                log.warning("price of %s: %s", holding.symbol, fault)
                return
            self._x.feed.price_by_rest(holding.symbol, price)
