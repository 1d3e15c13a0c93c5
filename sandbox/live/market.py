"""The followed market: every message moves feeds and engines; an outage stands still.

Taker orders walk the depth that was seen last, and what they took is gone until the next book. A
trade that passes levels removes them; where none is left, it is met one tick beyond its price. A
resting order fills when a trade prints beyond its price or the seen book reaches it: all of it, or
with ``bounded`` as much as was traded. While nothing is seen, nothing fills.
"""

from __future__ import annotations

import asyncio
import logging
import time as wall
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import aiohttp

from sandbox.engines.common.recorded_market import Level
from sandbox.live.feed import LiveFeed
from sandbox.live.upstream import Upstream, messages
from sandbox.market.candles import Kline
from sandbox.market.feed import TradePrint
from sandbox.market.replay import Audience
from sandbox.market.symbol_walker import ReplayedEngine
from sandbox.market.trade_tape import RecordedTrade
from trading.candles import MINUTE_MS
from trading.errors import VenueError

# What is offered beyond a trade that passed all seen levels, if fills are whole.
UNBOUNDED = Decimal(10) ** 12
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 10.0
BROKEN = (OSError, aiohttp.ClientError, TimeoutError, VenueError, ValueError, KeyError)
log = logging.getLogger(__name__)


class LiveEngine(ReplayedEngine, Protocol):
    """What a followed market needs from an engine."""

    def set_seen(self, symbol: str, bids: list[Level], asks: list[Level]) -> None:
        """Set the levels that were seen last."""

    def pass_through(self, symbol: str, price: Decimal, quantity: Decimal) -> None:
        """Drop the levels that a trade has passed."""

    def set_stale(self, symbol: str) -> None:
        """Mark a symbol as unseen."""

    def set_funding_rate(self, symbol: str, rate: Decimal) -> None:
        """Set the rate that the next funding will have."""


@dataclass(frozen=True, slots=True)
class LiveVenue:
    """One venue: its engine, its feeds, the receiver of its steps, and whom it follows."""

    engine: LiveEngine
    feeds: Mapping[str, LiveFeed]
    audience: Audience
    upstream: Upstream
    bounded: bool = False


class LiveMarket:
    """Follows the upstream of each venue until it is cancelled.

    A symbol without a message for ``stale_s`` seconds is stale, and so is one whose socket broke.
    """

    def __init__(self, venues: Sequence[LiveVenue], stale_s: float) -> None:
        self._venues = venues
        self._stale_s = stale_s
        self._heard: dict[LiveFeed, float] = {}
        self.steps = 0
        self.outages = 0
        self.finished = self.failed = False
        self.now = max(feed.time for venue in venues for feed in venue.feeds.values())
        for venue in venues:
            venue.engine.set_time(self.now)
            for symbol, feed in venue.feeds.items():
                venue.engine.set_price(symbol, feed.price)
                venue.engine.set_stale(symbol)  # nothing of it has been seen yet

    @property
    def stale(self) -> list[str]:
        """The symbols without live data at the moment."""
        feeds = (feed for venue in self._venues for feed in venue.feeds.values())
        return [feed.symbol for feed in feeds if feed not in self._heard]

    async def run(self) -> None:
        """Follow all sockets of all venues."""
        async with asyncio.TaskGroup() as group:
            for venue in self._venues:
                for url in venue.upstream.socket_urls(list(venue.feeds)):
                    group.create_task(self._follow(venue, url))
            group.create_task(self._watch())

    async def _follow(self, venue: LiveVenue, url: str) -> None:
        """Follow one socket; after each break repair the gap, and wait longer each time."""
        waited = FIRST_WAIT_S
        while True:
            try:
                await self._repair(venue)
                async for name, data in messages(url):
                    waited = FIRST_WAIT_S
                    await self._handle(venue, name, data)
                log.warning("%s ended", url.partition("?")[0])
            except BROKEN as error:
                log.warning("%s broke: %r", url.partition("?")[0], error)
            self.outages += 1
            self._lose(venue)
            await asyncio.sleep(waited)
            waited = min(LONGEST_WAIT_S, waited * 2)

    async def _repair(self, venue: LiveVenue) -> None:
        for symbol, feed in venue.feeds.items():
            after = int(feed.series.open_time[-1]) + MINUTE_MS
            feed.repair(await venue.upstream.klines_later(symbol, after))

    def _lose(self, venue: LiveVenue) -> None:
        for symbol, feed in venue.feeds.items():
            if self._heard.pop(feed, None) is not None:
                log.warning("%s is stale: nothing of it fills until it is seen again", symbol)
            venue.engine.set_stale(symbol)

    async def _watch(self) -> None:
        """Mark symbols as stale whose sockets are open but mute."""
        while True:
            await asyncio.sleep(self._stale_s / 4)
            limit = wall.monotonic() - self._stale_s
            for venue in self._venues:
                for symbol, feed in venue.feeds.items():
                    if self._heard.get(feed, limit) < limit:
                        del self._heard[feed]
                        venue.engine.set_stale(symbol)
                        log.warning("%s is stale: no message for %g s", symbol, self._stale_s)

    async def _handle(self, venue: LiveVenue, name: str, data: dict[str, Any]) -> None:
        symbol, _, kind = name.partition("@")
        feed = venue.feeds.get(symbol.upper())
        if feed is None:
            return
        time = int(data.get("E", self.now))
        self._reach(time)
        ticks: list[TradePrint] = []
        closed: dict[str, Kline] = {}
        match kind.partition("@")[0].partition("_")[0]:
            case "aggTrade":
                ticks.append(self._trade(venue, feed, data))
            case "depth20":
                self._see(venue, feed, data)
            case "markPrice":
                self._mark(venue, feed, data)
            case "kline":
                k = data["k"]
                row = [k["t"], k["o"], k["h"], k["l"], k["c"], k["v"], k["T"], k["q"], k["x"]]
                bar = feed.follow(row)
                closed = {feed.symbol: bar} if bar is not None else {}
        self.steps += 1
        await venue.audience.step(self.now, closed, ticks)

    def _reach(self, time: int) -> None:
        """Move market time forward; a late message does not move it back."""
        if time > self.now:
            self.now = time
            for venue in self._venues:
                venue.engine.set_time(time)

    def _trade(self, venue: LiveVenue, feed: LiveFeed, data: dict[str, Any]) -> TradePrint:
        trade = RecordedTrade(
            int(data["T"]), Decimal(data["p"]), Decimal(data["q"]), bool(data["m"])
        )
        tick = feed.trade(self.now, trade)
        engine = venue.engine
        engine.supply(feed.symbol, trade.quantity if venue.bounded else None)
        engine.pass_through(
            feed.symbol, trade.price, trade.quantity if venue.bounded else UNBOUNDED
        )
        engine.set_quote(feed.symbol, feed.quote)
        engine.on_price(feed.symbol, trade.price)
        return tick

    def _see(self, venue: LiveVenue, feed: LiveFeed, data: dict[str, Any]) -> None:
        bids, asks = data.get("b", data.get("bids", [])), data.get("a", data.get("asks", []))
        venue.engine.set_seen(feed.symbol, *feed.see(bids, asks))
        self._heard[feed] = wall.monotonic()
        if venue.engine.busy(feed.symbol):
            venue.engine.supply(feed.symbol, None)
            venue.engine.on_price(feed.symbol, feed.price)

    def _mark(self, venue: LiveVenue, feed: LiveFeed, data: dict[str, Any]) -> None:
        symbol, due = feed.symbol, int(data["T"])
        feed.marked = Decimal(data["p"])
        venue.engine.set_mark(symbol, feed.marked)
        if feed.next_funding_ms and due > feed.next_funding_ms:
            venue.engine.apply_funding(symbol, feed.funding_rate)
        feed.next_funding_ms, feed.funding_rate = due, Decimal(data["r"] or "0")
        venue.engine.set_funding_rate(symbol, feed.funding_rate)
        if venue.engine.busy(symbol):
            venue.engine.on_price(symbol, feed.price)
