"""Deciding: one `Decider` a strategy and symbol, warmed up by REST and fed with closed candles."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from executor.context import Context
from executor.events import Event, EventType, candle_of
from executor.guarding import MINUTE_MS
from executor.monitor import Monitor
from executor.ports import Venue
from lake.releases import Release, StrategyEntry
from trading.candles import Candle, interval_name
from trading.decider import Decider, Decision
from trading.ict.merge import place_of
from trading.strategies.registry import get_strategy

log = logging.getLogger(__name__)


@dataclass
class Lane:
    """One strategy on one symbol under one release."""

    strategy: str
    symbol: str
    release: Release
    entry: StrategyEntry
    decider: Decider
    last_open: int
    """Open time of the newest candle that the decider has taken in."""
    held: str = ""
    """Kind of the last hold that was written."""


@dataclass
class History:
    """Recent closed 1m candles of a symbol, for lanes that warm up beside the running ones."""

    candles: OrderedDict[int, Candle] = field(default_factory=OrderedDict)

    def add(self, candle: Candle) -> None:
        """Keep a candle; a day's worth is kept."""
        self.candles[candle.open_time] = candle
        while len(self.candles) > 1_440:
            self.candles.popitem(last=False)

    def after(self, open_time: int) -> list[Candle]:
        """Candles that open after a time."""
        return [c for t, c in self.candles.items() if t > open_time]


class Warmer:
    """Fetches the history of a decider; candles are asked for once a symbol and interval."""

    def __init__(self, venue: Venue, now_ms: int) -> None:
        self._venue = venue
        self._now = now_ms - now_ms % MINUTE_MS
        self._known: dict[tuple[str, str, int], list[Candle]] = {}

    async def lane(self, release: Release, entry: StrategyEntry) -> Lane:
        """A lane whose decider has seen everything that closed before now."""
        decider = Decider(get_strategy(entry.strategy), entry.params, MINUTE_MS)
        start = decider.base_start(self._now)
        for tf_ms, bars in decider.history_needed().items():
            first = start - bars * tf_ms
            for candle in await self._candles(entry.symbol, tf_ms, first, start):
                decider.warm(tf_ms, candle)
        for candle in await self._candles(entry.symbol, MINUTE_MS, start, self._now):
            decider.on_candle(candle)
        return Lane(entry.strategy, entry.symbol, release, entry, decider, self._now - MINUTE_MS)

    async def _candles(
        self, symbol: str, tf_ms: int, start_ms: int, end_ms: int
    ) -> Sequence[Candle]:
        name = interval_name(tf_ms)
        key = (symbol, name, end_ms)
        known = self._known.get(key)
        if known is None or known[0].open_time > start_ms:
            known = await self._venue.klines(symbol, name, start_ms, end_ms)
            if known:
                self._known[key] = known
        return [candle for candle in known if candle.open_time >= start_ms]


class Deciding:
    """Handles `candle_closed`: guards first, then decisions, each with its cause."""

    def __init__(self, ctx: Context, monitor: Monitor) -> None:
        self._ctx = ctx
        self._monitor = monitor
        self._lanes: dict[str, list[Lane]] = {}
        self.history: dict[str, History] = {}

    @property
    def lanes(self) -> list[Lane]:
        """All lanes."""
        return [lane for lanes in self._lanes.values() for lane in lanes]

    def swap(self, lanes: Sequence[Lane]) -> None:
        """Replace all lanes between two events; candles that came while they warmed up are fed."""
        fresh: dict[str, list[Lane]] = {}
        for lane in lanes:
            for candle in self._history(lane.symbol).after(lane.last_open):
                lane.decider.on_candle(candle)
                lane.last_open = candle.open_time
            fresh.setdefault(lane.symbol, []).append(lane)
        self._lanes = fresh

    def _history(self, symbol: str) -> History:
        return self.history.setdefault(symbol, History())

    def on_candle_closed(self, event: Event) -> None:
        """One closed 1m candle."""
        candle = candle_of(event.data)
        self._history(event.symbol).add(candle)
        self._monitor.on_candle(event.symbol, candle, event.id)
        decided = []
        for lane in self._lanes.get(event.symbol, ()):
            if candle.open_time <= lane.last_open:
                continue
            decision = lane.decider.on_candle(candle)
            lane.last_open = candle.open_time
            decided.append((lane, decision))
        if not event.data.get("fresh"):
            return
        for lane, decision in sorted(decided, key=_surest_first):
            self._tell(lane, decision, candle, event)

    def _tell(self, lane: Lane, decision: Decision, candle: Candle, event: Event) -> None:
        if decision.action == "hold":
            self._hold(lane, decision, event)
            return
        lane.held = ""
        if decision.action == "exit" and not self._holds(lane):
            return
        self._ctx.emit(
            EventType.SIGNAL_GENERATED,
            symbol=lane.symbol,
            cause=event.id,
            strategy=lane.strategy,
            action=decision.action,
            side=decision.side,
            reason=decision.reason,
            values=decision.values,
            atr=_known(decision.atr),
            stop_price=_known(decision.stop_price),
            target_price=_known(decision.target_price),
            confidence=_known(decision.confidence),
            price=candle.close,
            bar_time=candle.open_time,
            release_id=lane.release.release_id,
            release_short=lane.release.short_id,
        )

    def _holds(self, lane: Lane) -> bool:
        holding = self._ctx.book.holding(lane.symbol)
        return holding is not None and holding.row.strategy == lane.strategy

    def _hold(self, lane: Lane, decision: Decision, event: Event) -> None:
        """Write a hold when its kind changes; between signal candles nothing was judged."""
        if not decision.values and decision.reason.startswith("between "):
            return
        kind = hold_kind(decision.reason)
        if kind == lane.held:
            return
        lane.held = kind
        self._ctx.emit(
            EventType.SIGNAL_HELD,
            symbol=lane.symbol,
            cause=event.id,
            strategy=lane.strategy,
            reason=decision.reason,
            release_id=lane.release.release_id,
        )
        log.info("%s %s: %s", lane.strategy, lane.symbol, decision.reason)


def _surest_first(decided: tuple[Lane, Decision]) -> tuple[bool, float, int]:
    """Sort key: the first to fill owns the symbol, so the most confident entry goes first.

    Decisions without a confidence keep the order of the release, after exits.
    """
    lane, decision = decided
    if decision.action != "enter":
        return False, 0.0, 0
    return True, -(_known(decision.confidence) or 0.0), place_of(lane.strategy)


def hold_kind(reason: str) -> str:
    """A reason without its numbers: `entry held: ADX 17.2 < 20` and `… 18.1 < 20` are one kind."""
    words = (word for word in reason.split() if not any(c.isdigit() for c in word))
    return " ".join(words)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
