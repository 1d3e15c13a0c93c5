"""The replay: moves market time over the recorded minutes, step by step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from sandbox.market.candles import Kline
from sandbox.market.clock import LockstepMarketClock, MarketClock
from sandbox.market.feed import SymbolFeed, TradePrint
from sandbox.market.mark_price import MarkRule
from sandbox.market.price_path import next_stop, refine, turning_points
from sandbox.market.symbol_walker import PathLeg, ReplayedEngine, SymbolWalker
from trading.candles import MINUTE_MS


class Audience(Protocol):
    """The receiver of each step."""

    async def step(self, time: int, closed: Mapping[str, Kline], ticks: list[TradePrint]) -> bool:
        """Handle a step at market ``time``; False when nothing was sent to any client."""

    async def flush(self) -> None:
        """Wait until all messages have left."""


@dataclass(frozen=True, slots=True)
class Span:
    """The replayed market times (ms, whole minutes); ``end`` is exclusive."""

    begin: int
    end: int


@dataclass(eq=False)
class ReplayedVenue:
    """One venue: its engine, its feeds, and the receiver of its steps."""

    venue: str
    engine: ReplayedEngine
    feeds: Mapping[str, SymbolFeed]
    audience: Audience
    bounded: bool = False
    marks: Mapping[str, MarkRule] = field(default_factory=dict)
    breaks: bool = False
    walkers: list[SymbolWalker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.walkers = [
            SymbolWalker(
                self.venue,
                self.engine,
                feed,
                self.bounded,
                self.marks.get(feed.symbol),
                self.breaks,
            )
            for _, feed in sorted(self.feeds.items())
        ]


class Replay:
    """Drives feeds and engines; every recorded minute ends in a step with its closed candle.

    A symbol's minute is walked along its path only when that matters: when it has an order or a
    position, or when the clock is paced (``refine_ms`` given) and clients expect a live market.
    """

    def __init__(
        self,
        venues: Sequence[ReplayedVenue],
        clock: MarketClock,
        span: Span,
        seed: int,
        refine_ms: int | None,
        due: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        self._venues = venues
        self._walkers = [walker for venue in venues for walker in venue.walkers]
        self._clock = clock
        self._span = span
        self._seed = seed
        self._refine_ms = refine_ms
        self._due = due
        self.steps = 0
        self.finished = False
        self.failed = False
        self.now = span.begin
        for venue in venues:
            venue.engine.set_time(span.begin)
        for walker in self._walkers:
            feed = walker.feed
            feed.start(span.begin)
            walker.begin_or_end_break()
            if feed.candle is not None:
                feed.move(span.begin, feed.candle.open)
            walker.engine.set_price(feed.symbol, feed.price)
            walker.aim(span.begin, feed.price)
            if walker.mark is not None:
                feed.marked = walker.goal[1]
                walker.engine.set_mark(feed.symbol, feed.marked)
            if walker.bounded:
                walker.release_volume(feed.symbol, span.begin)

    async def run(self) -> None:
        """Walk the whole span, then return."""
        await self._clock.start(self._span.begin)
        for minute in range(self._span.begin, self._span.end, MINUTE_MS):
            await self._walk(minute)
            await self._close(minute)
        self.finished = True

    async def _walk(self, minute: int) -> None:
        if self._refine_ms is None and not self._walking():
            return
        paths = {
            walker: self._path(walker, minute)
            for walker in self._walkers
            if walker.feed.candle is not None
        }
        for offset in sorted({leg.offset for path in paths.values() for leg in path}):
            legs = {x: leg for x, path in paths.items() for leg in path if leg.offset == offset}
            await self._walk_phase(max(self.now, minute + offset), legs)

    def _path(self, walker: SymbolWalker, minute: int) -> list[PathLeg]:
        feed = walker.feed
        assert feed.candle is not None
        recorded = feed.recorded()
        if recorded:
            walker.low_first = feed.candle.close > feed.candle.open
            return [PathLeg(s[-1].time - minute, s[-1].price, tuple(s)) for s in recorded]
        exposure = walker.engine.exposure(feed.symbol)
        points = turning_points(feed.candle, exposure, f"{self._seed}:{walker.name}:{minute}")
        walker.low_first = points[0][1] < points[1][1]
        if self._refine_ms is not None:
            points = refine(feed.price, points, self._refine_ms, feed.instrument.tick)
        return [PathLeg(offset, price) for offset, price in points]

    def _walking(self) -> list[SymbolWalker]:
        paced = self._refine_ms is not None
        return [
            walker
            for walker in self._walkers
            if walker.feed.candle is not None and (paced or walker.engine.busy(walker.feed.symbol))
        ]

    async def _walk_phase(self, time: int, legs: Mapping[SymbolWalker, PathLeg]) -> None:
        """Move all walking symbols to the ends of their legs; each trigger on the way is a step."""
        for walker, leg in legs.items():
            walker.aim(time, leg.price)
            walker.trades = leg.trades
        still = self._refine_ms is not None  # a paced market also reports that nothing moved
        while True:
            walking = [x for x in self._walking() if x in legs]
            moving = [x for x in walking if still or x.trades or x.under_way(legs[x].price)]
            if not moving:
                return
            still = False
            await self._reach(time)
            ticks = [
                (walker, tick)
                for walker in moving
                for tick in self._advance(walker, legs[walker].price, time)
            ]
            await self._finish_step(time, {}, ticks)
            time += 1

    def _advance(self, walker: SymbolWalker, target: Decimal, time: int) -> list[TradePrint]:
        feed = walker.feed
        if walker.trades:
            trades, walker.trades = walker.trades, ()
            return [walker.print(time, trade.price, trade) for trade in trades]
        levels = walker.levels() + self._awaited(feed.symbol) if feed.price != target else []
        stop = next_stop(feed.price, target, levels, feed.instrument.tick)
        return [walker.print(time, stop)]

    def _awaited(self, symbol: str) -> list[Decimal]:
        """Return the prices that a stepper of the clock waits for."""
        return self._clock.watched(symbol) if isinstance(self._clock, LockstepMarketClock) else []

    async def _close(self, minute: int) -> None:
        """Close the minute's candles and open the next minute, in one step."""
        time = minute + MINUTE_MS
        await self._reach(time)
        closed: dict[SymbolWalker, Kline] = {}
        ticks: list[tuple[SymbolWalker, TradePrint]] = []
        for walker in self._walkers:
            feed = walker.feed
            self._settle_at_close(walker, time)
            bar = feed.close_minute()
            if bar is not None:
                closed[walker] = bar
            for _, rate in feed.funding.between(minute, time):
                walker.engine.apply_funding(feed.symbol, rate)
            if time >= self._span.end:
                feed.minute = time
                continue
            walker.open_minute(time)
            ticks.extend(self._open(walker, time))
        await self._finish_step(time, closed, ticks)

    def _settle_at_close(self, walker: SymbolWalker, time: int) -> None:
        """Move a minute that was not walked to its close."""
        candle = walker.feed.candle
        if candle is None:
            return
        walker.aim(time - 1, candle.close)
        if walker.under_way(candle.close):
            walker.print(time, candle.close)

    def _open(self, walker: SymbolWalker, time: int) -> list[tuple[SymbolWalker, TradePrint]]:
        """Print the next minute's first trade; return it only when it may matter to a client."""
        if walker.feed.candle is None:
            return []
        walker.aim(time, walker.feed.candle.open)
        tick = walker.print(time, walker.feed.candle.open)
        matters = self._refine_ms is not None or walker.engine.busy(walker.feed.symbol)
        return [(walker, tick)] if matters else []

    async def _reach(self, time: int) -> None:
        await self._clock.before(time)
        self.now = time
        for venue in self._venues:
            venue.engine.set_time(time)
        if self._due is not None:
            await self._due(time)

    async def _finish_step(
        self,
        time: int,
        closed: Mapping[SymbolWalker, Kline],
        ticks: list[tuple[SymbolWalker, TradePrint]],
    ) -> None:
        self.steps += 1
        sent = False
        for venue in self._venues:
            bars = {
                walker.feed.symbol: closed[walker] for walker in venue.walkers if walker in closed
            }
            mine = [tick for walker, tick in ticks if walker.engine is venue.engine]
            sent = await venue.audience.step(time, bars, mine) or sent
        if not sent:
            return
        if isinstance(self._clock, LockstepMarketClock) and self._clock.announced:
            for venue in self._venues:
                await venue.audience.flush()
            self._clock.announce(time)
        await self._clock.after(time)
