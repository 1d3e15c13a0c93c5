"""The feed: market events into `candle_closed` and `price_updated`, gaps filled in order first."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable

from executor.bus.events import EventType, candle_data
from executor.context import Context
from executor.model import MarketEvent, StreamState, Tick
from executor.venues.faults import VenueFaultError
from trading.candles import MINUTE_MS, Candle

log = logging.getLogger(__name__)


class MarketFeed:
    """Keeps the candles of every symbol complete and in order."""

    def __init__(self, ctx: Context, stale_s: float | None) -> None:
        self._ctx = ctx
        self._stale_s = stale_s
        self._last_open: dict[str, int] = {}
        self._waiting: defaultdict[str, deque[Candle]] = defaultdict(deque)
        self._filling: set[str] = set()
        self._heard = time.monotonic()
        self._spoke: dict[str, float] = {}
        self.up = False
        self.seen: defaultdict[str, int] = defaultdict(int)
        """Closed candles seen on the stream, by symbol."""
        self.newest_event = 0
        """Largest event time of the stream, ms."""
        self.messages = 0
        self._arrived = asyncio.Event()
        self.on_connected: Callable[[], None] = _nothing

    def start_at(self, symbols: Iterable[str], now_ms: int) -> None:
        """The history is known up to this minute."""
        for symbol in symbols:
            self._last_open.setdefault(symbol, now_ms - now_ms % MINUTE_MS - MINUTE_MS)

    def last_open(self, symbol: str) -> int:
        """Open time of the newest candle handed on, 0 for none."""
        return self._last_open.get(symbol, 0)

    @property
    def symbols(self) -> list[str]:
        """Symbols that are followed."""
        return sorted(self._last_open)

    @property
    def silence_s(self) -> float:
        """Wall seconds since the last message."""
        return time.monotonic() - self._heard

    def speaks(self, symbol: str) -> bool:
        """Whether the stream brings this symbol's messages; the others' prove nothing for it."""
        if self._stale_s is None:
            return self.up
        spoke = self._spoke.get(symbol)
        return self.up and spoke is not None and time.monotonic() - spoke <= self._stale_s

    def fresh(self, symbol: str | None = None) -> bool:
        """Whether decisions may be made on what the stream shows (of one symbol, where named)."""
        silent = self._stale_s is not None and self.silence_s > self._stale_s
        mute = symbol is not None and not self.speaks(symbol)
        return self.up and not silent and not mute and not self._filling

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
        self._ctx.clock.observe(event.event_time)
        if isinstance(event, Tick):
            self._price(event.symbol, event.price)
        elif event.closed:
            self.seen[event.symbol] += 1
            self._closed(event.symbol, event.candle)
        else:
            self._price(event.symbol, event.candle.close)

    async def wait_newer(self, event_time: int) -> None:
        """Return when something newer than ``event_time`` has come."""
        while self.newest_event <= event_time:
            self._arrived.clear()
            await self._arrived.wait()

    def step_complete(self) -> bool:
        """Whether all symbols that were in step a minute ago have closed the same candle."""
        newest = max(self._last_open.values(), default=0)
        return all(t == newest or t < newest - MINUTE_MS for t in self._last_open.values())

    def price_by_rest(self, symbol: str, price: float) -> None:
        """A price that had to be asked for, because the stream is down."""
        self._price(symbol, price)

    def _price(self, symbol: str, price: float) -> None:
        slot = self._ctx.portfolio.slot(symbol)
        if slot.holding is None:
            slot.last_price = price
            return
        # What is held takes its price in turn, after the candle that came before it.
        self._ctx.bus.publish(
            self._ctx.journal.record(
                self._ctx.make(EventType.PRICE_UPDATED, symbol=symbol, price=price)
            )
        )

    def _state(self, event: StreamState) -> None:
        self.up = event.up
        if event.up:
            self._heard = time.monotonic()
            self._ctx.emit(EventType.WS_CONNECTED, stream=event.name)
            for symbol in self.symbols:
                self._fill(symbol)
            self.on_connected()
        else:
            log.warning("market stream down: %s", event.detail)
            self._ctx.emit(EventType.WS_DISCONNECTED, stream=event.name, detail=event.detail)

    def _closed(self, symbol: str, candle: Candle) -> None:
        if symbol in self._filling:
            self._waiting[symbol].append(candle)
            return
        last = self._last_open.get(symbol)
        if last is None or candle.open_time == last + MINUTE_MS:
            self._hand_on(symbol, candle)
        elif candle.open_time > last:
            self._waiting[symbol].append(candle)
            self._fill(symbol)

    def _fill(self, symbol: str) -> None:
        if symbol not in self._filling:
            self._filling.add(symbol)
            self._ctx.spawn(f"fill {symbol}", self._fill_gap(symbol))

    async def _fill_gap(self, symbol: str) -> None:
        """Fetch what closed meanwhile, hand it on in order, then what waited."""
        try:
            now = self._ctx.clock.now_ms()
            start = self._last_open[symbol] + MINUTE_MS
            end = now - now % MINUTE_MS
            if start < end:
                for candle in await self._ctx.venue.klines(symbol, "1m", start, end):
                    if candle.open_time > self._last_open[symbol]:
                        self._hand_on(symbol, candle)
        except VenueFaultError as fault:
            # Entries stay blocked by the missing candles' age; the next gap asks again.
            log.warning("%s: missing candles not fetched: %s", symbol, fault)
        finally:
            self._filling.discard(symbol)
            waiting = self._waiting.pop(symbol, ())
            for candle in waiting:
                if candle.open_time > self._last_open[symbol]:
                    self._hand_on(symbol, candle)

    def _hand_on(self, symbol: str, candle: Candle) -> None:
        self._last_open[symbol] = candle.open_time
        closed_at = candle.open_time + MINUTE_MS
        fresh = self._ctx.clock.now_ms() - closed_at < MINUTE_MS
        event = self._ctx.make(
            EventType.CANDLE_CLOSED, symbol=symbol, **candle_data(candle, fresh=fresh)
        )
        self._ctx.bus.publish(self._ctx.journal.record(event))


def _nothing() -> None:
    """Nobody wants to know."""
