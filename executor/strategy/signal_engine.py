"""SignalEngine: the lanes are fed with closed candles, and their decisions told."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from executor.bus.events import Event, EventType, candle_of
from executor.context import Context
from executor.portfolio.allocation import Allocation, Allocator
from executor.protection.exit_monitor import ExitMonitor
from executor.strategy.runner import History, StrategyRunner
from lake.releases import VALIDITY, Universe
from trading.candles import Candle
from trading.strategies.decider import Decision
from trading.strategies.priority import priority_of
from trading.strategies.registry import get_strategy

log = logging.getLogger(__name__)

UNIVERSE = "universe"


class SignalEngine:
    """Handles `candle_closed`: guards first, then decisions, each with its cause."""

    def __init__(self, ctx: Context, exit_monitor: ExitMonitor) -> None:
        self._ctx = ctx
        self._exit_monitor = exit_monitor
        self._runners: dict[str, list[StrategyRunner]] = {}
        self.history: dict[str, History] = {}
        self.allocator: Allocator | None = None
        self.universe: Universe | None = None

    @property
    def runners(self) -> list[StrategyRunner]:
        """All lanes."""
        return [runner for runners in self._runners.values() for runner in runners]

    def swap(
        self,
        runners: Sequence[StrategyRunner],
        allocator: Allocator | None = None,
        universe: Universe | None = None,
    ) -> None:
        """Replace all lanes between two events; candles that came while they warmed up are fed."""
        self.allocator, self.universe = allocator, universe
        if allocator is not None:
            for symbol in allocator.labels:
                for candle in self._history(symbol).after(allocator.last_open(symbol)):
                    allocator.on_candle(symbol, candle)
        fresh: dict[str, list[StrategyRunner]] = {}
        for runner in runners:
            for candle in self._history(runner.symbol).after(runner.last_open):
                runner.decider.on_candle(candle)
                runner.last_open = candle.open_time
            fresh.setdefault(runner.symbol, []).append(runner)
        self._runners = fresh

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

    def allocation_of(self, strategy: str, symbol: str) -> Allocation:
        """The largest share of the equity that the release's ensemble leaves to an entry now."""
        if self.allocator is None:
            return Allocation(math.inf)
        return self.allocator.allocation_of(strategy, symbol)

    def _history(self, symbol: str) -> History:
        return self.history.setdefault(symbol, History())

    def on_candle_closed(self, event: Event) -> None:
        """One closed 1m candle."""
        candle = candle_of(event.data)
        self._history(event.symbol).add(candle)
        self._exit_monitor.on_candle(event.symbol, candle, event.id)
        if self.allocator is not None:
            self.allocator.on_candle(event.symbol, candle)
        decided = []
        for runner in self._runners.get(event.symbol, ()):
            if candle.open_time <= runner.last_open:
                continue
            decision = runner.decider.on_candle(candle)
            runner.last_open = candle.open_time
            decided.append((runner, decision))
        if not event.data.get("fresh"):
            return
        for runner, decision in sorted(decided, key=_surest_first):
            self._tell(runner, decision, candle, event)

    def _tell(
        self, runner: StrategyRunner, decision: Decision, candle: Candle, event: Event
    ) -> None:
        if decision.action == "hold":
            self._hold(runner, decision, event)
            return
        runner.held = ""
        if decision.action == "exit" and not self._may_leave(runner):
            return
        if decision.action == "enter" and runner.plan.exits_only:
            return
        self._ctx.emit(
            EventType.SIGNAL_GENERATED,
            symbol=runner.symbol,
            cause=event.id,
            strategy=runner.strategy,
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
            release_id=runner.plan.release_id,
            release_short=runner.plan.release_short,
        )

    def _may_leave(self, runner: StrategyRunner) -> bool:
        holding = self._ctx.portfolio.holding(runner.symbol)
        if holding is None or holding.row.strategy != runner.strategy:
            return False
        return holding.heeds_exit

    def _hold(self, runner: StrategyRunner, decision: Decision, event: Event) -> None:
        """Write a hold when its kind changes; between signal candles nothing was judged."""
        if not decision.values and decision.reason.startswith("between "):
            return
        kind = hold_kind(decision.reason)
        if kind == runner.held or runner.plan.exits_only:
            return
        runner.held = kind
        self._ctx.emit(
            EventType.SIGNAL_HELD,
            symbol=runner.symbol,
            cause=event.id,
            strategy=runner.strategy,
            reason=decision.reason,
            release_id=runner.plan.release_id,
        )
        log.info("%s %s: %s", runner.strategy, runner.symbol, decision.reason)


def _surest_first(decided: tuple[StrategyRunner, Decision]) -> tuple[bool, float, int]:
    """Sort key: the first to fill owns the symbol, so the most confident entry goes first.

    Decisions without a confidence keep the order of the release, after exits.
    """
    runner, decision = decided
    if decision.action != "enter":
        return False, 0.0, 0
    return True, -(_known(decision.confidence) or 0.0), priority_of(runner.strategy)


def hold_kind(reason: str) -> str:
    """A reason without its numbers: `entry held: ADX 17.2 < 20` and `… 18.1 < 20` are one kind."""
    words = (word for word in reason.split() if not any(c.isdigit() for c in word))
    return " ".join(words)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
