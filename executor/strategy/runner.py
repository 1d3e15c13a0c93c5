"""Strategy runners: one strategy on one symbol with its parameters, warmed up by REST."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from executor.ledger.records import PositionRow
from executor.model import InstrumentId
from executor.portfolio.position_state import ADOPTED_STRATEGY
from executor.risk.evidence_size import FULL_SIZE, EvidenceSize, size_by_evidence
from executor.settings import VenueSettings
from executor.strategy.traded import traded_entries
from executor.venues.directory import VenueDirectory
from lake.releases import Release, StrategyEntry
from trading.candles import DAY_MS, MINUTE_MS, Candle, interval_name
from trading.strategies.decider import Decider, Decision
from trading.strategies.registry import get_strategy


@dataclass(frozen=True)
class RunnerPlan:
    """One strategy on one symbol with the parameters of one release."""

    strategy: str
    symbol: InstrumentId
    params: Mapping[str, Any]
    release_id: str
    release_short: str
    size: EvidenceSize = FULL_SIZE
    """What the evidence allows an entry to take."""
    exits_only: bool = False
    """The strategy may close its open position, but open none."""
    overrides: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    """Parameters that the settings replace: that of the release, and that of the settings."""


def plans_for(
    release: Release | None,
    venues: Mapping[str, VenueSettings],
    held: Iterable[PositionRow],
    probation: float | None = None,
    overrides: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> list[RunnerPlan]:
    """What to run: all that the release trades at ``venues``, and the exits of open positions.

    Exits never expire: a position whose strategy the release lacks, or that outlived its release,
    keeps the parameters that it was opened with. With ``probation``, evidence decides sizes.
    ``overrides`` are parameters of the settings, by strategy; what they change is not proven.
    """
    plans = []
    if release is not None:
        plans = [
            _plan(entry, symbol, release, probation, overrides.get(entry.strategy, {}))
            for entry, symbol in traded_entries(release, venues)
        ]
    traded = {(plan.strategy, plan.symbol) for plan in plans}
    for row in held:
        if (row.strategy, row.symbol) in traded or row.strategy == ADOPTED_STRATEGY:
            continue
        params = dict(row.params)
        plan = RunnerPlan(
            row.strategy, row.symbol, params, row.release_id, row.release_short, exits_only=True
        )
        plans.append(plan)
    return plans


def _plan(
    entry: StrategyEntry,
    symbol: InstrumentId,
    release: Release,
    probation: float | None,
    wanted: Mapping[str, Any],
) -> RunnerPlan:
    changed = {name: value for name, value in wanted.items() if entry.params.get(name) != value}
    params = get_strategy(entry.strategy).resolve({**entry.params, **changed})
    size = size_by_evidence(entry, probation)
    if changed and probation is not None:
        evidence = f"{size.evidence}; the settings replace {', '.join(sorted(changed))}"
        size = EvidenceSize(min(size.share, probation), evidence)
    return RunnerPlan(
        entry.strategy,
        symbol,
        params if changed else entry.params,
        release.release_id,
        release.short_id,
        size,
        overrides={name: (entry.params.get(name), value) for name, value in changed.items()},
    )


@dataclass
class StrategyRunner:
    """A plan at work."""

    plan: RunnerPlan
    decider: Decider
    last_open: int
    """Open time of the newest candle that the decider has seen."""
    late_exits: list[tuple[Decision, Candle]] = field(default_factory=list)
    """Exits that it decided on the candles of its warm-up, while nobody listened."""
    last_hold: str = ""
    """Kind of the last hold that was written."""

    @property
    def strategy(self) -> str:
        """Name of the strategy."""
        return self.plan.strategy

    @property
    def symbol(self) -> InstrumentId:
        """Symbol that it decides on."""
        return self.plan.symbol

    def on_candle(self, candle: Candle) -> Decision:
        """Decide on one closed candle."""
        decision = self.decider.on_candle(candle)
        self.last_open = candle.open_time
        return decision


@dataclass
class History:
    """Recent closed 1m candles of a symbol, for runners that warm up beside the active ones."""

    candles: OrderedDict[int, Candle] = field(default_factory=OrderedDict)

    def add(self, candle: Candle) -> None:
        """Add a candle, and drop those older than a day."""
        self.candles[candle.open_time] = candle
        while len(self.candles) > 1_440:
            self.candles.popitem(last=False)

    def after(self, open_time: int) -> list[Candle]:
        """Candles that open after a time."""
        return [c for t, c in self.candles.items() if t > open_time]


def no_forecast(instrument: InstrumentId, now_ms: int) -> float:
    """Return NaN: nothing is forecast."""
    del instrument, now_ms
    return math.nan


class WarmUp:
    """Fetches the history of deciders, once per symbol and interval."""

    def __init__(
        self,
        venues: VenueDirectory,
        now_ms: int,
        return_of: Callable[[InstrumentId, int], float] = no_forecast,
    ) -> None:
        """``return_of`` is the forecast of an instrument that is known at a time (ms), or NaN."""
        self._venues = venues
        self._return_of = return_of
        self._now = now_ms - now_ms % MINUTE_MS
        self._known: dict[tuple[InstrumentId, str, int], list[Candle]] = {}

    async def runner(self, plan: RunnerPlan, held_since_ms: int | None = None) -> StrategyRunner:
        """A runner whose decider has seen everything that closed before now.

        For a position that is open, it decides again on every candle since the entry, up to a day:
        an exit that nobody heard is due.
        """
        forecast_at = partial(self._return_of, plan.symbol)
        decider = Decider(get_strategy(plan.strategy), plan.params, MINUTE_MS, forecast_at)
        since_ms = self._now
        if held_since_ms is not None:
            since_ms = max(held_since_ms, self._now - DAY_MS)
        start = decider.base_start(min(since_ms, self._now))
        for tf_ms, bars in decider.history_needed().items():
            first = start - bars * tf_ms
            for candle in await self._candles(plan.symbol, tf_ms, first, start):
                decider.warm(tf_ms, candle)
        late_exits = []
        for candle in await self._candles(plan.symbol, MINUTE_MS, start, self._now):
            decision = decider.on_candle(candle)
            if decision.action == "exit" and candle.open_time > since_ms:
                late_exits.append((decision, candle))
        return StrategyRunner(plan, decider, self._now - MINUTE_MS, late_exits)

    async def _candles(
        self, symbol: InstrumentId, tf_ms: int, start_ms: int, end_ms: int
    ) -> Sequence[Candle]:
        name = interval_name(tf_ms)
        key = (symbol, name, end_ms)
        known = self._known.get(key)
        if known is None or known[0].open_time > start_ms:
            known = await self._venues.of(symbol).klines(symbol, name, start_ms, end_ms)
            if known:
                self._known[key] = known
        return [candle for candle in known if candle.open_time >= start_ms]
