"""Deciding: the lanes are fed with closed candles, and their decisions told."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from executor.bus.events import Event, EventType, candle_of
from executor.context import Context
from executor.portfolio.allocation import Share, Sharing
from executor.protection.exit_monitor import Monitor
from executor.strategy.runner import History, Lane
from lake.releases import VALIDITY, Universe
from trading.candles import Candle
from trading.strategies.decider import Decision
from trading.strategies.priority import place_of
from trading.strategies.registry import get_strategy

log = logging.getLogger(__name__)

UNIVERSE = "universe"


class Deciding:
    """Handles `candle_closed`: guards first, then decisions, each with its cause."""

    def __init__(self, ctx: Context, monitor: Monitor) -> None:
        self._ctx = ctx
        self._monitor = monitor
        self._lanes: dict[str, list[Lane]] = {}
        self.history: dict[str, History] = {}
        self.sharing: Sharing | None = None
        self.universe: Universe | None = None

    @property
    def lanes(self) -> list[Lane]:
        """All lanes."""
        return [lane for lanes in self._lanes.values() for lane in lanes]

    def swap(
        self,
        lanes: Sequence[Lane],
        sharing: Sharing | None = None,
        universe: Universe | None = None,
    ) -> None:
        """Replace all lanes between two events; candles that came while they warmed up are fed."""
        self.sharing, self.universe = sharing, universe
        if sharing is not None:
            for symbol in sharing.labels:
                for candle in self._history(symbol).after(sharing.last_open(symbol)):
                    sharing.on_candle(symbol, candle)
        fresh: dict[str, list[Lane]] = {}
        for lane in lanes:
            for candle in self._history(lane.symbol).after(lane.last_open):
                lane.decider.on_candle(candle)
                lane.last_open = candle.open_time
            fresh.setdefault(lane.symbol, []).append(lane)
        self._lanes = fresh

    def not_chosen(self, strategy: str, symbol: str) -> str:
        """Why the release's scan has not chosen the symbol of an entry; empty if it may enter.

        Once the scan has expired, what the strategy itself sees of its symbol decides alone.
        """
        universe = self.universe
        if universe is None or not get_strategy(strategy).scanned:
            return ""
        age = timedelta(milliseconds=self._ctx.clock.now_ms() - _ms(universe.as_of))
        why = universe.why_not(symbol) if age < VALIDITY[UNIVERSE] else ""
        return f"not chosen by the scan of {universe.as_of:%Y-%m-%d %H:%M}: {why}" if why else ""

    def share_of(self, strategy: str, symbol: str) -> Share:
        """The largest share of the equity that the release's ensemble leaves to an entry now."""
        if self.sharing is None:
            return Share(math.inf)
        return self.sharing.share_of(strategy, symbol)

    def _history(self, symbol: str) -> History:
        return self.history.setdefault(symbol, History())

    def on_candle_closed(self, event: Event) -> None:
        """One closed 1m candle."""
        candle = candle_of(event.data)
        self._history(event.symbol).add(candle)
        self._monitor.on_candle(event.symbol, candle, event.id)
        if self.sharing is not None:
            self.sharing.on_candle(event.symbol, candle)
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
        if decision.action == "exit" and not self._may_leave(lane):
            return
        if decision.action == "enter" and lane.plan.exits_only:
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
            release_id=lane.plan.release_id,
            release_short=lane.plan.release_short,
        )

    def _may_leave(self, lane: Lane) -> bool:
        holding = self._ctx.book.holding(lane.symbol)
        if holding is None or holding.row.strategy != lane.strategy:
            return False
        return holding.heeds_exit

    def _hold(self, lane: Lane, decision: Decision, event: Event) -> None:
        """Write a hold when its kind changes; between signal candles nothing was judged."""
        if not decision.values and decision.reason.startswith("between "):
            return
        kind = hold_kind(decision.reason)
        if kind == lane.held or lane.plan.exits_only:
            return
        lane.held = kind
        self._ctx.emit(
            EventType.SIGNAL_HELD,
            symbol=lane.symbol,
            cause=event.id,
            strategy=lane.strategy,
            reason=decision.reason,
            release_id=lane.plan.release_id,
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


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
