"""Scheduled work: each job has its own clock and its own error handling.

An exchange that is slow for one job (history for a new release, say) must not delay the others, and
a job that fails must not end the process that protects positions.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from executor.builder import Executor
from executor.bus.events import EventType
from executor.operations.status import Status
from executor.runtime.systemd import notify
from executor.settings import Mode
from executor.venues.faults import VenueFaultError

log = logging.getLogger(__name__)

FLUSH_S = 0.5
PRICE_BY_REST_S = 3.0
RECOVER_S = 5.0
FEES_S = 30.0
CHECKPOINT_S = 10.0
FORGET_S = 3_600.0
FIRST_WEEK_LOOK_S = 10.0
RECONCILE_HANGS_S = 300.0
REPORT_EVERY_S = 60.0

Job = Callable[[], Awaitable[None]]


class Scheduler:
    """Flushes, reconciles, polls releases, writes the status, asks for prices, retries the disk."""

    def __init__(self, executor: Executor, status: Status) -> None:
        self._x = executor
        self._services = executor.services
        self._status = status
        self._reported: dict[str, float] = {}
        self._was_durable = True
        self._reconciled = time.monotonic()
        self._was_capped = False

    def jobs(self) -> list[tuple[str, float, Job]]:
        """Name, period in seconds and work, from the moment that what is open is guarded."""
        timing = self._services.settings.timing
        return [
            ("flush", FLUSH_S, self.flush),
            ("recover", RECOVER_S, self.recover),
            ("reconciliation", timing.reconcile_s, self.reconcile),
            ("status", timing.status_s, self.write_status),
            ("prices", PRICE_BY_REST_S, self.prices_by_rest),
            ("fees", FEES_S, self._x.fees.price_late),
            ("old candles", FORGET_S, self.forget_candles),
            ("first week", FIRST_WEEK_LOOK_S, self.look_at_first_week),
            ("checkpoint", CHECKPOINT_S, self._services.ledger.checkpoint),
        ]

    def late_jobs(self) -> list[tuple[str, float, Job]]:
        """Jobs that wait until the first release was taken."""
        every_s = self._services.settings.timing.release_poll_s
        return [
            ("release poll", every_s, self._x.rollout.poll),
            ("forecast poll", every_s, self._x.forecasts.poll),
        ]

    async def forever(self, name: str, every_s: float, job: Job) -> None:
        """Do a job until cancelled, whatever it raises."""
        while True:
            await asyncio.sleep(every_s)
            await self.once(name, job)

    async def once(self, name: str, job: Job) -> None:
        """Do a job; a failure is reported, at most once a minute."""
        try:
            await job()
        except Exception as error:
            # Protection goes on without it.
            if time.monotonic() - self._reported.get(name, -REPORT_EVERY_S) < REPORT_EVERY_S:
                return
            self._reported[name] = time.monotonic()
            log.exception("%s failed", name)
            text = f"{type(error).__name__}: {error}"
            self._services.emit(EventType.SYSTEM_ERROR, task=name, error=text)
            self._services.alerts.send("periodic work failed", task=name, error=text)

    async def flush(self) -> None:
        """Commit what waits, and report when the disk fails or works again."""
        ledger = self._services.ledger
        self._x.candle_recorder.write()
        ledger.flush()
        self._check_lease()
        if ledger.durable != self._was_durable:
            self._was_durable = ledger.durable
            title = "ledger written again" if ledger.durable else "ledger not writable: no entries"
            self._services.alerts.send(title, problem=ledger.problem)
            self._services.emit(
                EventType.SYSTEM_ERROR, task="ledger", error=ledger.problem or title
            )

    def _check_lease(self) -> None:
        """Without the lease another executor may trade the account: no entries until a restart."""
        lost = self._services.ledger.lease_lost()
        if not lost or "lease" in self._x.trading_state.blocks:
            return
        self._x.trading_state.block("lease", lost)
        log.critical("%s: entries are off until a restart", lost)
        self._services.alerts.send("lease lost: no entries", why=lost)
        self._services.emit(EventType.SYSTEM_ERROR, task="lease", error=lost)

    async def forget_candles(self) -> None:
        """Remove the received candles that no comparison asks for any more."""
        self._x.candle_recorder.forget(self._services.clock.now_ms())

    async def look_at_first_week(self) -> None:
        """Say when the capped days after `nocturne golive` have ended; they end by themselves."""
        services = self._services
        week = services.first_week
        capped = week.share_at(services.clock.now_ms()) < 1
        if self._was_capped and not capped:
            log.warning("the first week is over: full limits")
            services.alerts.send("first week over: full limits")
            # Old and new value by name, as of any setting: the parity of live days reads them.
            changes = {"first_week": (str(week.share), "1")}
            services.emit(EventType.CONFIG_CHANGED, changes=changes, by="time")
        self._was_capped = capped

    async def recover(self) -> None:
        """Try the disk again."""
        if not self._services.ledger.durable:
            self._services.ledger.recover()

    async def reconcile(self) -> None:
        """Compare with the exchange, and the daily loss with its limit: it counts open profit."""
        await self._x.reconciler.run_once()
        self._reconciled = time.monotonic()
        if self._services.settings.mode is not Mode.REPLAY:
            # A replay does it at each candle alone: its result must not depend on wall time.
            self._x.daily_loss.check_all()
            self._x.close_at_daily_limit()

    @property
    def reconciles(self) -> bool:
        """Whether reconciliation runs: without it the executor only looks alive."""
        return time.monotonic() - self._reconciled < RECONCILE_HANGS_S

    async def write_status(self) -> None:
        """Write the status file; notify systemd only while reconciliation runs as well."""
        if self.reconciles:
            notify("WATCHDOG=1")
        self._status.write()

    async def prices_by_rest(self) -> None:
        """Ask for the prices of open positions that the stream does not bring."""
        for holding in list(self._x.portfolio.holdings()):
            if self._x.feed.speaks(holding.symbol):
                continue
            try:
                price = await self._services.venue_of(holding.symbol).last_price(holding.symbol)
            except VenueFaultError as fault:
                log.warning("price of %s: %s", holding.symbol, fault)
                return
            self._x.feed.on_price(holding.symbol, price, "rest")
