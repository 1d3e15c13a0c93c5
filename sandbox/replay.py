"""The replay: moves market time over the recorded minutes, one step after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from sandbox.candles import Bar
from sandbox.clock import Clock
from sandbox.engine.engine import Engine
from sandbox.feed import Feed, Tick
from sandbox.intervals import MINUTE
from sandbox.path import next_stop, refine, turning_points


class Audience(Protocol):
    """Who is told of each step."""

    async def step(self, time: int, closed: Mapping[str, Bar], ticks: list[Tick]) -> bool:
        """Hear of a step at market ``time``; False when no client was sent anything."""


@dataclass(frozen=True, slots=True)
class Span:
    """Market times (ms, whole minutes): first minute and end, which is not replayed any more."""

    begin: int
    end: int


class Replay:
    """Drives feeds and engine; every recorded minute ends in a step with its closed candle.

    A symbol's minute is walked along its path only when that matters: when it has an order or a
    position, or when the clock is paced (``refine_ms`` given) and clients expect a live market.
    """

    def __init__(
        self,
        engine: Engine,
        feeds: Mapping[str, Feed],
        clock: Clock,
        audience: Audience,
        span: Span,
        seed: int,
        refine_ms: int | None,
    ) -> None:
        self._engine = engine
        self._feeds = dict(sorted(feeds.items()))
        self._clock = clock
        self._audience = audience
        self._span = span
        self._seed = seed
        self._refine_ms = refine_ms
        self.steps = 0
        self.finished = False
        self.failed = False
        self.now = span.begin
        engine.at(span.begin)
        for feed in self._feeds.values():
            feed.start(span.begin)
            engine.core.markets[feed.symbol].price = feed.price
            if feed.candle is not None:
                feed.move(span.begin, feed.candle.open)
                engine.core.markets[feed.symbol].price = feed.price

    async def run(self) -> None:
        """Walk the whole span; returns when its end is reached."""
        await self._clock.start(self._span.begin)
        for minute in range(self._span.begin, self._span.end, MINUTE):
            await self._walk(minute)
            await self._close(minute)
        self.finished = True

    async def _walk(self, minute: int) -> None:
        paths: dict[str, list[tuple[int, Decimal]]] = {}
        if self._refine_ms is None and not self._walking():
            return
        for feed in self._feeds.values():
            if feed.candle is not None:
                paths[feed.symbol] = self._path(feed, minute)
        phases = max((len(path) for path in paths.values()), default=0)
        for phase in range(phases):
            await self._walk_phase(minute, {s: path[phase] for s, path in paths.items()})

    def _path(self, feed: Feed, minute: int) -> list[tuple[int, Decimal]]:
        assert feed.candle is not None
        symbol = feed.symbol
        exposure = self._engine.exposure(symbol)
        points = turning_points(feed.candle, exposure, f"{self._seed}:{symbol}:{minute}")
        if self._refine_ms is None:
            return points
        return refine(feed.price, points, self._refine_ms, feed.instrument.tick)

    def _walking(self) -> list[Feed]:
        paced = self._refine_ms is not None
        return [
            feed
            for feed in self._feeds.values()
            if feed.candle is not None and (paced or self._engine.busy(feed.symbol))
        ]

    async def _walk_phase(self, minute: int, targets: Mapping[str, tuple[int, Decimal]]) -> None:
        """Move all walking symbols to their targets; each trigger on the way is a step."""
        time = minute + max(offset for offset, _ in targets.values())
        still = self._refine_ms is not None  # a paced market also tells that nothing moved
        while True:
            moving = [f for f in self._walking() if still or f.price != targets[f.symbol][1]]
            if not moving:
                return
            still = False
            await self._reach(time)
            ticks = [self._advance(feed, targets[feed.symbol][1], time) for feed in moving]
            await self._finish_step(time, {}, ticks)
            time += 1

    def _advance(self, feed: Feed, target: Decimal, time: int) -> Tick:
        levels = self._engine.levels(feed.symbol) if feed.price != target else []
        stop = next_stop(feed.price, target, levels, feed.instrument.tick)
        tick = feed.move(time, stop)
        self._engine.on_price(feed.symbol, stop)
        return tick

    async def _close(self, minute: int) -> None:
        """Close the minute's candles and open the next minute, in one step."""
        time = minute + MINUTE
        await self._reach(time)
        closed: dict[str, Bar] = {}
        ticks: list[Tick] = []
        for feed in self._feeds.values():
            self._settle_at_close(feed, time)
            bar = feed.close_minute()
            if bar is not None:
                closed[feed.symbol] = bar
            self._fund(feed, minute, time)
            if time >= self._span.end:
                feed.minute = time
                continue
            feed.open_minute(time)
            ticks.extend(self._open(feed, time))
        await self._finish_step(time, closed, ticks)

    def _settle_at_close(self, feed: Feed, time: int) -> None:
        """A minute that nobody needed to see walked still ends at its close."""
        if feed.candle is not None and feed.price != feed.candle.close:
            feed.move(time, feed.candle.close)
            self._engine.on_price(feed.symbol, feed.price)

    def _open(self, feed: Feed, time: int) -> list[Tick]:
        """The next minute's first trade; told only when somebody may care."""
        if feed.candle is None:
            return []
        tick = feed.move(time, feed.candle.open)
        self._engine.on_price(feed.symbol, tick.price)
        told = self._refine_ms is not None or self._engine.busy(feed.symbol)
        return [tick] if told else []

    def _fund(self, feed: Feed, after: int, until: int) -> None:
        for _, rate in feed.funding.between(after, until):
            self._engine.apply_funding(feed.symbol, rate)

    async def _reach(self, time: int) -> None:
        await self._clock.before(time)
        self.now = time
        self._engine.at(time)

    async def _finish_step(self, time: int, closed: Mapping[str, Bar], ticks: list[Tick]) -> None:
        self.steps += 1
        if await self._audience.step(time, closed, ticks):
            await self._clock.after(time)
