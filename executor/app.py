"""The executor as one run: start, work, clean stop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from executor.builder import Executor
from executor.bus.events import AnyEvent, EventType
from executor.market_data.lockstep import replay_end
from executor.model import InstrumentId
from executor.notifications.delivery import AlertDelivery
from executor.operations.commands import OperatorCommands
from executor.operations.control_socket import ControlServer
from executor.operations.daily_summary import DailySummary
from executor.operations.heartbeat import Heartbeat
from executor.operations.key_check import check_key
from executor.operations.live_notice import (
    announce_first_week,
    announce_overrides,
    announce_unproven,
)
from executor.operations.live_updates import LiveUpdates
from executor.operations.metrics import MetricsServer
from executor.operations.position_alerts import PositionAlerts
from executor.operations.scheduler import Job, Scheduler
from executor.operations.settings_reload import (
    SettingsWatch,
    reload_settings,
    with_change,
    without_change,
)
from executor.operations.status import Status
from executor.risk.trading_state import BY_OPERATOR
from executor.runtime.stop_signals import unless
from executor.runtime.systemd import notify
from executor.settings import Mode, load_settings, read_changed, read_overrides
from executor.venues.interface import Venue
from executor.venues.retry import CONNECT_WITHIN_S, until_answered
from lake.releases import Release
from trading.errors import ParameterError, SettingsError

log = logging.getLogger(__name__)

SUMMARY_LOOK_S = 20.0
SAY_WITHIN_S = 2.0
STOP_WITHIN_S = 10.0
"""Longer than an unprotected position may last: a stop does not leave one behind."""


class App:
    """Runs one `Executor` until a stop is requested."""

    def __init__(
        self,
        executor: Executor,
        settings_file: Path,
        delivery: AlertDelivery | None = None,
        heartbeat_url: SecretStr | None = None,
        on_ready: Callable[[], None] | None = None,
        stop: asyncio.Event | None = None,
    ) -> None:
        self._x = executor
        self._on_ready = on_ready
        self._delivery = delivery
        self._services = executor.services
        self._stop = stop if stop is not None else asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._status = Status(executor)
        self._scheduler = Scheduler(executor, self._status)
        self._watch = SettingsWatch(settings_file, self.reload)
        self._settings_file = settings_file
        settings = executor.services.settings
        self._heartbeat = Heartbeat(settings.paths.state, heartbeat_url)
        self._summary = DailySummary(executor)
        port = settings.metrics.port
        self._metrics = MetricsServer(executor, self._status, port) if port is not None else None
        commands = OperatorCommands(
            executor, self._status, self._stop.set, self.reload, self.change
        )
        live = LiveUpdates(executor, self._status)
        self._control = ControlServer(settings.paths.state, commands.by_name, live.follow)

    def request_stop(self) -> None:
        """Begin the clean stop."""
        self._stop.set()

    def change(self, name: str, text: str | None) -> dict[str, Any]:
        """Change one hot setting, restarts included; without a text, undo its change."""
        settings, file = self._services.settings, self._settings_file
        try:
            if text is None:
                changed = without_change(settings, name)
            else:
                changed = with_change(settings, file, name, text)
        except SettingsError as error:
            return {"error": str(error)}
        return self.reload(BY_OPERATOR, changed)

    def reload(self, by: str, changed: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Take the hot settings over from the file, with what was changed by command.

        Parameters that those of the release do not allow are refused as the file is.
        """
        if reason := self._not_allowed(changed):
            self._services.emit(EventType.CONFIG_REFUSED, reason=reason, by=by)
            self._services.alerts.send("settings not reloaded", reason=reason)
            return {"error": reason}
        answer = reload_settings(self._services, self._settings_file, by, changed)
        if any(name.startswith("strategies.set") for name in answer.get("changed", ())):
            # New runners warm up beside the old ones and are swapped in between two events.
            self._services.spawn("strategies", self._x.rollout.renew())
        return answer

    def _not_allowed(self, changed: Mapping[str, str] | None) -> str:
        try:
            new = load_settings(self._settings_file, changed=changed)
            self._x.rollout.check(new.strategies.set)
        except ParameterError as error:
            return f"settings [strategies]: {error}"
        except SettingsError:
            pass  # the reload has reported it
        return ""

    async def run(self, *, until_finished: bool) -> None:
        """Start, work, stop; its work has ended however it returns."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            starting = await unless(self._stop, self._start())
            if starting is None:
                return
            starting.result()
            if until_finished:
                self._loop("finished", self._watch_finished())
            done, _ = await asyncio.wait(
                [stopping, *self._tasks], return_when=asyncio.FIRST_COMPLETED
            )
            for task in done - {stopping}:
                # A loop that ended by itself is a bug; protection needs all of them.
                task.result()
        finally:
            stopping.cancel()
            await self._shut_down()

    def _loop(self, name: str, work: Awaitable[None]) -> None:
        async def runner() -> None:
            await work

        self._tasks.append(asyncio.create_task(runner(), name=name))

    async def _start(self) -> None:
        x, services = self._x, self._services
        started = time.monotonic()
        services.emit(
            EventType.SYSTEM_STARTED,
            mode=services.settings.mode.value,
            version=version("nocturne"),
        )
        announce_unproven(services)
        announce_first_week(services, x.trading_state)
        announce_overrides(
            services,
            {
                **read_changed(services.settings.paths.state),
                **read_overrides(self._settings_file),
            },
        )
        # `nocturne why` starts from the ledger alone: it must find the releases and check the ids.
        services.ledger.set_meta("version", version("nocturne"))
        services.ledger.set_meta("account", services.settings.account)
        services.ledger.set_meta("published", str(services.settings.paths.published.resolve()))
        await self._control.start()
        release = x.releases.poll()
        for row in services.ledger.open_positions():
            # Raises where the settings lack the venue of an open position.
            services.venues.of(row.symbol)
        self._subscribe()
        # What is open is guarded first: history and the other instruments take their time.
        await self._start_accounts()
        log.info("guarded in %.2f s", time.monotonic() - started)
        await x.rollout.connect(x.rollout.symbols(release))
        symbols = await self._start_market(release)
        self._loop("settings", self._watch.run())
        self._loop("event loop lag", self._status.loop_lag.run())
        for name, every_s, job in (*self._scheduler.late_jobs(), *self._daily_jobs()):
            self._loop(name, self._scheduler.forever(name, every_s, job))
        if x.lockstep is not None:
            self._loop("lockstep", x.lockstep.run())
        if self._metrics is not None:
            log.info("metrics at %s", await self._metrics.start())
        if self._on_ready is not None:
            self._on_ready()
        self._status.state = "running"
        await self._scheduler.once("status", self._scheduler.write_status)
        notify("READY=1")
        self._announce("executor started")
        log.info("ready in %.2f s", time.monotonic() - started, extra={"symbols": symbols})

    def _daily_jobs(self) -> list[tuple[str, float, Job]]:
        """Beat and send the daily summary until cancelled; a replay does neither."""
        services = self._services
        jobs: list[tuple[str, float, Job]] = [
            ("heartbeat", services.settings.alerts.heartbeat_s, self._beat)
        ]
        if services.settings.mode is not Mode.REPLAY:
            jobs.append(("daily summary", SUMMARY_LOOK_S, self._summary.look))
        return jobs

    async def _beat(self) -> None:
        if self._scheduler.reconciles:
            await self._heartbeat.beat()

    def _announce(self, title: str) -> None:
        """Announce that a run begins or ends; a replay announces neither."""
        services, release = self._services, self._x.releases.current
        if services.settings.mode is Mode.REPLAY:
            return
        held = sorted(holding.symbol for holding in self._x.portfolio.holdings())
        services.alerts.send(
            title,
            mode=services.settings.mode.value,
            release=release.release_id if release is not None else "none",
            **{"open positions": ", ".join(held) or "none"},
        )

    def _subscribe(self) -> None:
        self._x.subscribe_market()
        self._x.subscribe_signals()
        alerts = PositionAlerts(self._services)
        for kind in (EventType.POSITION_OPENED, EventType.POSITION_CLOSED):
            # Of the transaction of its trade: a crash loses neither or both.
            self._services.at_once(kind, alerts.on_position)

    async def _start_accounts(self) -> None:
        """Follow the user streams and reconcile, before anything is traded."""
        x, services = self._x, self._services
        if self._delivery is not None:
            self._loop("alerts", self._delivery.run())
        self._loop("bus", services.bus.run())
        self._loop("execution reports", x.execution_reports.run())
        for name, connection in x.connections.items():
            self._loop(f"user stream of {name}", connection.user.run(x.on_user_event))
            self._loop(f"market stream of {name}", connection.market.run(x.feed.push))
        open_rows = services.ledger.open_positions()
        await x.rollout.connect(sorted({row.symbol for row in open_rows}))
        x.position_updates.load()
        await asyncio.gather(*map(self._check_account, services.venues))
        services.bus.subscribe(EventType.WS_CONNECTED, "reconciliation", self._on_connected)
        await until_answered(x.order_recovery.settle)
        while not await x.reconciler.run_once():
            await asyncio.sleep(1.0)
        for holding in x.portfolio.holdings():
            x.closer.trim(holding, None)
        x.watchdog.begin()
        self._loop("watchdog", x.watchdog.run())
        held = x.rollout.listed(x.rollout.held())
        x.feed.start_at(held, services.clock.now_ms())
        await x.market.set_symbols(frozenset(held))
        await x.market.watch_prices(x.portfolio.filled_symbols())
        for name, every_s, job in self._scheduler.jobs():
            self._loop(name, self._scheduler.forever(name, every_s, job))

    async def _check_account(self, venue: Venue) -> None:
        await self._x.user_connections.wait_connected(venue.name)
        await check_key(self._services, venue, self._x.trading_state)

    async def _start_market(self, release: Release | None) -> list[InstrumentId]:
        """Follow the market and take the release; returns the symbols."""
        x = self._x
        # Positions that the reconciliation adopted are followed too.
        symbols = x.rollout.listed(x.rollout.symbols(release))
        x.feed.start_at(symbols, self._services.clock.now_ms())
        await x.market.set_symbols(frozenset(symbols))
        await x.shock.start(symbols)
        await x.rollout.start(release)
        return symbols

    def _on_connected(self, event: AnyEvent) -> None:
        """Compare with the exchange after each connection of a stream."""
        del event
        self._x.reconciler.request()

    async def _watch_finished(self) -> None:
        """End the run once the sandbox has replayed everything and nothing is in progress."""
        steps = await replay_end(self._services.settings.replay_url)
        async with asyncio.timeout(CONNECT_WITHIN_S):
            await self._services.activity.wait_idle()
        log.info("the replay is finished", extra={"steps": steps})
        self._stop.set()
        await asyncio.Event().wait()

    async def _shut_down(self) -> None:
        x, services = self._x, self._services
        notify("STOPPING=1")
        x.trading_state.block("stopping", "the executor is stopping")
        try:
            await self._finish_work()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await services.stop_tasks()
            await self._control.stop()
            if self._metrics is not None:
                await self._metrics.stop()
        x.candle_recorder.write()
        x.equity.write()
        services.emit(EventType.SYSTEM_STOPPED)
        self._status.state = "stopped"
        await self._scheduler.once("status", self._scheduler.write_status)

    async def _finish_work(self) -> None:
        """Wait for orders and alerts in progress."""
        services = self._services
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await services.activity.wait_idle()
        except TimeoutError:
            log.warning("stopped with work in progress: %s", ", ".join(services.activity.names))
        if self._status.state == "running":
            self._announce("executor stopped")
        if self._delivery is not None:
            services.ledger.flush()
            await self._delivery.drain(SAY_WITHIN_S)
