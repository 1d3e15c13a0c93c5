"""From settings to the venues of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.api.listen_keys import ListenKeys
from sandbox.api.spot.call import SpotCall
from sandbox.api.spot.exchange import SpotExchange
from sandbox.api.spot.streams import SpotHub
from sandbox.api.usdm.call import Call
from sandbox.api.usdm.exchange import Exchange
from sandbox.api.usdm.streams import Hub
from sandbox.audit.ledger import Ledger
from sandbox.engines.spot.engine import SpotEngine
from sandbox.engines.usdm.engine import Engine
from sandbox.faults.injection import Faults
from sandbox.faults.scenarios import read_scenario
from sandbox.market.clock import Clock, LockstepClock, PacedClock, SteppedClock
from sandbox.market.feed import Feed
from sandbox.market.mark_price import MarkRule
from sandbox.market.replay import Desk, Span
from sandbox.protocol.api_keys import Credentials
from sandbox.protocol.rate_limits import SPOT_ORDERS, Limits
from sandbox.server.accounts import AccountPlan, one_account, read_accounts
from sandbox.server.loader import choose_span, load_feeds, load_marks
from sandbox.server.settings import Settings

# Up to this speed a client sees the market move each second, above it at the turning points only.
REFINED_UP_TO = 60.0
SECOND_MS = 1_000
SPOT_WEIGHT, USDM_WEIGHT = 6_000, 2_400


@dataclass(slots=True)
class Venues:
    """The venues of a run and what they share; either of them may be absent, not both."""

    usdm: Exchange | None
    spot: SpotExchange | None
    ledger: Ledger
    faults: Faults
    span: Span
    marks: Mapping[str, MarkRule] = field(default_factory=dict)

    @property
    def all(self) -> list[Exchange | SpotExchange]:
        """The venues that there are."""
        return [venue for venue in (self.usdm, self.spot) if venue is not None]

    @property
    def first(self) -> Exchange | SpotExchange:
        """The venue that stands for both where one is enough."""
        return self.all[0]

    @property
    def symbols(self) -> list[str]:
        """Symbols of all venues, once each."""
        return list(dict.fromkeys(symbol for venue in self.all for symbol in venue.feeds))

    def desks(self, *, bounded: bool) -> list[Desk]:
        """What the replay drives."""
        found = []
        if self.usdm is not None:
            usdm = self.usdm
            found.append(Desk("usdm", usdm.engine, usdm.feeds, usdm, bounded, self.marks))
        if self.spot is not None:
            found.append(Desk("spot", self.spot.engine, self.spot.feeds, self.spot, bounded))
        return found

    async def publish(self) -> None:
        """Record and tell what the engines have new."""
        for venue in self.all:
            await venue.publish()

    def silence(self) -> None:
        """Stop timers and writers."""
        if self.usdm is not None:
            for handle in self.usdm.countdowns.values():
                handle.cancel()
        for venue in self.all:
            for task in venue.background:
                task.cancel()
            for connection in list(venue.hub.connections):
                connection.writer.cancel()


def assemble(settings: Settings, clock: Clock) -> Venues:
    """Load candles, rules and accounts; open the ledger."""
    both = settings.venue == "both"
    usdm_feeds = load_feeds(settings, "usdm") if both or settings.venue == "usdm" else {}
    spot_feeds = load_feeds(settings, "spot") if both or settings.venue == "spot" else {}
    span = choose_span(settings, [usdm_feeds, spot_feeds])
    plans = (
        read_accounts(settings.accounts)
        if settings.accounts
        else one_account(settings.key, settings.secret, settings.balances)
    )
    credentials = {c.key: c for plan in plans for c in plan.keys}
    faults = Faults(settings.seed)
    if settings.faults is not None:
        for row in read_scenario(settings.faults, faults, span):
            faults.add(row)
    shared = _Shared(
        settings, clock, credentials, faults, Ledger(settings.ledger, _resumes(settings))
    )
    usdm = _usdm(shared, usdm_feeds, plans, span) if usdm_feeds else None
    spot = _spot(shared, spot_feeds, plans, span) if spot_feeds else None
    venues = Venues(usdm, spot, shared.ledger, faults, span, load_marks(settings, usdm_feeds))
    hubs = [venue.hub for venue in venues.all]
    for venue in venues.all:
        venue.hubs = hubs
    return venues


def _resumes(settings: Settings) -> bool:
    return settings.state is not None and settings.state.exists()


@dataclass(frozen=True, slots=True)
class _Shared:
    settings: Settings
    clock: Clock
    credentials: Mapping[str, Credentials]
    faults: Faults
    ledger: Ledger

    def limits(self, default: int) -> Limits:
        limits = Limits(self.settings.weight_limit or default)
        limits.counting = self.settings.count_orders
        return limits


def _usdm(
    shared: _Shared, feeds: Mapping[str, Feed], plans: list[AccountPlan], span: Span
) -> Exchange:
    engine = Engine([feed.instrument for feed in feeds.values()])
    engine.at(span.begin)
    for plan in plans:
        engine.open_account(plan.name, plan.usdm)
    return Exchange(
        engine=engine,
        feeds=feeds,
        credentials=shared.credentials,
        ledger=shared.ledger,
        clock=shared.clock,
        limits=shared.limits(USDM_WEIGHT),
        hub=Hub(feeds),
        make_call=Call.of,
        listen_keys=ListenKeys(shared.settings.seed),
        faults=shared.faults,
        strict=shared.settings.strict,
    )


def _spot(
    shared: _Shared, feeds: Mapping[str, Feed], plans: list[AccountPlan], span: Span
) -> SpotExchange:
    engine = SpotEngine([feed.instrument for feed in feeds.values()])
    engine.at(span.begin)
    for plan in plans:
        engine.open_account(plan.name, plan.spot)
    limits = shared.limits(SPOT_WEIGHT)
    limits.orders = SPOT_ORDERS
    return SpotExchange(
        engine=engine,
        feeds=feeds,
        credentials=shared.credentials,
        ledger=shared.ledger,
        clock=shared.clock,
        limits=limits,
        hub=SpotHub(feeds),
        make_call=SpotCall.of,
        listen_keys=ListenKeys(shared.settings.seed),
        faults=shared.faults,
        strict=shared.settings.strict,
    )


def make_clock(settings: Settings) -> Clock:
    """The clock that the settings ask for."""
    if settings.clock == "lockstep":
        return LockstepClock()
    if settings.clock == "stepped":
        return SteppedClock()
    return PacedClock(1.0 if settings.clock == "real" else settings.speed)


def refine_ms(settings: Settings) -> int | None:
    """Spacing of the path's points; None walks a minute only where something is at stake."""
    if settings.clock in ("lockstep", "stepped"):
        return None
    paced = 1.0 if settings.clock == "real" else settings.speed
    return SECOND_MS if paced <= REFINED_UP_TO else 60 * SECOND_MS
