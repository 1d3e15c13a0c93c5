"""The allocation of the account to the members of a release, by the regime of each symbol.

A release of several members brings their weights, and a factor of each in every regime
(`lake.releases.ensemble_file`). The allocator follows the regime live, on closed candles of the
ensemble's interval; it limits an entry to its member's part of the equity.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from executor.model import InstrumentId, symbol_of, venue_of
from executor.venues.directory import VenueDirectory
from lake.releases import Ensemble, Release, member_name, read_ensemble
from trading.candles import MINUTE_MS, Candle, interval_ms
from trading.ensemble.regimes import LABELS, RegimeDetector
from trading.market.bars import (
    BEGUN,
    CLOSE,
    HIGH,
    LOW,
    OPEN,
    PARTIAL,
    SIGNAL_AT,
    STARTED,
    VOLUME,
    bar_start,
    grow_bar,
    new_bars,
)
from trading.market.rows import bar_of

log = logging.getLogger(__name__)

UNKNOWN = LABELS[0]
FEWEST = 2
"""Fewer members need no allocation."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """The largest part of the equity that an entry may take; if 0, ``reason`` says why.

    ``facts`` are what it comes from: weight, factor and regime; None where nothing is allocated.
    """

    most: float
    reason: str = ""
    facts: Mapping[str, Any] | None = field(default=None, compare=False)


class SymbolLabel:
    """The regime of one symbol, from closed 1m candles on."""

    def __init__(self, detector: RegimeDetector, length_ms: int, label: str, candles: int) -> None:
        self._detector = detector
        self._length = length_ms
        self._bars = new_bars(length_ms, 0, 0)
        self._labelled = False
        self.label = label
        self.candles = candles
        """Closed candles since the label last changed."""

    def warm(self, candle: Candle) -> None:
        """Take in one closed candle of the ensemble's interval."""
        self._bars[SIGNAL_AT + BEGUN] = 1.0
        found = self._detector.on_candle(candle).label
        if found != UNKNOWN and (found != self.label or not self._labelled):
            # The label from research holds until the first live one.
            self.label, self.candles, self._labelled = found, 0, True
        self.candles += 1

    def on_minute(self, candle: Candle) -> None:
        """Take in one closed 1m candle; the higher candle counts once it has closed."""
        started = self._bars[SIGNAL_AT + STARTED]
        if started >= 0.0 and candle.open_time >= started + self._length:
            self._close()
        grow_bar(self._bars, SIGNAL_AT, bar_of(candle, MINUTE_MS))
        if candle.open_time + MINUTE_MS >= self._bars[SIGNAL_AT + STARTED] + self._length:
            self._close()

    def _close(self) -> None:
        numbers = (self._bars[SIGNAL_AT + part] for part in (OPEN, HIGH, LOW, CLOSE, VOLUME))
        closed = Candle(int(self._bars[SIGNAL_AT + STARTED]), *numbers)
        self._bars[SIGNAL_AT + STARTED] = -1.0
        if self._bars[SIGNAL_AT + PARTIAL] == 0.0:
            self.warm(closed)


class Allocator:
    """Applies the ensemble of one release."""

    def __init__(self, ensemble: Ensemble, symbols: Iterable[InstrumentId], now_ms: int) -> None:
        self.ensemble = ensemble
        self._length = interval_ms(ensemble.interval)
        self.labels = {symbol: self._label(symbol, now_ms) for symbol in sorted(set(symbols))}
        self._last: dict[InstrumentId, int] = {}

    @classmethod
    def of(cls, release: Release, now_ms: int, traded: Iterable[InstrumentId]) -> Allocator | None:
        """The allocator of a verified release for what is traded of it; None if it needs none.

        Raises:
            ReleaseRefused: the ensemble breaks a rule.
        """
        ensemble = read_ensemble(release)
        if ensemble is None or len(ensemble.members) < FEWEST:
            return None
        names = {member.rpartition("/")[2] for member in ensemble.members}
        return cls(ensemble, (s for s in traded if symbol_of(s) in names), now_ms)

    def _label(self, symbol: InstrumentId, now_ms: int) -> SymbolLabel:
        """The label from research, until live candles say otherwise."""
        seen = self.ensemble.regimes.get(symbol_of(symbol))
        label = seen.label if seen is not None else UNKNOWN
        since = seen.since if seen is not None else None
        lasted = 1 if since is None else 1 + max(0, now_ms - _ms(since)) // self._length
        return SymbolLabel(RegimeDetector(self.ensemble.regime_rules), self._length, label, lasted)

    async def warm(
        self, venues: VenueDirectory, now_ms: int, listed: Container[InstrumentId]
    ) -> None:
        """Fetch the history of ``listed`` symbols, last the 1m candles of the open interval."""
        begun = bar_start(now_ms, self._length)
        first = begun - self.ensemble.regime_rules.warmup * self._length
        last = now_ms - now_ms % MINUTE_MS
        for symbol, label in self.labels.items():
            if symbol not in listed or venue_of(symbol) not in venues:
                continue
            venue = venues.of(symbol)
            history = await venue.klines(symbol, self.ensemble.interval, first, begun)
            for candle in history:
                label.warm(candle)
            for candle in await venue.klines(symbol, "1m", begun, last):
                self.on_candle(symbol, candle)
            self._last[symbol] = max(self._last.get(symbol, 0), last - MINUTE_MS)
            log.info("%s: %s for %d candles", symbol, label.label, label.candles)

    def last_open(self, symbol: InstrumentId) -> int:
        """Open time of the newest 1m candle seen."""
        return self._last.get(symbol, 0)

    def on_candle(self, symbol: InstrumentId, candle: Candle) -> None:
        """Take in one closed 1m candle of a symbol, once."""
        label = self.labels.get(symbol)
        if label is None or candle.open_time <= self.last_open(symbol):
            return
        self._last[symbol] = candle.open_time
        before = label.label
        label.on_minute(candle)
        if label.label != before:
            log.info("%s: %s after %s", symbol, label.label, before)

    def allocation_of(self, strategy: str, symbol: InstrumentId) -> Allocation:
        """The allocation of a member; other strategies have no limit."""
        name = symbol_of(symbol)
        if member_name(strategy, name) not in self.ensemble.members or symbol not in self.labels:
            return Allocation(math.inf)
        label = self.labels[symbol]
        most = self.ensemble.share_of(strategy, name, label.label, label.candles)
        if most > 0.0:
            return Allocation(most, facts=self._facts(member_name(strategy, name), label, most))
        pause = self.ensemble.pauses.get(label.label, 0)
        if label.candles <= pause:
            return Allocation(
                0.0, f"entries pause: {label.label} for {label.candles} of {pause} candles"
            )
        return Allocation(0.0, f"no share of the account in the regime {label.label}")

    def _facts(self, member: str, label: SymbolLabel, most: float) -> Mapping[str, Any]:
        """What the share of a member comes from."""
        choice = self.ensemble.choice
        return {
            "weight": self.ensemble.weights[member],
            "learned": choice.learned if choice is not None else None,
            "factor": self.ensemble.factors.get(label.label, {}).get(member, 1.0),
            "regime": label.label,
            "candles": label.candles,
            "interval": self.ensemble.interval,
            "most": most,
        }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
