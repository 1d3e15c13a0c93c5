"""The entry filters that technical strategies share, on closed candles of ``filter_tf`` and 1h."""

from __future__ import annotations

import math

from trading.indicators.comparison import above
from trading.indicators.core import (
    adx_step,
    adx_warmup,
    atr_step,
    ema_step,
    ema_warmup,
    wilder_warmup,
)
from trading.jit.kernel import Buffer, kernel
from trading.strategies.decisions import hold
from trading.strategies.layout import (
    FILTERS_ON,
    HOURLY_ON,
    MIN_ADX,
    MIN_VOLATILITY,
    NEEDS_ATR,
    TREND_SPAN,
)

ATR_SPAN = 14
ADX_SPAN = 14
HOURLY_SPAN = 50

# Layout of the state: four indicators, then their last values.
_ATR_AT = 0
_ADX_AT = 3
_TREND_AT = 11
_HOURLY_AT = 13
ATR_NOW = 15
ADX_NOW = 16
ADX_BEFORE = 17
TREND_NOW = 18
HOURLY_CLOSE = 19
HOURLY_NOW = 20
FILTER_SIZE = 21

NAN = math.nan

WARMING_UP = 101
LOW_VOLATILITY = 102
BELOW_TREND = 103
LOW_ADX = 104
FALLING_ADX = 105
BELOW_HOURLY = 106
NO_ATR = 107

REASON_TEXTS = {
    WARMING_UP: "entry held: the filters are warming up",
    LOW_VOLATILITY: "entry held: ATR/price {seen:.3%} < {limit:.3%}",
    BELOW_TREND: "entry held: price {seen:.8g} < EMA {limit:.8g}",
    LOW_ADX: "entry held: ADX {seen:.1f} < {limit:g}",
    FALLING_ADX: "entry held: ADX {seen:.2f} is falling from {limit:.2f}",
    BELOW_HOURLY: "entry held: 1h close {seen:.8g} not above its EMA50 {limit:.8g}",
    NO_ATR: "entry held: no ATR for stop or size",
}


def filter_warmup(trend_span: int) -> int:
    """Return the candles of ``filter_tf`` after which the filters forget the history's start."""
    return max(ema_warmup(trend_span), adx_warmup(ADX_SPAN), wilder_warmup(ATR_SPAN))


def hourly_warmup() -> int:
    """Return the hours after which the hourly mean forgets the history's start."""
    return ema_warmup(HOURLY_SPAN)


@kernel
def filters_clear(state: Buffer) -> None:
    """Initialise the state: nothing is known yet."""
    for i in range(FILTER_SIZE):
        state[i] = 0.0
    for i in range(ATR_NOW, FILTER_SIZE):
        state[i] = NAN


@kernel
def filter_step(state: Buffer, par: Buffer, high: float, low: float, close: float) -> None:
    """Feed one closed candle of ``filter_tf``."""
    state[ATR_NOW] = atr_step(state, _ATR_AT, ATR_SPAN, high, low, close)
    if par[FILTERS_ON] > 0.0:
        state[ADX_BEFORE] = state[ADX_NOW]
        state[ADX_NOW] = adx_step(state, _ADX_AT, ADX_SPAN, high, low, close)
        state[TREND_NOW] = ema_step(state, _TREND_AT, int(par[TREND_SPAN]), close)


@kernel
def hourly_step(state: Buffer, close: float) -> None:
    """Feed one closed candle of 1 hour."""
    state[HOURLY_CLOSE] = close
    state[HOURLY_NOW] = ema_step(state, _HOURLY_AT, HOURLY_SPAN, close)


@kernel
def filter_entry(state: Buffer, par: Buffer, out: Buffer, price: float) -> None:
    """Turn the entry in ``out`` into a hold unless every filter passes it at ``price``."""
    atr = state[ATR_NOW]
    if par[NEEDS_ATR] > 0.0 and not atr > 0.0:
        hold(out, NO_ATR, NAN, NAN)
        return
    if par[FILTERS_ON] <= 0.0:
        return
    adx = state[ADX_NOW]
    before = state[ADX_BEFORE]
    trend = state[TREND_NOW]
    if atr != atr or adx != adx or before != before or trend != trend:
        hold(out, WARMING_UP, NAN, NAN)
    elif atr / price < par[MIN_VOLATILITY]:
        hold(out, LOW_VOLATILITY, atr / price, par[MIN_VOLATILITY])
    elif above(trend, price):
        hold(out, BELOW_TREND, price, trend)
    elif above(par[MIN_ADX], adx):
        hold(out, LOW_ADX, adx, par[MIN_ADX])
    elif above(before, adx):
        hold(out, FALLING_ADX, adx, before)
    elif par[HOURLY_ON] > 0.0 and not above(state[HOURLY_CLOSE], state[HOURLY_NOW]):
        hold(out, BELOW_HOURLY, state[HOURLY_CLOSE], state[HOURLY_NOW])
