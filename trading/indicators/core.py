"""Incremental indicators: a few floats of state and one step a closed candle, equal to TA-Lib's.

Each indicator has ``<name>_size(...)`` (floats of state) and ``<name>_step(state, at, ...)``, which
reads and writes ``state[at:at + size]`` and returns NaN until it has seen enough candles. State
starts as zeros. Windowed indicators sum from fixed times on (``trading.indicators.windows``): they
do not depend on where the history starts, and a candle costs the same in a long window as in a
short one. Recursive ones forget their start (see ``<name>_warmup``).

Sources: RSI, ATR, ADX by J. Welles Wilder (1978); bands by John Bollinger (1992); MACD by Gerald
Appel (1979).
"""

from __future__ import annotations

import math

from trading.indicators.windows import moments_size, moments_step
from trading.jit.kernel import Buffer, kernel

NAN = math.nan

# A recursive mean of span s forgets its start as (1 - 2 / (s + 1)) ** n: 11 spans leave 3e-10.
SPANS_TO_FORGET = 11


def ema_size() -> int:
    """Floats of state: count, value."""
    return 2


def ema_warmup(span: int) -> int:
    """Candles until the start of the history matters less than 1e-9."""
    return SPANS_TO_FORGET * span


@kernel
def ema_step(state: Buffer, at: int, span: int, value: float) -> float:
    """Exponential mean of ``value``; seeded with the simple mean of the first ``span`` values."""
    count = state[at] + 1.0
    state[at] = count
    if count < span:
        state[at + 1] += value
        return NAN
    if count == span:
        state[at + 1] = (state[at + 1] + value) / span
    else:
        state[at + 1] += (value - state[at + 1]) * (2.0 / (span + 1.0))
    return state[at + 1]


@kernel
def sma_size(span: int) -> int:
    """Floats of state: the window."""
    return moments_size(span)


@kernel
def sma_step(state: Buffer, at: int, span: int, turn: int, value: float) -> float:
    """Return simple mean of the last ``span`` values.

    ``turn`` is the candle's open time in candle lengths.
    """
    mean, _ = moments_step(state, at, span, turn, value)
    return mean


@kernel
def bollinger_size(span: int) -> int:
    """Floats of state: the window."""
    return moments_size(span)


@kernel
def bollinger_step(
    state: Buffer, at: int, span: int, deviations: float, turn: int, value: float
) -> tuple[float, float, float]:
    """Lower band, middle, upper band: the mean, and ``deviations`` population deviations from it.

    ``turn`` is the candle's open time in candle lengths.
    """
    middle, variance = moments_step(state, at, span, turn, value)
    width = deviations * math.sqrt(variance)
    return middle - width, middle, middle + width


def rsi_size() -> int:
    """Floats of state: count, last value, mean gain, mean loss."""
    return 4


def wilder_warmup(span: int) -> int:
    """Candles until a Wilder mean of ``span`` (an EMA of 2 x span - 1) has forgotten its start."""
    return SPANS_TO_FORGET * (2 * span - 1)


@kernel
def rsi_step(state: Buffer, at: int, span: int, value: float) -> float:
    """Relative strength index, 0 to 100, with Wilder's means; 0 when nothing moved."""
    count = state[at]
    change = value - state[at + 1]
    state[at] = count + 1.0
    state[at + 1] = value
    if count == 0.0:
        return NAN
    gain = change if change > 0.0 else 0.0
    loss = -change if change < 0.0 else 0.0
    if count <= span:
        state[at + 2] += gain
        state[at + 3] += loss
        if count < span:
            return NAN
        state[at + 2] /= span
        state[at + 3] /= span
    else:
        state[at + 2] = (state[at + 2] * (span - 1.0) + gain) / span
        state[at + 3] = (state[at + 3] * (span - 1.0) + loss) / span
    total = state[at + 2] + state[at + 3]
    if total == 0.0:
        return 0.0
    return 100.0 * (state[at + 2] / total)


@kernel
def true_range(high: float, low: float, last_close: float) -> float:
    """Wilder's true range: the candle's range, including the gap from the last close."""
    reach = high - low
    up = abs(high - last_close)
    down = abs(low - last_close)
    if up > reach:
        reach = up
    if down > reach:
        reach = down
    return reach


def atr_size() -> int:
    """Floats of state: count, last close, value."""
    return 3


@kernel
def atr_step(state: Buffer, at: int, span: int, high: float, low: float, close: float) -> float:
    """Average true range (a price distance) with Wilder's mean."""
    count = state[at]
    last_close = state[at + 1]
    state[at] = count + 1.0
    state[at + 1] = close
    if count == 0.0:
        return NAN
    reach = true_range(high, low, last_close)
    if count <= span:
        state[at + 2] += reach
        if count < span:
            return NAN
        state[at + 2] /= span
    else:
        state[at + 2] = (state[at + 2] * (span - 1.0) + reach) / span
    return state[at + 2]


def adx_size() -> int:
    """Floats of state: count, last high, low, close, sums of +DM, -DM, TR, and the index itself."""
    return 8


def adx_warmup(span: int) -> int:
    """Candles until the twice smoothed index has forgotten its start."""
    return 2 * wilder_warmup(span)


@kernel
def directional_index(plus: float, minus: float, reach: float) -> float:
    """Wilder's DX, 0 to 100, from the smoothed movements; NaN when nothing moved."""
    if reach <= 0.0:
        return NAN
    plus_share = 100.0 * (plus / reach)
    minus_share = 100.0 * (minus / reach)
    total = plus_share + minus_share
    if total <= 0.0:
        return NAN
    return 100.0 * (abs(minus_share - plus_share) / total)


@kernel
def adx_step(state: Buffer, at: int, span: int, high: float, low: float, close: float) -> float:
    """Average directional index, 0 to 100; the first value comes after 2 x span candles."""
    count = state[at]
    up = high - state[at + 1]
    down = state[at + 2] - low
    reach = true_range(high, low, state[at + 3])
    state[at] = count + 1.0
    state[at + 1] = high
    state[at + 2] = low
    state[at + 3] = close
    if count == 0.0:
        return NAN
    if count >= span:
        state[at + 4] -= state[at + 4] / span
        state[at + 5] -= state[at + 5] / span
        state[at + 6] -= state[at + 6] / span
    if up > 0.0 and up > down:
        state[at + 4] += up
    elif down > 0.0 and down > up:
        state[at + 5] += down
    state[at + 6] += reach
    if count < span:
        return NAN
    return adx_smooth(state, at, span, count)


@kernel
def adx_smooth(state: Buffer, at: int, span: int, count: float) -> float:
    """Return the mean of the directional index: of the first ``span`` values, then Wilder's."""
    index = directional_index(state[at + 4], state[at + 5], state[at + 6])
    if count < 2.0 * span:
        if index == index:  # NaN is the only value that differs from itself
            state[at + 7] += index
        if count < 2.0 * span - 1.0:
            return NAN
        state[at + 7] /= span
    elif index == index:
        state[at + 7] = (state[at + 7] * (span - 1.0) + index) / span
    return state[at + 7]


def macd_size() -> int:
    """Floats of state: count, fast mean, slow mean, signal mean."""
    return 1 + 3 * ema_size()


def macd_warmup(slow: int, signal: int) -> int:
    """Candles until line and signal have forgotten the start."""
    return ema_warmup(slow) + ema_warmup(signal)


@kernel
def macd_step(
    state: Buffer, at: int, fast: int, slow: int, signal: int, value: float
) -> tuple[float, float, float]:
    """MACD line, its signal and their difference; all three start on the same candle."""
    count = state[at] + 1.0
    state[at] = count
    fast_mean = NAN
    # TA-Lib seeds the fast mean so that both means have their first value on the same candle.
    if count > slow - fast:
        fast_mean = ema_step(state, at + 1, fast, value)
    slow_mean = ema_step(state, at + 3, slow, value)
    if count < slow:
        return NAN, NAN, NAN
    line = fast_mean - slow_mean
    signal_mean = ema_step(state, at + 5, signal, line)
    if signal_mean != signal_mean:
        return NAN, NAN, NAN
    return line, signal_mean, line - signal_mean
