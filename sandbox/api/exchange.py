"""The parts that the exchanges of both venues share, and the calls that handlers work on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar

from sandbox.api.encoded_bars import EncodedBars
from sandbox.api.requests import ApiRequest
from sandbox.api.stream_hub import StreamHub
from sandbox.audit.ledger import ExchangeLedger
from sandbox.engines.common import error_codes
from sandbox.engines.common.order_book import Levels
from sandbox.faults.injection import Faults
from sandbox.market.clock import LockstepMarketClock, MarketClock
from sandbox.market.feed import SymbolFeed
from sandbox.protocol.api_keys import Credentials
from sandbox.protocol.listen_keys import ListenKeys
from sandbox.protocol.params import Params
from sandbox.protocol.rate_limits import RateLimits


class VenueCore(Protocol):
    """The state of a venue's engine."""

    now: int


class VenueEngine(Protocol):
    """What an exchange needs from its engine."""

    @property
    def core(self) -> VenueCore:
        """The engine's state."""

    def resting(self, symbol: str) -> Levels:
        """Return the accounts' resting orders in a symbol's book."""

    def supplied(self, symbol: str) -> dict[str, Decimal] | None:
        """Return what each side can still fill; None where nothing limits it."""


E = TypeVar("E", bound=VenueEngine)
H = TypeVar("H", bound=StreamHub)


@dataclass(slots=True, kw_only=True)
class BaseExchange(Generic[E, H]):
    """One venue, with the ``hubs`` of all venues; only the event loop may change it."""

    engine: E
    feeds: Mapping[str, SymbolFeed]
    credentials: dict[str, Credentials]
    ledger: ExchangeLedger
    clock: MarketClock
    limits: RateLimits
    hub: H
    hubs: Sequence[StreamHub]
    listen_keys: ListenKeys
    make_call: Callable[[Any, ApiRequest, str], Any]
    faults: Faults = field(default_factory=Faults)
    requests: int = 0
    strict: bool = True
    microseconds: bool = False
    changed: Callable[[], None] = field(default=lambda: None)
    encoded: EncodedBars = field(default_factory=EncodedBars)
    background: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def now(self) -> int:
        """Market time (ms)."""
        return self.engine.core.now

    def call(self, request: ApiRequest, account: str) -> Any:
        """Return what a handler works on."""
        return self.make_call(self, request, account)

    async def flush(self) -> None:
        """Wait until all market messages have left."""
        await self.hub.flush_market()

    def show_books(self, symbols: Iterable[str]) -> None:
        """Show the accounts' resting orders in the books of ``symbols``."""
        for symbol in symbols:
            left = self.engine.supplied(symbol)
            moved = left is not None and self.feeds[symbol].show_left(left)
            self.hub.rest(symbol, self.engine.resting(symbol), self.now, moved=moved)

    def audience_changed(self) -> None:
        """Tell a lockstep clock whether anybody listens to market data of any venue."""
        if isinstance(self.clock, LockstepMarketClock):
            self.clock.set_audience(any(hub.market_audience for hub in self.hubs))


class Listing(Protocol):
    """What a call needs from its exchange."""

    @property
    def feeds(self) -> Mapping[str, SymbolFeed]:
        """The feed of each listed symbol."""


X = TypeVar("X", bound=Listing)
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class BaseCall(Generic[X, A]):
    """A request as a handler sees it; ``key_account`` is set when it carries an API key."""

    exchange: X
    params: Params
    key_account: A | None = None

    @property
    def account(self) -> A:
        """The account that makes the request."""
        if self.key_account is None:
            raise error_codes.BAD_KEY_FORMAT()
        return self.key_account

    def feed(self, symbol: str) -> SymbolFeed:
        """Return the feed of a symbol; refuse one that is not listed (−1121)."""
        feed = self.exchange.feeds.get(symbol)
        if feed is None:
            raise error_codes.BAD_SYMBOL()
        return feed

    def feeds(self) -> list[SymbolFeed]:
        """Return the feed of the given symbol, or all feeds."""
        symbol = self.params.text("symbol")
        return [self.feed(symbol)] if symbol else list(self.exchange.feeds.values())

    def one_or_all(self, to_json: Callable[[SymbolFeed], Any]) -> Any:
        """Return one object when a symbol is given, otherwise a list."""
        rows = [to_json(feed) for feed in self.feeds()]
        return rows[0] if self.params.text("symbol") else rows
