"""The parts of an executor, put together around an exchange: a real one, or a test's."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from executor.bus.bus import Bus
from executor.bus.events import AnyEvent, EventMaker, EventType
from executor.execution.closer import Closer
from executor.execution.entries import EntryHandler
from executor.execution.entry_check import EntryCheck
from executor.execution.execution_reports import ExecutionReports
from executor.execution.fills import FillRecorder
from executor.execution.order_manager import OrderManager
from executor.execution.position_updates import PositionUpdates
from executor.execution.scaling import Scaler
from executor.execution.trade_fees import TradeFees
from executor.execution.user_connection import UserConnections
from executor.ledger.journal import Journal
from executor.ledger.store import Ledger
from executor.market_data.candle_recorder import CandleRecorder
from executor.market_data.correlations import Correlations
from executor.market_data.feed import MarketFeed
from executor.market_data.lockstep import LockstepClock
from executor.market_data.price_watch import PriceWatch
from executor.model import StreamState, UserEvent
from executor.notifications.alerts import Alerts, LogAlerts
from executor.notifications.counted import CountedAlerts
from executor.portfolio.account_snapshot import AccountSnapshot, LiveFigures
from executor.portfolio.daily_loss import DailyLossLimit
from executor.portfolio.equity_points import EquityPoints
from executor.portfolio.portfolio import Portfolio
from executor.portfolio.transfers import Transfers
from executor.protection.exit_monitor import ExitMonitor
from executor.protection.stop_manager import StopManager
from executor.protection.watchdog import Watchdog
from executor.reconciliation.adoption import Adoption
from executor.reconciliation.correction import PositionCorrection
from executor.reconciliation.order_recovery import OrderRecovery
from executor.reconciliation.reconciler import Reconciler
from executor.reconciliation.takeover import ForeignTakeover
from executor.risk.market_shock import MarketShock
from executor.risk.trading_state import MODE_META, OFF_META, TradingMode, TradingState
from executor.runtime.activity import Activity
from executor.runtime.clock import Clock
from executor.services import Services
from executor.settings import Settings
from executor.strategy.forecasts import ForecastKeeper
from executor.strategy.release_keeper import ReleaseKeeper
from executor.strategy.rollout import ReleaseRollout
from executor.strategy.signal_engine import SignalEngine
from executor.venues.directory import MarketStreams, VenueDirectory
from executor.venues.interface import VenueConnection

log = logging.getLogger(__name__)


@dataclass
class Executor:
    """Every part of one running executor."""

    services: Services
    portfolio: Portfolio
    trading_state: TradingState
    order_manager: OrderManager
    position_updates: PositionUpdates
    execution_reports: ExecutionReports
    fees: TradeFees
    user_connections: UserConnections
    closer: Closer
    stop_manager: StopManager
    exit_monitor: ExitMonitor
    watchdog: Watchdog
    feed: MarketFeed
    candle_recorder: CandleRecorder
    signal_engine: SignalEngine
    releases: ReleaseKeeper
    forecasts: ForecastKeeper
    rollout: ReleaseRollout
    entry_handler: EntryHandler
    order_recovery: OrderRecovery
    takeover: ForeignTakeover
    reconciler: Reconciler
    daily_loss: DailyLossLimit
    transfers: Transfers
    correlations: Correlations
    shock: MarketShock
    equity: EquityPoints
    market: MarketStreams
    connections: Mapping[str, VenueConnection]
    lockstep: LockstepClock | None

    def on_user_event(self, event: UserEvent) -> None:
        """Take an event of the user stream."""
        if isinstance(event, StreamState):
            self.user_connections.on_state(event)
        else:
            self.execution_reports.push(event)

    def subscribe_signals(self) -> None:
        """Act on signals."""
        bus = self.services.bus
        bus.subscribe(EventType.SIGNAL_GENERATED, "entries", self.entry_handler.on_signal)
        bus.subscribe(EventType.SIGNAL_GENERATED, "exits", self.closer.on_signal)
        bus.subscribe(EventType.RISK_THRESHOLD_EXCEEDED, "exits", self.closer.on_excess)
        bus.subscribe(EventType.DAILY_LOSS_LIMIT_REACHED, "exits", self._on_daily_limit)

    def _on_daily_limit(self, event: AnyEvent) -> None:
        self.close_at_daily_limit(event.id)

    def close_at_daily_limit(self, cause: str | None = None) -> None:
        """Close what is priced in an asset that reached its limit today, if the settings say so.

        It is called again and again: neither a restart nor a late fill leaves something open.
        """
        if not self.services.settings.risk.close_at_daily_limit:
            return
        for holding in list(self.portfolio.holdings()):
            if self.daily_loss.reached(holding.row.quote_asset):
                self.closer.close(holding, "daily_loss_limit", cause)

    def subscribe_market(self) -> None:
        """Act on candles and prices; exits come before the decisions on the same candle."""
        bus = self.services.bus
        for name, handler in (
            ("candle recorder", self.candle_recorder.on_candle_closed),
            ("exit monitor", self.exit_monitor.on_candle_closed),
            ("market shock", self.shock.on_candle_closed),
            ("signal engine", self.signal_engine.on_candle_closed),
            ("daily loss", self.daily_loss.on_candle_closed),
            ("correlations", self.correlations.on_candle_closed),
            ("equity", self.equity.on_candle_closed),
        ):
            bus.subscribe(EventType.CANDLE_CLOSED, name, handler)
        bus.subscribe(EventType.PRICE_UPDATED, "exit monitor", self.exit_monitor.on_price_updated)


def build(
    settings: Settings,
    clock: Clock,
    ledger: Ledger,
    connections: Sequence[VenueConnection],
    alerts: Alerts | None = None,
) -> Executor:
    """Build every part, the lower ones first."""
    trading_state = TradingState(
        TradingMode(ledger.meta(MODE_META, TradingMode.RUNNING.value)),
        off=frozenset(ledger.meta(OFF_META).split()),
    )
    venues = VenueDirectory(connection.venue for connection in connections)
    by_name = {connection.venue.name: connection for connection in connections}
    market = MarketStreams({name: found.market for name, found in by_name.items()})
    services = _services(settings, clock, ledger, venues, trading_state, alerts)
    portfolio = Portfolio(lambda venue: venues[venue].capabilities.holds_balances)
    lockstep = settings.replay.clock_url is not None
    # In lockstep the market waits for the executor: its silence says nothing about the stream, and
    # no step of it is one too many.
    stale_s = None if lockstep else settings.timing.stale_s
    tick_s = 0.0 if lockstep else settings.timing.tick_s
    feed = MarketFeed(services, portfolio.take_price, stale_s)
    transfers = Transfers(services, portfolio)
    daily_loss = DailyLossLimit(services, portfolio, transfers)
    correlations, shock = Correlations(services), MarketShock(services)
    releases, forecasts = ReleaseKeeper(services), ForecastKeeper(services)
    signal_engine = SignalEngine(services, portfolio)
    rollout = ReleaseRollout(services, portfolio, feed, market, releases, signal_engine)

    user = UserConnections(services, {name: found.user for name, found in by_name.items()})
    orders = OrderManager(services, portfolio, trading_state)
    updates = PositionUpdates(services, portfolio)
    fees = TradeFees(services, portfolio)
    fills = FillRecorder(services, portfolio, orders, updates, fees, user.suspect)
    closer = Closer(services, portfolio, trading_state, orders, fills)
    live = LiveFigures(
        orders_last_minute=orders.sent_last_minute,
        candles_seen=lambda symbol: feed.seen[symbol],
        stream_fresh=feed.fresh,
        release_valid=lambda: releases.valid(),
        correlation=correlations.between,
        shocked_for_s=lambda: shock.pauses_for_s,
    )
    snapshot = AccountSnapshot(services, portfolio, trading_state, daily_loss, live)
    check = EntryCheck(services, portfolio, signal_engine, snapshot, trading_state)
    scaler = Scaler(
        services, portfolio, trading_state, orders, fills, snapshot, closer.free_balance
    )

    stop_manager = StopManager(services, portfolio, trading_state, orders, closer)
    price_watch = PriceWatch(services, market, portfolio.filled_symbols)
    portfolio.subscribe(stop_manager.request)
    portfolio.subscribe(price_watch.follow)

    recovery = OrderRecovery(services, portfolio, orders, fills, updates)
    correction = PositionCorrection(services, portfolio, fills, updates, user.suspect)
    adoption = Adoption(services, portfolio, fills, updates, releases)
    return Executor(
        services=services,
        portfolio=portfolio,
        trading_state=trading_state,
        order_manager=orders,
        position_updates=updates,
        execution_reports=ExecutionReports(
            services, portfolio, orders, fills, transfers, stop_manager.stop_died
        ),
        user_connections=user,
        fees=fees,
        closer=closer,
        stop_manager=stop_manager,
        exit_monitor=ExitMonitor(services, portfolio, closer, scaler, tick_s),
        watchdog=Watchdog(services, portfolio, trading_state, closer, stop_manager),
        feed=feed,
        candle_recorder=CandleRecorder(ledger.received_candles, settings.ledger.keep_candles_days),
        signal_engine=signal_engine,
        releases=releases,
        forecasts=forecasts,
        rollout=rollout,
        entry_handler=EntryHandler(
            services, portfolio, check, orders, fills, updates, forecasts.effect_on
        ),
        order_recovery=recovery,
        takeover=ForeignTakeover(services, portfolio, fills, updates),
        reconciler=Reconciler(
            services, portfolio, stop_manager, recovery, correction, adoption, transfers
        ),
        daily_loss=daily_loss,
        transfers=transfers,
        correlations=correlations,
        shock=shock,
        equity=EquityPoints(services, portfolio),
        market=market,
        connections=by_name,
        lockstep=_lockstep(settings, feed, services.activity, portfolio),
    )


def _lockstep(
    settings: Settings, feed: MarketFeed, activity: Activity, portfolio: Portfolio
) -> LockstepClock | None:
    url = settings.replay.clock_url
    return LockstepClock(url, feed, activity, portfolio.watched_prices) if url else None


def _services(
    settings: Settings,
    clock: Clock,
    ledger: Ledger,
    venues: VenueDirectory,
    trading_state: TradingState,
    alerts: Alerts | None,
) -> Services:
    activity = Activity()
    alert = CountedAlerts(alerts if alerts is not None else LogAlerts())

    def dead_letter(event: AnyEvent, handler: str, failure: BaseException) -> None:
        log.error("handler %s failed on %s", handler, event.type, exc_info=failure)
        ledger.add_dead_letter(event, handler, f"{type(failure).__name__}: {failure}")
        alert.send("event not handled", handler=handler, event=event.type.value)

    def overflow(queued: int) -> None:
        trading_state.block("queue", "the event queue was full")
        log.error("event queue full (%d): entries off", queued)
        alert.send("event queue full: entries off", queued=queued)

    return Services(
        settings=settings,
        clock=clock,
        ledger=ledger,
        journal=Journal(ledger),
        bus=Bus(activity, dead_letter=dead_letter, on_overflow=overflow),
        activity=activity,
        make_event=EventMaker(ledger.next_run(), clock.now_ms),
        venues=venues,
        alerts=alert,
    )
