"""The parts of an executor, wired: real ones here, fakes in tests."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal

from executor.bus.bus import Bus
from executor.bus.events import Event, EventMaker
from executor.context import Context
from executor.execution.closer import Closer, Watchdog
from executor.execution.entries import EntryHandler, Parts
from executor.execution.execution_reports import ExecutionReports
from executor.execution.order_manager import OrderManager
from executor.execution.position_updates import PositionUpdates
from executor.execution.scaling import Scaler
from executor.ledger.journal import Journal
from executor.ledger.store import Ledger
from executor.market_data.feed import MarketFeed
from executor.market_data.lockstep import LockstepClock
from executor.model import MarketStream, UserStream, Venue
from executor.notifications.alerts import Alerts, LogAlerts
from executor.operations.status import Status
from executor.portfolio.account_snapshot import AccountSnapshot
from executor.portfolio.daily_loss import DailyLossLimit
from executor.portfolio.portfolio import Holding, Portfolio
from executor.protection.exit_monitor import ExitMonitor
from executor.protection.stop_manager import StopManager
from executor.reconciliation.adoption import Adoption
from executor.reconciliation.reconciler import Reconciler
from executor.risk.trading_state import MODE_META, TradingMode, TradingState
from executor.runtime.activity import Activity
from executor.runtime.clock import Clock
from executor.settings import Settings
from executor.strategy.release_keeper import ReleaseKeeper
from executor.strategy.signal_engine import SignalEngine

log = logging.getLogger(__name__)


class Wires:
    """What the intake tells: to the protector, the price stream and the day's baseline."""

    def __init__(self, ctx: Context, market: MarketStream) -> None:
        self._ctx = ctx
        self._market = market
        self._watched: frozenset[str] = frozenset()
        self.stop_manager: StopManager | None = None
        self.day: DailyLossLimit | None = None

    def changed(self, symbol: str, cause: str | None) -> None:
        """Protect anew, and follow the prices of exactly what is held."""
        if self.stop_manager is not None:
            self.stop_manager.ask(symbol, cause)
        held = frozenset(h.symbol for h in self._ctx.portfolio.holdings() if h.filled)
        if held != self._watched:
            self._watched = held
            self._ctx.spawn("watch prices", self._market.watch_prices(held))

    def stop_died(self, holding: Holding, why: str) -> None:
        """Close what lost its stop."""
        if self.stop_manager is not None:
            self.stop_manager.stop_died(holding, why)

    def transferred(self, amount: Decimal) -> None:
        """Move the day's baseline."""
        if self.day is not None:
            self.day.transferred(amount)


@dataclass
class Executor:
    """Every part of one running executor."""

    ctx: Context
    order_manager: OrderManager
    execution_reports: ExecutionReports
    closer: Closer
    stop_manager: StopManager
    exit_monitor: ExitMonitor
    watchdog: Watchdog
    feed: MarketFeed
    signal_engine: SignalEngine
    releases: ReleaseKeeper
    entry_handler: EntryHandler
    account: AccountSnapshot
    reconciler: Reconciler
    day: DailyLossLimit
    status: Status
    market: MarketStream
    user: UserStream
    lockstep: LockstepClock | None
    user_up: bool = False
    """Whether the user stream is connected."""


def make_context(
    settings: Settings, clock: Clock, ledger: Ledger, venue: Venue, alerts: Alerts | None = None
) -> Context:
    """Bus, journal and book around a ledger and a venue."""
    activity = Activity()
    trading_state = TradingState(
        mode=TradingMode(ledger.meta(MODE_META, TradingMode.RUNNING.value))
    )
    told: Alerts = alerts if alerts is not None else LogAlerts()

    def dead_letter(event: Event, handler: str, failure: BaseException) -> None:
        log.error("handler %s failed on %s", handler, event.type, exc_info=failure)
        ledger.add_dead_letter(event, handler, f"{type(failure).__name__}: {failure}")
        told.send("event not handled", handler=handler, event=event.type.value)

    def overflow(queued: int) -> None:
        trading_state.block("queue", "the event queue was full")
        log.error("event queue full (%d): entries off", queued)
        told.send("event queue full: entries off", queued=queued)

    return Context(
        settings=settings,
        clock=clock,
        ledger=ledger,
        journal=Journal(ledger),
        bus=Bus(activity, dead_letter=dead_letter, on_overflow=overflow),
        activity=activity,
        make=EventMaker(ledger.next_run(), clock.now_ms),
        venue=venue,
        portfolio=Portfolio(),
        alerts=told,
        trading_state=trading_state,
    )


def assemble(ctx: Context, market: MarketStream, user: UserStream) -> Executor:
    """Wire the parts."""
    settings = ctx.settings
    lockstep = settings.replay.clock_url is not None
    order_manager = OrderManager(ctx)
    wires = Wires(ctx, market)
    position_updates = PositionUpdates(ctx, wires)
    execution_reports = ExecutionReports(ctx, order_manager, position_updates, wires)
    closer = Closer(ctx, order_manager, execution_reports)
    stop_manager = StopManager(ctx, order_manager, closer)
    wires.stop_manager = stop_manager
    # In lockstep the market waits for us: its silence says nothing about the stream.
    feed = MarketFeed(ctx, None if lockstep else settings.timing.stale_s)
    releases = ReleaseKeeper(ctx)
    day = DailyLossLimit(ctx)
    wires.day = day
    account = AccountSnapshot(ctx, order_manager, feed, releases, day)
    # In lockstep each step of the market waits for us: none is one too many.
    tick_s = 0.0 if lockstep else settings.timing.tick_s
    exit_monitor = ExitMonitor(ctx, closer, Scaler(ctx, order_manager, closer, account), tick_s)
    signal_engine = SignalEngine(ctx, exit_monitor)
    entry_handler = EntryHandler(ctx, Parts(order_manager, closer, signal_engine, account))
    adoption = Adoption(ctx, execution_reports, position_updates, releases)
    reconciler = Reconciler(
        ctx,
        order_manager,
        execution_reports,
        position_updates,
        stop_manager,
        entry_handler,
        closer,
        adoption,
    )
    clock_url = settings.replay.clock_url
    return Executor(
        ctx=ctx,
        order_manager=order_manager,
        execution_reports=execution_reports,
        closer=closer,
        stop_manager=stop_manager,
        exit_monitor=exit_monitor,
        watchdog=Watchdog(ctx, closer, stop_manager.ask),
        feed=feed,
        signal_engine=signal_engine,
        releases=releases,
        entry_handler=entry_handler,
        account=account,
        reconciler=reconciler,
        day=day,
        status=Status(ctx, feed, releases, reconciler),
        market=market,
        user=user,
        lockstep=LockstepClock(clock_url, feed, ctx.activity, ctx.portfolio) if clock_url else None,
    )
