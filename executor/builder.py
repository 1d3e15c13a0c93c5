"""The parts of an executor, wired: real ones here, fakes in tests."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal

from executor.bus.bus import Bus
from executor.bus.events import Event, EventMaker
from executor.context import Context
from executor.execution.closer import Closer, Watch
from executor.execution.entries import Parts, Trader
from executor.execution.execution_reports import Intake
from executor.execution.order_manager import OrderDesk
from executor.execution.position_updates import Booking
from executor.execution.scaling import Stager
from executor.ledger.journal import Journal
from executor.ledger.store import Ledger
from executor.market_data.feed import Feed
from executor.market_data.lockstep import Stepper
from executor.model import MarketStream, UserStream, Venue
from executor.notifications.alerts import Alerts, LogAlerts
from executor.operations.status import Status
from executor.portfolio.account_snapshot import AccountView
from executor.portfolio.daily_loss import DayGuard
from executor.portfolio.portfolio import Book, Holding
from executor.protection.exit_monitor import Monitor
from executor.protection.stop_manager import Protector
from executor.reconciliation.adoption import Adoption
from executor.reconciliation.reconciler import Reconciler
from executor.risk.trading_state import META, Halt, Switches
from executor.runtime.activity import Activity
from executor.runtime.clock import Clock
from executor.settings import Settings
from executor.strategy.release_keeper import ReleaseKeeper
from executor.strategy.signal_engine import Deciding

log = logging.getLogger(__name__)


class Wires:
    """What the intake tells: to the protector, the price stream and the day's baseline."""

    def __init__(self, ctx: Context, market: MarketStream) -> None:
        self._ctx = ctx
        self._market = market
        self._watched: frozenset[str] = frozenset()
        self.protector: Protector | None = None
        self.day: DayGuard | None = None

    def changed(self, symbol: str, cause: str | None) -> None:
        """Protect anew, and follow the prices of exactly what is held."""
        if self.protector is not None:
            self.protector.ask(symbol, cause)
        held = frozenset(h.symbol for h in self._ctx.book.holdings() if h.filled)
        if held != self._watched:
            self._watched = held
            self._ctx.spawn("watch prices", self._market.watch_prices(held))

    def stop_died(self, holding: Holding, why: str) -> None:
        """Close what lost its stop."""
        if self.protector is not None:
            self.protector.stop_died(holding, why)

    def transferred(self, amount: Decimal) -> None:
        """Move the day's baseline."""
        if self.day is not None:
            self.day.transferred(amount)


@dataclass
class Executor:
    """Every part of one running executor."""

    ctx: Context
    desk: OrderDesk
    intake: Intake
    closer: Closer
    protector: Protector
    monitor: Monitor
    watch: Watch
    feed: Feed
    deciding: Deciding
    releases: ReleaseKeeper
    trader: Trader
    account: AccountView
    reconciler: Reconciler
    day: DayGuard
    status: Status
    market: MarketStream
    user: UserStream
    stepper: Stepper | None
    user_up: bool = False
    """Whether the user stream is connected."""


def make_context(
    settings: Settings, clock: Clock, ledger: Ledger, venue: Venue, alerts: Alerts | None = None
) -> Context:
    """Bus, journal and book around a ledger and a venue."""
    activity = Activity()
    switches = Switches(halt=Halt(ledger.meta(META, Halt.RUNNING.value)))
    told: Alerts = alerts if alerts is not None else LogAlerts()

    def dead_letter(event: Event, handler: str, failure: BaseException) -> None:
        log.error("handler %s failed on %s", handler, event.type, exc_info=failure)
        ledger.add_dead_letter(event, handler, f"{type(failure).__name__}: {failure}")
        told.send("event not handled", handler=handler, event=event.type.value)

    def overflow(queued: int) -> None:
        switches.block("queue", "the event queue was full")
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
        book=Book(),
        alerts=told,
        switches=switches,
    )


def assemble(ctx: Context, market: MarketStream, user: UserStream) -> Executor:
    """Wire the parts."""
    settings = ctx.settings
    lockstep = settings.replay.clock_url is not None
    desk = OrderDesk(ctx)
    wires = Wires(ctx, market)
    booking = Booking(ctx, wires)
    intake = Intake(ctx, desk, booking, wires)
    closer = Closer(ctx, desk, intake)
    protector = Protector(ctx, desk, closer)
    wires.protector = protector
    # In lockstep the market waits for us: its silence says nothing about the stream.
    feed = Feed(ctx, None if lockstep else settings.timing.stale_s)
    releases = ReleaseKeeper(ctx)
    day = DayGuard(ctx)
    wires.day = day
    account = AccountView(ctx, desk, feed, releases, day)
    # In lockstep each step of the market waits for us: none is one too many.
    tick_s = 0.0 if lockstep else settings.timing.tick_s
    monitor = Monitor(ctx, closer, Stager(ctx, desk, closer, account), tick_s)
    deciding = Deciding(ctx, monitor)
    trader = Trader(ctx, Parts(desk, closer, deciding, account))
    adoption = Adoption(ctx, intake, booking, releases)
    reconciler = Reconciler(ctx, desk, intake, booking, protector, trader, closer, adoption)
    clock_url = settings.replay.clock_url
    return Executor(
        ctx=ctx,
        desk=desk,
        intake=intake,
        closer=closer,
        protector=protector,
        monitor=monitor,
        watch=Watch(ctx, closer, protector.ask),
        feed=feed,
        deciding=deciding,
        releases=releases,
        trader=trader,
        account=account,
        reconciler=reconciler,
        day=day,
        status=Status(ctx, feed, releases, reconciler),
        market=market,
        user=user,
        stepper=Stepper(clock_url, feed, ctx.activity, ctx.book) if clock_url else None,
    )
