"""The signal engine: closed candles go to the strategy runners, and their decisions out."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from executor.bus.events import ClosedCandle, Event, EventType
from executor.model import InstrumentId, symbol_of
from executor.portfolio.allocation import Allocation, Allocator
from executor.portfolio.portfolio import Portfolio
from executor.services import Services
from executor.strategy.forecasts import ForecastKeeper
from executor.strategy.runner import History, StrategyRunner
from executor.strategy.signal import Levels, Signal
from lake.releases import VALIDITY, Universe
from trading.candles import Candle
from trading.order_ids import order_key
from trading.strategies.decider import Decision
from trading.strategies.priority import priority_of
from trading.strategies.registry import get_strategy

log = logging.getLogger(__name__)

UNIVERSE = "universe"


class SignalEngine:
    """Handles `candle_closed`: runs the strategies, each signal with its cause."""

    def __init__(self, services: Services, portfolio: Portfolio, forecasts: ForecastKeeper) -> None:
        self._services = services
        self._portfolio = portfolio
        self._forecasts = forecasts
        self._runners: dict[InstrumentId, list[StrategyRunner]] = {}
        self.history: dict[InstrumentId, History] = {}
        self.allocator: Allocator | None = None
        self.universe: Universe | None = None

    def swap(
        self,
        runners: Sequence[StrategyRunner],
        allocator: Allocator | None = None,
        universe: Universe | None = None,
    ) -> None:
        """Replace all runners between two events, and feed them the candles that they missed."""
        self.allocator, self.universe = allocator, universe
        if allocator is not None:
            for symbol in allocator.labels:
                for candle in self._history(symbol).after(allocator.last_open(symbol)):
                    allocator.on_candle(symbol, candle)
        fresh: dict[InstrumentId, list[StrategyRunner]] = {}
        missed = []
        for runner in runners:
            for candle in self._history(runner.symbol).after(runner.last_open):
                missed.append((runner, runner.on_candle(candle), candle))
            fresh.setdefault(runner.symbol, []).append(runner)
        self._runners = fresh
        for runner in runners:
            for decision, candle in runner.late_exits:
                self._exit_late(runner, decision, candle, None)
        for runner, decision, candle in missed:
            self._exit_late(runner, decision, candle, None)

    def allocation_of(self, signal: Signal) -> Allocation:
        """The largest part of the equity that the current release allows for an entry."""
        for runner in self._runners.get(signal.symbol, ()):
            replaced = runner.plan.release_id != signal.release_id
            if runner.strategy == signal.strategy and replaced:
                return Allocation(0.0, "the release changed since the decision")
        if why := self._not_chosen(signal):
            return Allocation(0.0, why)
        if self.allocator is None:
            return Allocation(math.inf)
        return self.allocator.allocation_of(signal.strategy, signal.symbol)

    def _not_chosen(self, signal: Signal) -> str:
        """Why the release's scan has not chosen the symbol of an entry; empty if it may enter.

        Once the scan has expired, only the strategy itself decides.
        """
        universe = self.universe
        if universe is None or not get_strategy(signal.strategy).scanned:
            return ""
        scanned_ms = round(universe.as_of.timestamp() * 1000)
        age = timedelta(milliseconds=self._services.clock.now_ms() - scanned_ms)
        why = universe.why_not(symbol_of(signal.symbol)) if age < VALIDITY[UNIVERSE] else ""
        return f"not chosen by the scan of {universe.as_of:%Y-%m-%d %H:%M}: {why}" if why else ""

    def _history(self, symbol: InstrumentId) -> History:
        return self.history.setdefault(symbol, History())

    def on_candle_closed(self, event: Event[ClosedCandle]) -> None:
        """Run the strategies of the symbol on one closed 1m candle."""
        symbol, candle = event.symbol, event.payload.candle
        self._history(symbol).add(candle)
        if self.allocator is not None:
            self.allocator.on_candle(symbol, candle)
        decided = []
        for runner in self._runners.get(symbol, ()):
            if candle.open_time > runner.last_open:
                decided.append((runner, runner.on_candle(candle)))
        for runner, decision in sorted(decided, key=_surest_first):
            if event.payload.fresh:
                self._publish(runner, decision, candle, event.id)
            else:
                self._exit_late(runner, decision, candle, event.id)

    def _exit_late(
        self, runner: StrategyRunner, decision: Decision, candle: Candle, cause: str | None
    ) -> None:
        """Publish the exit of a late candle; an entry would trade at a price that is gone."""
        holding = self._portfolio.holding(runner.symbol)
        after_entry = holding is not None and candle.open_time > holding.row.bar_time
        if decision.action == "exit" and after_entry:
            self._publish(runner, decision, candle, cause)

    def _publish(
        self, runner: StrategyRunner, decision: Decision, candle: Candle, cause: str | None
    ) -> None:
        if decision.action == "hold":
            self._hold(runner, decision, cause)
            return
        runner.last_hold = ""
        if decision.action == "exit" and not self._may_exit(runner):
            return
        if decision.action == "enter" and runner.plan.exits_only:
            return
        signal = _signal(runner, decision, candle, self._services.settings.account)
        setup = runner.decider.setup
        if setup.strategy.reads_forecasts(setup.params):
            signal = replace(signal, forecast=self._forecasts.behind(signal))
        self._services.emit(
            EventType.SIGNAL_GENERATED, symbol=runner.symbol, cause=cause, payload=signal
        )

    def _may_exit(self, runner: StrategyRunner) -> bool:
        holding = self._portfolio.holding(runner.symbol)
        if holding is None or holding.row.strategy != runner.strategy:
            return False
        return holding.heeds_exit

    def _hold(self, runner: StrategyRunner, decision: Decision, cause: str | None) -> None:
        """Write a hold when its kind changes; between signal candles nothing was decided."""
        if not decision.values and decision.reason.startswith("between "):
            return
        kind = hold_kind(decision.reason)
        if kind == runner.last_hold or runner.plan.exits_only:
            return
        runner.last_hold = kind
        self._services.emit(
            EventType.SIGNAL_HELD,
            symbol=runner.symbol,
            cause=cause,
            strategy=runner.strategy,
            reason=decision.reason,
            release_id=runner.plan.release_id,
        )
        log.info("%s %s: %s", runner.strategy, runner.symbol, decision.reason)


def _signal(runner: StrategyRunner, decision: Decision, candle: Candle, account: str) -> Signal:
    return Signal(
        strategy=runner.strategy,
        symbol=runner.symbol,
        action=decision.action,
        side=decision.side,
        reason=decision.reason,
        values=decision.values,
        levels=Levels(
            _known(decision.stop_price), _known(decision.target_price), _known(decision.atr)
        ),
        confidence=_known(decision.confidence),
        price=candle.close,
        bar_time=candle.open_time,
        params=runner.decider.params,
        release_id=runner.plan.release_id,
        release_short=runner.plan.release_short,
        key=order_key(account, runner.strategy, runner.symbol, candle.open_time),
        size=runner.plan.size,
        overrides=runner.plan.overrides,
    )


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


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
