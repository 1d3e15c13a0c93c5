"""Builds the venues of a run from its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.api.kis.access import Access
from sandbox.api.kis.call import KisCall
from sandbox.api.kis.exchange import KisExchange
from sandbox.api.kis.socket.streams import KisHub
from sandbox.api.requests import ApiRequest
from sandbox.api.spot.call import SpotCall
from sandbox.api.spot.exchange import SpotExchange
from sandbox.api.spot.streams import SpotHub
from sandbox.api.stream_hub import StreamHub
from sandbox.api.upbit.call import UpbitCall
from sandbox.api.upbit.exchange import UpbitExchange
from sandbox.api.upbit.streams import UpbitHub
from sandbox.api.usdm.call import UsdmCall
from sandbox.api.usdm.exchange import UsdmExchange
from sandbox.api.usdm.streams import UsdmHub
from sandbox.api.venues import StateChanges, Venues
from sandbox.audit.ledger import ExchangeLedger
from sandbox.engines.kis.engine import KisEngine
from sandbox.engines.spot.engine import SpotEngine
from sandbox.engines.upbit.engine import UpbitEngine
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.faults.injection import Faults
from sandbox.faults.scenarios import read_scenario
from sandbox.market.clock import (
    LockstepMarketClock,
    MarketClock,
    PacedClock,
    SteppedClock,
    wall_ms,
)
from sandbox.market.date_shift import redate, shift_to
from sandbox.market.feed import SymbolFeed
from sandbox.market.krw.krx_days import calendar_of
from sandbox.market.replay import Span
from sandbox.protocol.api_keys import Credentials
from sandbox.protocol.listen_keys import ListenKeys
from sandbox.protocol.rate_limits import SPOT_ORDERS, USDM_ORDERS, OrderLimit, RateLimits
from sandbox.server.accounts import AccountPlan, one_account, read_accounts
from sandbox.server.loader import (
    choose_span,
    follow_feeds,
    load_feeds,
    load_indexes,
    load_krw_feeds,
    load_marks,
)
from sandbox.server.settings import KRW_VENUES, SandboxSettings
from sandbox.server.snapshots import saved_shift
from trading.candles import MINUTE_MS, WEEK_MS

# Up to this speed clients see the market move each second, above it at turning points only.
REFINED_UP_TO = 60.0
SECOND_MS = 1_000
FeedsByVenue = Mapping[str, Mapping[str, SymbolFeed]]
# The end of a run that follows a live market: the year 9999.
FOREVER = 253_402_300_740_000
SPOT_WEIGHT, USDM_WEIGHT = 6_000, 2_400


def assemble(
    settings: SandboxSettings, clock: MarketClock, followed: FeedsByVenue | None = None
) -> Venues:
    """Load candles, rules and accounts, and open the ledger."""
    feeds = followed or load_all(settings)
    usdm_feeds, spot_feeds = feeds.get("usdm", {}), feeds.get("spot", {})
    if settings.live:
        begin = max(feed.time for feed in [*usdm_feeds.values(), *spot_feeds.values()])
        span = Span(begin, FOREVER)
    else:
        span = choose_span(settings, [usdm_feeds, spot_feeds])
    marks = {} if settings.live else load_marks(settings, usdm_feeds)
    indexes = {} if settings.live else load_indexes(settings, usdm_feeds)
    for symbol, index in indexes.items():
        usdm_feeds[symbol].indexed = index
    shift = 0
    if settings.redate:
        # The sessions of Korean stocks keep their hours and their weekdays.
        grid = WEEK_MS if settings.venue == "kis" else MINUTE_MS
        shift = saved_shift(settings.state) or shift_to(span.begin, wall_ms(), grid)
        redate(
            [*usdm_feeds.values(), *spot_feeds.values()],
            [*marks.values(), *indexes.values()],
            shift,
        )
        span = Span(span.begin + shift, span.end + shift)
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
    hub_kind = {"upbit": UpbitHub, "kis": KisHub}.get(settings.venue, SpotHub)
    usdm_hub, spot_hub = UsdmHub(usdm_feeds), hub_kind(spot_feeds)
    shared = _Shared(
        settings=settings,
        clock=clock,
        credentials=credentials,
        faults=faults,
        ledger=ExchangeLedger(settings.ledger, _resumes(settings)),
        changes=StateChanges(),
        hubs=[*([usdm_hub] if usdm_feeds else []), *([spot_hub] if spot_feeds else [])],
        plans=plans,
        begin=span.begin,
    )
    usdm = _usdm(shared, usdm_feeds, usdm_hub) if usdm_feeds else None
    if usdm is not None:
        usdm.marks = marks
    spot = _spot(shared, spot_feeds, spot_hub) if spot_feeds else None
    ledger, changes, live = shared.ledger, shared.changes, settings.live
    return Venues(usdm, spot, ledger, faults, changes, span, marks, shift, live)


def load_all(settings: SandboxSettings) -> FeedsByVenue:
    """Load the feeds of each served venue; those of Upbit and KIS stand for spot."""
    if settings.venue in KRW_VENUES:
        return {"spot": load_krw_feeds(settings)}
    load = follow_feeds if settings.live else load_feeds
    names = ("usdm", "spot") if settings.venue == "both" else (settings.venue,)
    return {name: load(settings, name) for name in names}


def _resumes(settings: SandboxSettings) -> bool:
    return settings.state is not None and settings.state.exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What both venues of a run are built from."""

    settings: SandboxSettings
    clock: MarketClock
    credentials: dict[str, Credentials]
    faults: Faults
    ledger: ExchangeLedger
    changes: StateChanges
    hubs: list[StreamHub]
    plans: list[AccountPlan]
    begin: int

    def limits(self, weight_limit: int, orders: tuple[OrderLimit, ...]) -> RateLimits:
        """Rate limits of a venue whose own weight limit is ``weight_limit``."""
        settings = self.settings
        return RateLimits(settings.weight_limit or weight_limit, orders, settings.count_orders)


def _usdm(shared: _Shared, feeds: Mapping[str, SymbolFeed], hub: UsdmHub) -> UsdmExchange:
    engine = UsdmEngine([feed.instrument for feed in feeds.values()])
    engine.set_time(shared.begin)
    for plan in shared.plans:
        engine.open_account(plan.name, plan.usdm)
    return UsdmExchange(
        engine=engine,
        feeds=feeds,
        credentials=shared.credentials,
        ledger=shared.ledger,
        clock=shared.clock,
        limits=shared.limits(USDM_WEIGHT, USDM_ORDERS),
        hub=hub,
        hubs=shared.hubs,
        changed=shared.changes.publish,
        make_call=UsdmCall.of,
        listen_keys=ListenKeys(shared.settings.seed),
        faults=shared.faults,
        strict=shared.settings.strict,
    )


def _spot(shared: _Shared, feeds: Mapping[str, SymbolFeed], hub: Any) -> SpotExchange:
    """Build the exchange of spot, or that of Upbit or KIS, which are spot with other rules."""
    instruments = [feed.instrument for feed in feeds.values()]
    engine: SpotEngine
    kind: type[SpotExchange]
    call: Callable[[Any, ApiRequest, str], Any]
    more: dict[str, Any] = {}
    match shared.settings.venue:
        case "upbit":
            engine, kind, call = UpbitEngine(instruments), UpbitExchange, UpbitCall.of
        case "kis":
            engine = KisEngine(instruments, calendar_of(feeds.values()))
            kind, call = KisExchange, KisCall.of
            more["access"] = Access(shared.credentials, counting=shared.settings.count_orders)
        case _:
            engine, kind, call = SpotEngine(instruments), SpotExchange, SpotCall.of
    engine.set_time(shared.begin)
    for symbol, feed in feeds.items():
        feed.instrument = engine.core.market(symbol).instrument
    for plan in shared.plans:
        engine.open_account(plan.name, plan.spot)
    return kind(
        engine=engine,
        feeds=feeds,
        credentials=shared.credentials,
        ledger=shared.ledger,
        clock=shared.clock,
        limits=shared.limits(SPOT_WEIGHT, SPOT_ORDERS),
        hub=hub,
        hubs=shared.hubs,
        changed=shared.changes.publish,
        make_call=call,
        listen_keys=ListenKeys(shared.settings.seed),
        faults=shared.faults,
        strict=shared.settings.strict,
        **more,
    )


def make_clock(settings: SandboxSettings) -> MarketClock:
    """Make the clock that the settings name."""
    if settings.clock == "lockstep":
        return LockstepMarketClock()
    if settings.clock == "stepped":
        return SteppedClock()
    if settings.clock == "real":
        return PacedClock(1.0, on_wall=bool(settings.redate))
    return PacedClock(settings.speed)


def refine_ms(settings: SandboxSettings) -> int | None:
    """Return the spacing of the path's points; None walks a minute only when it matters."""
    if settings.clock in ("lockstep", "stepped"):
        return None
    paced = 1.0 if settings.clock == "real" else settings.speed
    return SECOND_MS if paced <= REFINED_UP_TO else 60 * SECOND_MS
