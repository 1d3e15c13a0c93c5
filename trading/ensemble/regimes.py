"""Market regimes of closed candles: spike, crash, trend or range.

The first that applies is the label: **crash**, the close lies ``crash_fall`` below the highest high
of ``crash_bars`` candles, and that fall is at least ``crash_atrs`` slow ATRs; **volatility spike**,
the fast ATR is ``spike`` times the slow one; **up-trend** (**down-trend**), ADX >= ``min_adx`` and
the fast EMA above (below) the slow one, the close beyond the fast one; else **range**. The slow ATR
is that of ``crash_bars`` candles ago, so that a crash does not raise its own threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from trading.candles import Candle, CandleColumns, Integers
from trading.errors import ParameterError
from trading.indicators.core import (
    adx_size,
    adx_step,
    adx_warmup,
    atr_size,
    atr_step,
    ema_size,
    ema_step,
    ema_warmup,
    wilder_warmup,
)
from trading.jit.backends import backend
from trading.jit.kernel import Buffer, kernel

UNKNOWN = 0
VOLATILITY_SPIKE = 1
CRASH = 2
UP_TREND = 3
DOWN_TREND = 4
RANGE = 5

LABELS = ("unknown", "volatility_spike", "crash", "up_trend", "down_trend", "range")


@dataclass(frozen=True, slots=True)
class RegimeRules:
    """Spans in candles, shares of the price, multiples; for candles of 15 minutes to 1 hour."""

    crash_fall: float = 0.10
    crash_bars: float = 12
    crash_atrs: float = 5.0
    spike: float = 2.5
    fast_atr: float = 4
    slow_atr: float = 48
    fast_mean: float = 20
    slow_mean: float = 50
    adx_span: float = 14
    min_adx: float = 20.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0.0):
                raise ParameterError(f"regimes: {field.name} = {value} is not above 0")
        if self.fast_mean >= self.slow_mean or self.fast_atr >= self.slow_atr:
            raise ParameterError("regimes: a fast span must be smaller than its slow one")

    @property
    def warmup(self) -> int:
        """Return the candles after which the start of the history matters less than 1e-9."""
        atr = wilder_warmup(int(self.slow_atr)) + int(self.crash_bars)
        return max(atr, ema_warmup(int(self.slow_mean)), adx_warmup(int(self.adx_span)))

    def buffer(self) -> list[float]:
        """Return the rules as the kernel reads them."""
        return [float(getattr(self, field.name)) for field in fields(self)]


# Positions in the buffer of rules.
CRASH_FALL = 0
CRASH_BARS = 1
CRASH_ATRS = 2
SPIKE = 3
FAST_ATR = 4
SLOW_ATR = 5
FAST_MEAN = 6
SLOW_MEAN = 7
ADX_SPAN = 8
MIN_ADX = 9

# Layout of the state: indicators, count, a ring of the last highs, a ring of the last slow ATRs.
FAST_ATR_AT = 0
SLOW_ATR_AT = 3
FAST_MEAN_AT = 6
SLOW_MEAN_AT = 8
ADX_AT = 10
COUNT = 18
RING_AT = 19

# The numbers behind a label, by position in the output buffer.
FALL = 0
FALL_ATRS = 1
ATR_RATIO = 2
TREND = 3
STRENGTH = 4
OUT_SIZE = 5


def regime_size(rules: RegimeRules) -> int:
    """Return the size of the state."""
    indicators = 2 * atr_size() + 2 * ema_size() + adx_size()
    return indicators + 1 + 2 * int(rules.crash_bars)


@kernel
def regime_step(
    state: Buffer, rules: Buffer, out: Buffer, high: float, low: float, close: float
) -> int:
    """Label one closed candle; ``out`` receives the numbers behind the label."""
    bars = int(rules[CRASH_BARS])
    fast = atr_step(state, FAST_ATR_AT, int(rules[FAST_ATR]), high, low, close)
    slow = atr_step(state, SLOW_ATR_AT, int(rules[SLOW_ATR]), high, low, close)
    fast_mean = ema_step(state, FAST_MEAN_AT, int(rules[FAST_MEAN]), close)
    slow_mean = ema_step(state, SLOW_MEAN_AT, int(rules[SLOW_MEAN]), close)
    adx = adx_step(state, ADX_AT, int(rules[ADX_SPAN]), high, low, close)
    place = int(state[COUNT]) % bars
    calm = state[RING_AT + bars + place]  # the slow ATR of `bars` candles ago
    full = state[COUNT] >= bars
    state[RING_AT + place] = high
    state[RING_AT + bars + place] = slow
    state[COUNT] += 1.0
    top = high
    for i in range(bars):
        if state[RING_AT + i] > top:
            top = state[RING_AT + i]
    if not full or calm != calm or slow_mean != slow_mean or adx != adx or not calm > 0.0:
        for i in range(OUT_SIZE):
            out[i] = math.nan
        return UNKNOWN
    out[FALL] = (top - close) / top
    out[FALL_ATRS] = (top - close) / calm
    out[ATR_RATIO] = fast / calm
    out[TREND] = (fast_mean - slow_mean) / slow_mean
    out[STRENGTH] = adx
    if out[FALL] >= rules[CRASH_FALL] and out[FALL_ATRS] >= rules[CRASH_ATRS]:
        return CRASH
    if out[ATR_RATIO] >= rules[SPIKE]:
        return VOLATILITY_SPIKE
    if adx >= rules[MIN_ADX] and fast_mean > slow_mean and close > fast_mean:
        return UP_TREND
    if adx >= rules[MIN_ADX] and fast_mean < slow_mean and close < fast_mean:
        return DOWN_TREND
    return RANGE


@kernel
def regime_rows(
    highs: Buffer,
    lows: Buffer,
    closes: Buffer,
    state: Buffer,
    rules: Buffer,
    out: Buffer,
    labels: Buffer,
) -> None:
    """Label every row in order."""
    for i in range(len(closes)):
        labels[i] = float(regime_step(state, rules, out, highs[i], lows[i], closes[i]))


@dataclass(frozen=True, slots=True)
class Regime:
    """The label of one candle and the numbers behind it (empty while unknown)."""

    label: str
    values: dict[str, float]


class RegimeDetector:
    """Labels closed candles of one symbol and one timeframe, in order."""

    def __init__(self, rules: RegimeRules | None = None) -> None:
        self.rules = rules or RegimeRules()
        self._state = [0.0] * regime_size(self.rules)
        self._par = self.rules.buffer()
        self._out = [0.0] * OUT_SIZE

    def on_candle(self, candle: Candle) -> Regime:
        """Return the regime after this candle."""
        code = regime_step(self._state, self._par, self._out, candle.high, candle.low, candle.close)
        names = ("fall", "fall_in_atrs", "atr_ratio", "trend", "adx")
        known = code != UNKNOWN
        return Regime(LABELS[code], dict(zip(names, self._out, strict=True)) if known else {})


def label_candles(
    candles: CandleColumns, rules: RegimeRules | None = None, *, compiled: bool = True
) -> Integers:
    """Return the code of ``LABELS`` for each candle of the columns."""
    chosen = rules or RegimeRules()
    runs_on = backend(compiled)
    prices = (runs_on.column(column) for column in (candles.high, candles.low, candles.close))
    state, out = runs_on.zeros(regime_size(chosen)), runs_on.zeros(OUT_SIZE)
    labels = runs_on.zeros(len(candles))
    runs_on.kernel(regime_rows)(*prices, state, runs_on.floats(chosen.buffer()), out, labels)
    return np.asarray(labels).astype(np.int64)


def labels_at(bars: CandleColumns, labels: Integers, times: Integers) -> Integers:
    """Return the label of the last bar closed at each time; 0 (unknown) before the first."""
    closed = bars.open_time + bars.interval_ms
    places = np.searchsorted(closed, times, side="right") - 1
    return np.append(labels, 0)[np.where(places >= 0, places, len(labels))].astype(np.int64)
