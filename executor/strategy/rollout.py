"""Release rollout: a new release takes over while the old one goes on trading."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial

from executor.market_data.feed import MarketFeed
from executor.model import InstrumentId, venue_of
from executor.portfolio.allocation import Allocator
from executor.portfolio.portfolio import Portfolio
from executor.services import Services
from executor.settings import Mode
from executor.strategy.forecasts import ForecastKeeper
from executor.strategy.release_keeper import ReleaseKeeper
from executor.strategy.runner import RunnerPlan, WarmUp, plans_for
from executor.strategy.signal_engine import SignalEngine
from executor.strategy.traded import traded_entries
from executor.venues.directory import MarketStreams
from executor.venues.faults import VenueFaultError
from executor.venues.interface import Venue
from executor.venues.retry import until_answered
from lake.releases import Release, StrategyEntry, read_universe
from trading.errors import NocturneError

log = logging.getLogger(__name__)

Overrides = Mapping[str, Mapping[str, bool | int | float | str]]


class ReleaseRollout:
    """Connects the symbols of a release, warms its runners up and swaps them in."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        feed: MarketFeed,
        market: MarketStreams,
        releases: ReleaseKeeper,
        signal_engine: SignalEngine,
        forecasts: ForecastKeeper,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._feed = feed
        self._market = market
        self._releases = releases
        self._signal_engine = signal_engine
        self._forecasts = forecasts
        self._changing = asyncio.Lock()
        """Held from the reading of the release and the settings until their runners are swapped."""

    def held(self) -> list[InstrumentId]:
        """Instruments with a position, sorted."""
        return sorted({holding.symbol for holding in self._portfolio.holdings()})

    def symbols(self, release: Release | None) -> list[InstrumentId]:
        """Instruments that a release trades here, and those with a position."""
        traded = {symbol for _, symbol in self._traded(release)}
        return sorted({*self.held(), *traded})

    def _traded(self, release: Release | None) -> list[tuple[StrategyEntry, InstrumentId]]:
        return list(traded_entries(release, self._services.settings.venues))

    def listed(self, symbols: Sequence[InstrumentId]) -> list[InstrumentId]:
        """Those of the instruments that their exchange lists."""
        return [symbol for symbol in symbols if symbol in self._portfolio.instruments]

    async def connect(self, symbols: Sequence[InstrumentId]) -> None:
        """Set instruments up at their exchanges and learn what is allowed there."""
        for venue in self._services.venues:
            here = [symbol for symbol in symbols if venue_of(symbol) == venue.name]
            await until_answered(partial(self._connect, venue, here))

    async def _connect(self, venue: Venue, symbols: list[InstrumentId]) -> None:
        services = self._services
        held = {row.symbol: row.leverage for row in services.ledger.open_positions()}
        usual = services.settings.venues[venue.name].leverage if venue.capabilities.margin else 1
        for leverage in sorted({held.get(symbol, usual) for symbol in symbols} | {usual}):
            # An open position keeps the leverage that it was sized for.
            part = [symbol for symbol in symbols if held.get(symbol, usual) == leverage]
            if not part and leverage != usual:
                continue
            self._portfolio.learn(await venue.connect(part, leverage), leverage)
        services.clock.adjust(venue.offset_ms)

    async def start(self, release: Release | None) -> None:
        """Take the first release; without one, positions still have their strategies' exits.

        A release that cannot be taken must not keep the executor from managing open positions.
        """
        if release is None:
            await self._keep_exits()
            return
        try:
            await until_answered(partial(self.take, release))
        except NocturneError as error:
            self._releases.forget()
            log.error("release %s not taken: %s", release.release_id, error)
            self._services.alerts.send("release not taken", release=release.release_id, error=error)
            await self._keep_exits()

    async def poll(self) -> None:
        """Take a new release, if there is one; the old one stays until the new one is warm."""
        release = self._releases.poll()
        if release is None:
            return
        try:
            await self.take(release)
        except (VenueFaultError, NocturneError) as fault:
            # The old release goes on; the next poll tries again.
            self._releases.forget()
            log.warning("release %s not taken yet: %s", release.release_id, fault)
        except BaseException:
            self._releases.forget()
            raise

    async def take(self, release: Release) -> None:
        """Warm the runners of a release up, then swap them in between two events."""
        with self._services.activity.busy("release"):
            await self._take(release)

    async def _take(self, release: Release) -> None:
        async with self._changing:
            plans = self._plans(release)
            new = sorted({plan.symbol for plan in plans} - set(self._portfolio.instruments))
            if new:
                await self.connect(new)
                self._feed.start_at(self.listed(new), self._services.clock.now_ms())
            await self._swap(plans, release)
            self._releases.adopt(release)
            await self._market.set_symbols(frozenset(self.listed(self.symbols(release))))

    async def renew(self) -> None:
        """Warm the runners up with the settings of now, and swap them in.

        If that fails, the current ones go on, and an alert says so.
        """
        try:
            with self._services.activity.busy("release"):
                await until_answered(self._renew)
        except NocturneError as error:
            log.error("the strategies keep their parameters: %s", error)
            self._services.alerts.send("strategies keep their parameters", error=error)

    async def _renew(self) -> None:
        async with self._changing:
            release = self._releases.current
            await self._swap(self._plans(release), release)

    def check(self, overrides: Overrides) -> None:
        """Check parameters of the settings against those of the current release.

        Raises:
            ParameterError: together they are not allowed.
        """
        plans_for(self._releases.current, self._services.settings.venues, (), None, overrides)

    def _plans(self, release: Release | None) -> list[RunnerPlan]:
        held = [holding.row for holding in self._portfolio.holdings()]
        settings = self._services.settings
        probation = settings.live.probation if settings.mode is Mode.LIVE else None
        return plans_for(release, settings.venues, held, probation, settings.strategies.set)

    async def _swap(self, plans: list[RunnerPlan], release: Release | None = None) -> None:
        services, instruments = self._services, self._portfolio.instruments
        now = services.clock.now_ms
        allocator = None
        if release is not None:
            allocator = Allocator.of(release, now(), (s for _, s in self._traded(release)))
        universe = read_universe(release) if release is not None else None
        warm_up = WarmUp(services.venues, now(), self._forecasts.return_of)
        listed = []
        for plan in plans:
            why = self._left_out(plan)
            if why:
                services.alerts.send("left out", symbol=plan.symbol, why=why)
            else:
                listed.append(plan)
        runners = [await warm_up.runner(plan, self._held_since(plan)) for plan in listed]
        if allocator is not None:
            await allocator.warm(services.venues, now(), instruments)
        self._signal_engine.swap(runners, allocator, universe)

    def _held_since(self, plan: RunnerPlan) -> int | None:
        """Time (ms) of the bar that opened the plan's position; None without one."""
        holding = self._portfolio.holding(plan.symbol)
        if holding is None or holding.row.strategy != plan.strategy or not holding.filled:
            return None
        return holding.row.bar_time

    def _left_out(self, plan: RunnerPlan) -> str:
        """Why an instrument is not traded; empty where it is."""
        instrument = self._portfolio.instruments.get(plan.symbol)
        if instrument is None:
            return "not listed at the exchange"
        quote_assets = self._services.settings.venue_of(plan.symbol).quote_assets
        if plan.exits_only or instrument.quote_asset in quote_assets:
            return ""
        return (
            f"priced in {instrument.quote_asset}, and venues.{venue_of(plan.symbol)}.quote_assets"
            f" has only {', '.join(quote_assets)}"
        )

    async def _keep_exits(self) -> None:
        plans = self._plans(None)
        if not plans:
            return
        try:
            await until_answered(partial(self._swap, plans))
        except NocturneError as error:
            log.error("no strategy exits for what is open: %s", error)
            self._services.alerts.send("no strategy exits for what is open", error=error)
