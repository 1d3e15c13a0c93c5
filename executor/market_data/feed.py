"""The feed: market events become `candle_closed` and `price_updated`; gaps are filled first."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable

from executor.bus.events import ClosedCandle, EventType, PriceUpdate
from executor.market_data.price_guard import PriceGuard, usable
from executor.market_data.stream_alerts import say_stream_down
from executor.model import InstrumentId, MarketEvent, StreamState, Tick, venue_of
from executor.services import Services
from executor.venues.faults import UnreadableAnswer, VenueFaultError
from trading.candles import MINUTE_MS, Candle

log = logging.getLogger(__name__)

ASK_AGAIN_S = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses between requests for missing candles; the last one repeats."""
LOOK_AGAIN_S = 1.0
MOST_SHORT_ANSWERS = 20
"""After so long without the candles, an exchange that answers has none."""


class MarketFeed:
    """Keeps the candles of every symbol complete and in order.

    ``take_price`` takes a price at once, or answers False where it must come as an event.
    """

    def __init__(
        self,
        services: Services,
        take_price: Callable[[InstrumentId, float], bool],
        stale_s: float | None,
    ) -> None:
        self._services = services
        self._take_price = take_price
        self._stale_s = stale_s
        self._last_open: dict[InstrumentId, int] = {}
        self._waiting: defaultdict[InstrumentId, deque[Candle]] = defaultdict(deque)
        self._wanted: dict[InstrumentId, int] = {}
        """Open time of the newest candle that the stream brought and nobody could use."""
        self._filling: set[InstrumentId] = set()
        self.guard = PriceGuard()
        self._heard = time.monotonic()
        self._spoke: dict[InstrumentId, float] = {}
        self._down: set[str] = set(services.venues.names)
        self.seen: defaultdict[InstrumentId, int] = defaultdict(int)
        """Closed candles seen on the stream, by symbol."""
        self.newest_event = 0
        """Largest event time of the stream, ms."""
        self.messages = 0
        self._arrived = asyncio.Event()

    def start_at(self, symbols: Iterable[InstrumentId], now_ms: int) -> None:
        """Follow symbols whose history is known up to this minute."""
        for symbol in symbols:
            self._last_open.setdefault(symbol, now_ms - now_ms % MINUTE_MS - MINUTE_MS)

    @property
    def symbols(self) -> list[InstrumentId]:
        """Symbols that the feed follows."""
        return sorted(self._last_open)

    @property
    def up(self) -> bool:
        """Whether the streams of all venues are connected."""
        return not self._down

    def connected(self, symbol: InstrumentId) -> bool:
        """Whether the stream of an instrument's venue is connected."""
        return venue_of(symbol) not in self._down

    @property
    def silence_s(self) -> float:
        """Wall seconds since the last message."""
        return time.monotonic() - self._heard

    def speaks(self, symbol: InstrumentId) -> bool:
        """Whether the stream brings messages of this symbol; those of others prove nothing."""
        if self._stale_s is None:
            return self.connected(symbol)
        spoke = self._spoke.get(symbol)
        return (
            self.connected(symbol)
            and spoke is not None
            and time.monotonic() - spoke <= self._stale_s
        )

    def fresh(self, symbol: InstrumentId | None = None) -> bool:
        """Whether the streams are current enough for decisions (of one instrument, if named)."""
        if symbol is not None:
            venue = venue_of(symbol)
            return self.speaks(symbol) and all(venue_of(s) != venue for s in self._filling)
        silent = self._stale_s is not None and self.silence_s > self._stale_s
        return self.up and not silent and not self._filling

    def push(self, event: MarketEvent) -> None:
        """Take a market event."""
        if isinstance(event, StreamState):
            self._state(event)
            return
        self._heard = time.monotonic()
        self._spoke[event.symbol] = self._heard
        self.messages += 1
        self._arrived.set()
        self.newest_event = max(self.newest_event, event.event_time)
        self._services.clock.observe(event.event_time)
        if isinstance(event, Tick):
            self.on_price(event.symbol, event.price)
        elif event.closed:
            self._take(event.symbol, event.candle)
        elif self.guard.candle("candles", event.symbol, event.candle):
            self.on_price(event.symbol, event.candle.close, "candles")

    def _take(self, symbol: InstrumentId, candle: Candle) -> None:
        """Take a closed candle; one that cannot be believed is fetched instead."""
        good = self.guard.candle("candles", symbol, candle)
        if good and not self.guard.odd_candle(symbol, candle):
            self.guard.believe(symbol, candle.close)
            self.seen[symbol] += 1
            self._closed(symbol, candle)
        elif symbol in self._last_open:
            self._wanted[symbol] = candle.open_time
            self._fill(symbol)

    async def wait_newer(self, event_time: int) -> None:
        """Return when something newer than ``event_time`` has come."""
        while self.newest_event <= event_time:
            self._arrived.clear()
            await self._arrived.wait()

    def step_complete(self) -> bool:
        """Whether all symbols that were in step a minute ago have closed the same candle."""
        newest = max(self._last_open.values(), default=0)
        return all(t == newest or t < newest - MINUTE_MS for t in self._last_open.values())

    def on_price(self, symbol: InstrumentId, price: float, source: str = "prices") -> None:
        """Take a price; for an open position it comes in turn, after the candle before it."""
        if not self.guard.price(source, symbol, price):
            return
        looking = symbol in self.guard.doubted
        if not self.guard.odd(symbol, price):
            self._hand_on(symbol, price)
        elif not looking:
            self._services.spawn(f"odd price {symbol}", self._look_again(symbol))

    def _hand_on(self, symbol: InstrumentId, price: float) -> None:
        if not self._take_price(symbol, price):
            self._services.emit(EventType.PRICE_UPDATED, symbol=symbol, payload=PriceUpdate(price))

    async def _look_again(self, symbol: InstrumentId) -> None:
        """Ask for the price; without an answer, the odd one counts if nothing contradicts it."""
        try:
            price = await self._services.venue_of(symbol).last_price(symbol)
        except VenueFaultError as fault:
            log.warning("%s: odd price not confirmed: %s", symbol, fault)
            await asyncio.sleep(LOOK_AGAIN_S)
            price = self.guard.doubted.get(symbol, 0.0)
        if usable(price):
            self.guard.believe(symbol, price)
            self._hand_on(symbol, price)
        else:
            self.guard.doubted.pop(symbol, None)

    def _state(self, event: StreamState) -> None:
        if event.up:
            self._down.discard(event.venue)
            self._heard = time.monotonic()
            self._services.emit(EventType.WS_CONNECTED, venue=event.venue, stream=event.name)
            for symbol in self.symbols:
                if venue_of(symbol) == event.venue:
                    self._fill(symbol)
        else:
            self._down.add(event.venue)
            log.warning("%s: market stream down: %s", event.venue, event.detail)
            say_stream_down(self._services, event)
            self._services.emit(
                EventType.WS_DISCONNECTED,
                venue=event.venue,
                stream=event.name,
                detail=event.detail,
            )

    def _closed(self, symbol: InstrumentId, candle: Candle) -> None:
        if symbol in self._filling:
            self._waiting[symbol].append(candle)
            return
        last = self._last_open.get(symbol)
        if last is None or candle.open_time == last + MINUTE_MS:
            self._publish(symbol, candle)
        elif candle.open_time > last:
            self._waiting[symbol].append(candle)
            self._fill(symbol)

    def _fill(self, symbol: InstrumentId) -> None:
        if symbol not in self._filling:
            self._filling.add(symbol)
            self._services.spawn(f"fill {symbol}", self._fill_gap(symbol))

    async def _fill_gap(self, symbol: InstrumentId) -> None:
        """Ask for the missing candles until none is missing, then publish all in order."""
        try:
            for asked in itertools.count():
                if await self._asked_for(symbol, last_time=asked >= MOST_SHORT_ANSWERS):
                    return
                await asyncio.sleep(ASK_AGAIN_S[min(asked, len(ASK_AGAIN_S) - 1)])
        finally:
            self._filling.discard(symbol)

    async def _asked_for(self, symbol: InstrumentId, *, last_time: bool) -> bool:
        """Publish what is known without a hole; False when the exchange must be asked again."""
        waiting = self._waiting[symbol]
        now = self._services.clock.now_ms()
        start = self._last_open[symbol] + MINUTE_MS
        wanted = self._wanted.get(symbol, 0)
        newest = max(wanted, waiting[-1].open_time if waiting else 0)
        end = max(now - now % MINUTE_MS, newest + MINUTE_MS)
        answer: list[Candle] = []
        try:
            if start < end:
                answer = await self._services.venue_of(symbol).klines(symbol, "1m", start, end)
        except VenueFaultError as fault:
            if isinstance(fault, UnreadableAnswer):
                self.guard.refuse("rest", symbol, fault)
            log.warning("%s: missing candles not fetched: %s", symbol, fault)
            return False
        good = [c for c in answer if self.guard.candle("rest", symbol, c)]
        if len(good) < len(answer) and not last_time:
            return False
        # A candle of the answer that is younger than a hole proves that the exchange has none.
        reached = max((candle.open_time for candle in answer), default=0)
        known = {candle.open_time: candle for candle in (*good, *waiting)}
        waiting.clear()
        for open_time in sorted(known):
            last = self._last_open[symbol]
            if open_time > max(last + MINUTE_MS, reached) and not last_time:
                waiting.append(known[open_time])
            elif open_time > last:
                self._publish(symbol, known[open_time])
                self.guard.believe(symbol, known[open_time].close)
        return not waiting and (self._last_open[symbol] >= wanted or last_time)

    def _publish(self, symbol: InstrumentId, candle: Candle) -> None:
        self._last_open[symbol] = candle.open_time
        fresh = self._services.clock.now_ms() - candle.open_time - MINUTE_MS < MINUTE_MS
        closed = ClosedCandle(candle, fresh)
        self._services.emit(EventType.CANDLE_CLOSED, symbol=symbol, payload=closed)
