"""The executor, put together: start, the periodic work, and the clean stop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from executor.builder import Executor
from executor.bus.events import Event, EventType
from executor.market_data.lockstep import sandbox_status
from executor.model import StreamState, UserEvent
from executor.notifications.alerts import position_alert
from executor.notifications.discord import DiscordAlerts
from executor.operations.commands import OperatorCommands
from executor.operations.control_socket import ControlServer
from executor.operations.metrics import MetricsServer
from executor.operations.scheduler import Scheduler
from executor.operations.settings_reload import reload_settings
from executor.portfolio.allocation import Allocator
from executor.runtime.systemd import notify
from executor.settings import Mode
from executor.strategy.runner import RunnerPlan, WarmUp, plans_for
from executor.venues.api_key import key_problem, key_warnings
from executor.venues.faults import RateLimited, Rejected, VenueFaultError
from lake.releases import Release, read_universe
from trading.candles import HOUR_MS
from trading.errors import NocturneError, SettingsError, VenueError

log = logging.getLogger(__name__)

FINISHED_POLL_S = 0.25
STOP_WITHIN_S = 10.0
"""Longer than an unprotected position may last: a stop does not leave one behind."""
CONNECT_WITHIN_S = 60.0
RENEW_EVERY_S = 30.0
"""Least time between two connections of a user stream that is up but mute."""


class App:
    """Runs one `Executor` until it is told to stop."""

    def __init__(self, parts: Executor, settings_file: Path) -> None:
        self._x = parts
        self._ctx = parts.ctx
        self._stop = asyncio.Event()
        self._user_up = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._equity_hour = -1
        self._user_renewed = -RENEW_EVERY_S
        parts.ctx.user_stream_failed = self._renew_user_stream
        self._periodic = Scheduler(parts, self._use)
        self._settings_file = settings_file
        port = parts.ctx.settings.metrics.port
        self._metrics = MetricsServer(parts, port) if port is not None else None
        operator = OperatorCommands(parts, self._stop.set, self.reload)
        self._control = ControlServer(parts.ctx.settings.paths.state, operator.commands)

    def request_stop(self) -> None:
        """Begin the clean stop."""
        self._stop.set()

    def reload(self, by: str) -> dict[str, Any]:
        """Take the hot settings over from the file."""
        return reload_settings(self._ctx, self._settings_file, by)

    async def run(self, *, until_finished: bool) -> None:
        """Start, work, stop; the ledger and the connections are closed however it ends."""
        try:
            stopping = asyncio.create_task(self._stop.wait())
            if not await self._started(stopping):
                return
            if until_finished:
                self._loop("finished", self._watch_finished())
            done, _ = await asyncio.wait(
                [stopping, *self._tasks], return_when=asyncio.FIRST_COMPLETED
            )
            stopping.cancel()
            for task in done - {stopping}:
                # A loop that ended by itself is a bug; guarding positions needs all of them.
                task.result()
        finally:
            await self._shut_down()

    async def _started(self, stopping: asyncio.Task[bool]) -> bool:
        """Start; False when a stop was asked for before that was done."""
        starting = asyncio.create_task(self._start())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            return True
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return False

    def _loop(self, name: str, work: Awaitable[None]) -> None:
        async def runner() -> None:
            await work

        self._tasks.append(asyncio.create_task(runner(), name=name))

    async def _start(self) -> None:
        x, ctx = self._x, self._ctx
        started = time.monotonic()
        ctx.emit(EventType.SYSTEM_STARTED, mode=ctx.settings.mode.value)
        # `nocturne why` starts from the ledger alone: it must find the releases and check the ids.
        ctx.ledger.set_meta("account", ctx.settings.account)
        ctx.ledger.set_meta("published", str(ctx.settings.paths.published.resolve()))
        await self._control.start()
        release = x.releases.poll()
        x.reconciler.load()
        symbols = self._symbols(release)
        await self._connect(symbols)
        ctx.bus.subscribe(EventType.CANDLE_CLOSED, "deciding", x.signal_engine.on_candle_closed)
        ctx.bus.subscribe(EventType.CANDLE_CLOSED, "account", self._each_candle)
        ctx.bus.subscribe(EventType.PRICE_UPDATED, "monitor", self._on_price)
        ctx.bus.subscribe(EventType.SIGNAL_GENERATED, "trader", x.entry_handler.on_signal)
        for kind in (EventType.POSITION_OPENED, EventType.POSITION_CLOSED):
            ctx.bus.subscribe(kind, "alerts", self._tell)
        if isinstance(ctx.alerts, DiscordAlerts):
            self._loop("alerts", ctx.alerts.run())
        self._loop("bus", ctx.bus.run())
        self._loop("intake", x.execution_reports.run())
        self._loop("user stream", x.user.run(self._on_user))
        await self._wait_for_user_stream()
        await self._check_key()
        await self._retried(x.reconciler.settle_orders)
        while not await x.reconciler.run_once():
            await asyncio.sleep(1.0)
        x.watchdog.begin()
        self._loop("watch", x.watchdog.run())
        # What the reconciliation has adopted is followed too.
        symbols = [s for s in self._symbols(release) if s in ctx.portfolio.instruments]
        x.feed.start_at(symbols, ctx.clock.now_ms())
        x.feed.on_connected = self._reconcile_soon
        await x.market.set_symbols(frozenset(symbols))
        self._loop("market stream", x.market.run(x.feed.push))
        if release is None or not await self._use_at_start(release):
            await self._keep_exits()
        for name, every_s, job in self._periodic.jobs():
            self._loop(name, self._periodic.forever(name, every_s, job))
        if x.lockstep is not None:
            self._loop("stepper", x.lockstep.run())
        if self._metrics is not None:
            log.info("metrics at %s", await self._metrics.start())
        x.status.state = "running"
        await self._periodic.once("status", self._periodic.write_status)
        notify("READY=1")
        log.info("ready in %.2f s", time.monotonic() - started, extra={"symbols": symbols})

    async def _wait_for_user_stream(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await self._user_up.wait()
        except TimeoutError as error:
            raise VenueError(
                f"the user stream did not open within {CONNECT_WITHIN_S:.0f} s; check venue.ws_url"
            ) from error

    def _symbols(self, release: Release | None) -> list[str]:
        held = {holding.symbol for holding in self._ctx.portfolio.holdings()}
        venue = self._ctx.settings.venue.name
        traded = {e.symbol for e in release.strategies if e.venue == venue} if release else set()
        return sorted(held | traded)

    async def _connect(self, symbols: list[str]) -> None:
        async def connect() -> None:
            leverage = self._ctx.settings.venue.leverage
            known = await self._ctx.venue.connect(symbols, leverage)
            self._ctx.portfolio.learn(known)
            self._ctx.clock.adjust(self._ctx.venue.offset_ms)

        await self._retried(connect)

    async def _retried(self, work: Callable[[], Awaitable[None]]) -> None:
        """At start the exchange may be away for a while; a definite refusal ends the start."""
        end = time.monotonic() + CONNECT_WITHIN_S
        while True:
            try:
                return await work()
            except Rejected as fault:
                raise VenueError(f"the exchange refused the start: {fault}") from fault
            except VenueFaultError as fault:
                wait = fault.retry_after_s if isinstance(fault, RateLimited) else 1.0
                if time.monotonic() + wait > end:
                    raise VenueError(f"the exchange does not answer: {fault}") from fault
                await asyncio.sleep(wait)

    async def _use_at_start(self, release: Release) -> bool:
        """A release that cannot be taken must not keep us from guarding what is open."""
        try:
            await self._retried(partial(self._use, release))
        except NocturneError as error:
            self._x.releases.forget()
            log.error("release %s not taken: %s", release.release_id, error)
            self._ctx.alerts.send("release not taken", release=release.release_id, error=error)
            return False
        return True

    async def _check_key(self) -> None:
        """Refuse a key that could move money away; unread permissions mean no entries in live."""
        live = self._ctx.settings.mode is Mode.LIVE
        try:
            allowed = await self._ctx.venue.key_permissions()
        except VenueFaultError as fault:
            log.error("the key's permissions cannot be read: %s", fault)
            allowed = None
        if allowed is None:
            why = "the key's permissions are not known"
            log.warning("%s%s", why, "" if live else "; a test network does not tell them")
            if live:
                self._ctx.trading_state.block("permissions", why)
                self._ctx.alerts.send("no entries", why=why)
            return
        problem = key_problem(allowed)
        if problem:
            raise SettingsError(problem)
        for warning in key_warnings(allowed, self._ctx.clock.now_ms()):
            log.warning("%s", warning)
            self._ctx.alerts.send("API key", warning=warning)

    async def _use(self, release: Release) -> None:
        """Warm the new deciders up beside the old ones, then swap between two events."""
        x, ctx = self._x, self._ctx
        with ctx.activity.busy("release"):
            plans = self._plans(release)
            new = sorted({plan.symbol for plan in plans} - set(ctx.portfolio.instruments))
            if new:
                await self._connect(new)
                x.feed.start_at(
                    [s for s in new if s in ctx.portfolio.instruments], ctx.clock.now_ms()
                )
            await self._decide_on(plans, release)
            x.releases.adopt(release)
            await x.market.set_symbols(
                frozenset(self._symbols(release)) & frozenset(ctx.portfolio.instruments)
            )

    def _plans(self, release: Release | None) -> list[RunnerPlan]:
        held = [holding.row for holding in self._ctx.portfolio.holdings()]
        return plans_for(release, self._ctx.settings.venue.name, held)

    async def _decide_on(self, plans: list[RunnerPlan], release: Release | None = None) -> None:
        """Warm lanes up and put them in the place of the old ones."""
        ctx = self._ctx
        allocator = Allocator.of(release, ctx.clock.now_ms()) if release is not None else None
        universe = read_universe(release) if release is not None else None
        warmer = WarmUp(ctx.venue, ctx.clock.now_ms())
        listed = [plan for plan in plans if plan.symbol in ctx.portfolio.instruments]
        for plan in plans:
            if plan not in listed:
                ctx.alerts.send("symbol not listed: left out", symbol=plan.symbol)
        runners = [await warmer.runner(plan) for plan in listed]
        if allocator is not None:
            await allocator.warm(ctx.venue, ctx.clock.now_ms(), ctx.portfolio.instruments)
        self._x.signal_engine.swap(runners, allocator, universe)

    async def _keep_exits(self) -> None:
        """Without a release that can be taken, positions still have their strategies' exits."""
        plans = self._plans(None)
        if not plans:
            return
        try:
            await self._retried(partial(self._decide_on, plans))
        except NocturneError as error:
            log.error("no strategy exits for what is open: %s", error)
            self._ctx.alerts.send("no strategy exits for what is open", error=error)

    def _on_user(self, event: UserEvent) -> None:
        if not isinstance(event, StreamState):
            self._x.execution_reports.push(event)
            return
        self._x.user_up = event.up
        if event.up:
            self._ctx.emit(EventType.WS_CONNECTED, stream=event.name)
            if self._user_up.is_set():
                self._reconcile_soon()
            self._user_up.set()
        else:
            log.warning("user stream down: %s", event.detail)
            self._ctx.emit(EventType.WS_DISCONNECTED, stream=event.name, detail=event.detail)

    def _renew_user_stream(self, why: str) -> None:
        now = time.monotonic()
        if now - self._user_renewed < RENEW_EVERY_S or not self._x.user_up:
            return
        self._user_renewed = now
        log.warning("the user stream is mute (%s): connecting anew", why)
        self._ctx.emit(EventType.WS_RECONNECTING, stream="user", reason=why)
        self._ctx.alerts.send("user stream mute: connecting anew", why=why)
        self._ctx.spawn("renew the user stream", self._x.user.renew())

    def _reconcile_soon(self) -> None:
        async def reconcile() -> None:
            await self._x.reconciler.run_once()

        self._ctx.spawn("reconcile", reconcile())

    def _tell(self, event: Event) -> None:
        title, fields = position_alert(event, self._ctx.settings.venue.leverage)
        self._ctx.alerts.send(title, **fields)

    def _on_price(self, event: Any) -> None:
        self._x.exit_monitor.on_price(event.symbol, float(event.data["price"]), event.id)

    def _each_candle(self, event: Any) -> None:
        self._x.day.roll()
        self._periodic.check_day()
        hour = event.time // HOUR_MS
        if hour != self._equity_hour:
            self._equity_hour = hour
            self.note_equity()

    def note_equity(self) -> None:
        """Write an equity point."""
        portfolio = self._ctx.portfolio
        count = sum(1 for _ in portfolio.holdings())
        self._ctx.ledger.add_equity(
            self._ctx.clock.now_ms(), portfolio.balance.wallet, portfolio.equity, count
        )

    async def _watch_finished(self) -> None:
        """End the run once the sandbox has replayed everything and nothing is under way."""
        while not self._stop.is_set():
            await asyncio.sleep(FINISHED_POLL_S)
            status = await sandbox_status(self._ctx.settings.venue.rest_url)
            if not status.get("finished"):
                continue
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await self._ctx.activity.wait_idle()
            log.info("the replay is finished", extra={"steps": status.get("steps")})
            self._stop.set()

    async def _shut_down(self) -> None:
        x, ctx = self._x, self._ctx
        notify("STOPPING=1")
        ctx.trading_state.block("stopping", "the executor is stopping")
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await ctx.activity.wait_idle()
        except TimeoutError:
            log.warning("stopped with work under way: %s", ", ".join(ctx.activity.names))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await ctx.stop_tasks()
        await self._control.stop()
        if self._metrics is not None:
            await self._metrics.stop()
        self.note_equity()
        ctx.emit(EventType.SYSTEM_STOPPED)
        x.status.state = "stopped"
        await self._periodic.once("status", self._periodic.write_status)
        await ctx.venue.close()
        ctx.ledger.close()
