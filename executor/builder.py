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
            ("daily limit", self._on_daily_limit),
            ("correlations", self.correlations.on_candle_closed),
            ("equity", self.equity.on_candle_closed),
        ):
            bus.subscribe(EventType.CANDLE_CLOSED, name, handler)
        bus.subscribe(EventType.PRICE_UPDATED, "exit monitor", self.exit_monitor.on_price_updated)


@dataclass(frozen=True)
class _Core:
    """What every other part needs."""

    services: Services
    portfolio: Portfolio
    trading_state: TradingState
    market: MarketStreams
    connections: Mapping[str, VenueConnection]


@dataclass(frozen=True)
class _Decisions:
    """From market data to signals, and the limits that watch the market."""

    feed: MarketFeed
    signal_engine: SignalEngine
    releases: ReleaseKeeper
    forecasts: ForecastKeeper
    rollout: ReleaseRollout
    transfers: Transfers
    daily_loss: DailyLossLimit
    correlations: Correlations
    shock: MarketShock


@dataclass(frozen=True)
class _Execution:
    """Orders, their trades, and the end of positions."""

    user: UserConnections
    orders: OrderManager
    updates: PositionUpdates
    fees: TradeFees
    fills: FillRecorder
    closer: Closer


def build(
    settings: Settings,
    clock: Clock,
    ledger: Ledger,
    connections: Sequence[VenueConnection],
    alerts: Alerts | None = None,
) -> Executor:
    """Build every part, the lower ones first."""
    core = _core(settings, clock, ledger, connections, alerts)
    decisions, execution = _decisions(core), _execution(core)
    services, portfolio, feed = core.services, core.portfolio, decisions.feed
    orders, updates, fills = execution.orders, execution.updates, execution.fills
    entry_handler, scaler = _entries(core, decisions, execution)
    stop_manager = StopManager(services, portfolio, core.trading_state, orders, execution.closer)
    portfolio.subscribe(stop_manager.request)
    portfolio.subscribe(PriceWatch(services, core.market, portfolio.filled_symbols).follow)
    recovery = OrderRecovery(services, portfolio, orders, fills, updates)
    correction = PositionCorrection(services, portfolio, fills, updates, execution.user.suspect)
    adoption = Adoption(services, portfolio, fills, updates, decisions.releases)
    return Executor(
        services=services,
        portfolio=portfolio,
        trading_state=core.trading_state,
        order_manager=orders,
        position_updates=updates,
        execution_reports=ExecutionReports(
            services, portfolio, orders, fills, decisions.transfers, stop_manager.stop_died
        ),
        user_connections=execution.user,
        fees=execution.fees,
        closer=execution.closer,
        stop_manager=stop_manager,
        exit_monitor=ExitMonitor(services, portfolio, execution.closer, scaler, _tick_s(settings)),
        watchdog=Watchdog(services, portfolio, core.trading_state, execution.closer, stop_manager),
        feed=feed,
        candle_recorder=CandleRecorder(ledger.received_candles, settings.ledger.keep_candles_days),
        signal_engine=decisions.signal_engine,
        releases=decisions.releases,
        forecasts=decisions.forecasts,
        rollout=decisions.rollout,
        entry_handler=entry_handler,
        order_recovery=recovery,
        takeover=ForeignTakeover(services, portfolio, fills, updates),
        reconciler=Reconciler(
            services, portfolio, stop_manager, recovery, correction, adoption, decisions.transfers
        ),
        daily_loss=decisions.daily_loss,
        transfers=decisions.transfers,
        correlations=decisions.correlations,
        shock=decisions.shock,
        equity=EquityPoints(services, portfolio),
        market=core.market,
        connections=core.connections,
        lockstep=_lockstep(settings, feed, services.activity, portfolio),
    )


def _core(
    settings: Settings,
    clock: Clock,
    ledger: Ledger,
    connections: Sequence[VenueConnection],
    alerts: Alerts | None,
) -> _Core:
    trading_state = TradingState(
        TradingMode(ledger.meta(MODE_META, TradingMode.RUNNING.value)),
        off=frozenset(ledger.meta(OFF_META).split()),
    )
    venues = VenueDirectory(connection.venue for connection in connections)
    by_name = {connection.venue.name: connection for connection in connections}
    return _Core(
        services=_services(settings, clock, ledger, venues, trading_state, alerts),
        portfolio=Portfolio(lambda venue: venues[venue].capabilities.holds_balances),
        trading_state=trading_state,
        market=MarketStreams({name: found.market for name, found in by_name.items()}),
        connections=by_name,
    )


def _decisions(core: _Core) -> _Decisions:
    services, portfolio = core.services, core.portfolio
    feed = MarketFeed(services, portfolio.take_price, _stale_s(services.settings))
    transfers = Transfers(services, portfolio)
    releases, forecasts = ReleaseKeeper(services), ForecastKeeper(services)
    engine = SignalEngine(services, portfolio, forecasts)
    return _Decisions(
        feed=feed,
        signal_engine=engine,
        releases=releases,
        forecasts=forecasts,
        rollout=ReleaseRollout(services, portfolio, feed, core.market, releases, engine, forecasts),
        transfers=transfers,
        daily_loss=DailyLossLimit(services, portfolio, transfers),
        correlations=Correlations(services),
        shock=MarketShock(services),
    )


def _stale_s(settings: Settings) -> float | None:
    """In lockstep the market waits for the executor: silence says nothing about the stream."""
    return None if settings.replay.clock_url is not None else settings.timing.stale_s


def _tick_s(settings: Settings) -> float:
    """In lockstep the market never sends more than the executor can take."""
    return 0.0 if settings.replay.clock_url is not None else settings.timing.tick_s


def _execution(core: _Core) -> _Execution:
    services, portfolio = core.services, core.portfolio
    user = UserConnections(services, {name: one.user for name, one in core.connections.items()})
    orders = OrderManager(services, portfolio, core.trading_state)
    updates = PositionUpdates(services, portfolio)
    fees = TradeFees(services, portfolio)
    fills = FillRecorder(services, portfolio, orders, updates, fees, user.suspect)
    closer = Closer(services, portfolio, core.trading_state, orders, fills)
    return _Execution(user, orders, updates, fees, fills, closer)


def _entries(
    core: _Core, decisions: _Decisions, execution: _Execution
) -> tuple[EntryHandler, Scaler]:
    """What makes positions, and makes them larger: both look at the account first."""
    services, portfolio, state = core.services, core.portfolio, core.trading_state
    orders, fills, closer = execution.orders, execution.fills, execution.closer
    live = LiveFigures(
        orders_last_minute=orders.sent_last_minute,
        candles_seen=lambda symbol: decisions.feed.seen[symbol],
        stream_fresh=decisions.feed.fresh,
        release_valid=lambda: decisions.releases.valid(),
        correlation=decisions.correlations.between,
        shocked_for_s=lambda: decisions.shock.pauses_for_s,
    )
    snapshot = AccountSnapshot(services, portfolio, state, decisions.daily_loss, live)
    check = EntryCheck(services, portfolio, decisions.signal_engine, snapshot, state)
    handler = EntryHandler(
        services, portfolio, check, orders, fills, execution.updates, decisions.forecasts.effect_on
    )
    scaler = Scaler(services, portfolio, state, orders, fills, snapshot, closer.free_balance)
    return handler, scaler


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
