"""The scan of hourly candles for surging symbols: kernels, and `scan_symbols` for many symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trading.candles import HOUR_MS, CandleColumns, interval_name
from trading.errors import DataError
from trading.indicators.comparison import above
from trading.jit.kernel import Buffer, apart, kernel
from trading.market.rows import Bar, bar_of
from trading.strategies.surge.layout import (
    SCAN_CANDLES,
    SCAN_NORM,
    SCAN_THRUST,
    SCAN_UPS,
    SCAN_VOLUME,
    scan_size,
)
from trading.strategies.surge.reasons import SCAN_NAMES, named

# Layout of the state: the count, then a ring of candles of four numbers each.
COUNT = 0
RING = 1
WIDTH = 4
OPEN = 0
HIGH = 1
CLOSE = 2
VOLUME = 3

KNOWN = 16
"""Bit that tells that the history is long enough, after the bits of the four conditions."""


@kernel
def back(state: Buffer, at: int, size: int, age: int, which: int) -> float:
    """Return a number of the candle ``age`` candles ago (0 is the last)."""
    place = (int(state[at + COUNT]) - 1 - age) % size
    return state[at + RING + WIDTH * place + which]


@kernel
def thrust(state: Buffer, at: int, size: int, candles: int, least: float) -> bool:
    """Return whether one of the candles has a high ``least`` (a share) above its open."""
    for age in range(candles):
        goal = back(state, at, size, age, OPEN) * (1.0 + least)
        if not above(goal, back(state, at, size, age, HIGH)):
            return True
    return False


@kernel
def risen(state: Buffer, at: int, size: int, candles: int) -> bool:
    """Return whether the last close is above the open of the first of the candles."""
    return back(state, at, size, 0, CLOSE) > back(state, at, size, candles - 1, OPEN)


@kernel
def mean_volume(state: Buffer, at: int, size: int, first: int, candles: int) -> float:
    """Return the mean volume of ``candles`` candles, of which the newest has the age ``first``."""
    total = 0.0
    for age in range(first + candles - 1, first - 1, -1):
        total += back(state, at, size, age, VOLUME)
    return total / candles


@kernel
def lively(state: Buffer, at: int, size: int, candles: int, norm: int, factor: float) -> bool:
    """Return whether the mean volume is ``factor`` times that of the ``norm`` candles before."""
    usual = mean_volume(state, at, size, candles, norm)
    return not above(factor * usual, mean_volume(state, at, size, 0, candles))


@kernel
def ups(state: Buffer, at: int, size: int, candles: int) -> int:
    """Return how many of the candles rose."""
    count = 0
    for age in range(candles):
        if back(state, at, size, age, CLOSE) > back(state, at, size, age, OPEN):
            count += 1
    return count


@apart
def scan_step(state: Buffer, at: int, par: Buffer, bar: Bar) -> int:
    """Feed one closed candle of 1 hour and return the conditions as bits."""
    candles, norm = int(par[SCAN_CANDLES]), int(par[SCAN_NORM])
    size = candles + norm
    place = at + RING + WIDTH * (int(state[at + COUNT]) % size)
    state[place + OPEN] = bar.open
    state[place + HIGH] = bar.high
    state[place + CLOSE] = bar.close
    state[place + VOLUME] = bar.volume
    state[at + COUNT] += 1.0
    if state[at + COUNT] < size:
        return 0
    met = KNOWN
    met += 1 if thrust(state, at, size, candles, par[SCAN_THRUST]) else 0
    met += 2 if risen(state, at, size, candles) else 0
    met += 4 if lively(state, at, size, candles, norm, par[SCAN_VOLUME]) else 0
    met += 8 if ups(state, at, size, candles) >= par[SCAN_UPS] else 0
    return met


@dataclass(frozen=True, slots=True)
class ScanResult:
    """Result of the scan of one symbol at its last closed candle.

    ``conditions`` tells by name whether each one is met, ``known`` whether the history is long
    enough.
    """

    symbol: str
    conditions: Mapping[str, bool]
    known: bool

    @property
    def found(self) -> bool:
        """Return whether all conditions are met."""
        return self.known and all(self.conditions.values())


def scan_symbols(candles: Mapping[str, CandleColumns], par: Buffer) -> tuple[ScanResult, ...]:
    """Scan the closed 1-hour candles of many symbols, in their order.

    ``par`` is the buffer of the strategy ``surge`` (`Strategy.buffer`). Candles of another interval
    are a `DataError`.
    """
    found = []
    size = int(par[SCAN_CANDLES] + par[SCAN_NORM])
    for symbol, columns in candles.items():
        if columns.interval_ms != HOUR_MS:
            raise DataError(
                f"the scan needs candles of 1h, those of {symbol} are of "
                f"{interval_name(columns.interval_ms)}; aggregate them first"
            )
        state, met = [0.0] * scan_size(par), 0
        for row in range(max(0, len(columns) - size), len(columns)):
            met = scan_step(state, 0, par, bar_of(columns.candle(row), HOUR_MS))
        found.append(ScanResult(symbol, named(met, SCAN_NAMES), met >= KNOWN))
    return tuple(found)
