"""Waves (after Ralph Nelson Elliott, 1938): after an impulse of five, buy the correction's end.

Swings are those of a zig-zag scaled by the ATR. Counted back from a confirmed low, the swings are
an impulse when wave 2 ends above the start of wave 1, wave 3 is not the shortest, wave 4 ends above
the end of wave 1 and wave 5 ends above wave 3. The correction has one leg, or three (A, B, C), and
gives back a share of the impulse between two bounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from trading.indicators.core import atr_size, atr_step, wilder_warmup
from trading.indicators.zigzag import (
    LOW_CONFIRMED,
    SWINGS,
    anchored_at,
    anchored_size,
    anchored_step,
    anchored_warmup,
)
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.strategies.base import Strategy
from trading.strategies.decisions import warming_up, write_decision
from trading.strategies.layout import ACTION, ENTER, EXIT, HOLD, LIMIT, OWN, REASON, SEEN
from trading.strategies.parameters import Parameter, Value

SWING_ATR = OWN
MIN_RETRACE = OWN + 1
MAX_RETRACE = OWN + 2
PROJECTION = OWN + 3
MAX_LEGS = OWN + 4
MAX_BARS = OWN + 5
OVERLAP = OWN + 6

ATR_SPAN = 14
TERM = 250  # candles after which a zig-zag starts over

ENTERED = 1
EXIT_TARGET = 2
EXIT_INVALID = 3
EXIT_LATE = 4
NO_LOW = 5
NO_IMPULSE = 6
RETRACE_OUT = 7
TARGET_BEHIND = 8
RUNNING = 10

# Layout of the state: the wave that was entered (bars left, target, invalidation), ATR, zig-zag.
BARS_LEFT = 0
TARGET = 1
INVALID = 2
ATR_AT = 3
ZIGZAG_AT = 6

NAN = math.nan


@kernel
def impulse_height(state: Buffer, top: int, overlap: float) -> float:
    """Return the height of an impulse whose wave 5 ends at the swing ``top``; NaN if it is none.

    ``overlap`` is the share of wave 1 that wave 4 may retrace. With too few swings, comparisons
    with NaN fail.
    """
    end5, end4, end3 = state[top], state[top + 1], state[top + 2]
    end2, end1, start = state[top + 3], state[top + 4], state[top + 5]
    one, three, five = end1 - start, end3 - end2, end5 - end4
    if not (end2 > start and end3 > end1 and end5 > end3):
        return NAN
    if not end4 > end1 - overlap * one:
        return NAN
    if three < one and three < five:
        return NAN
    return end5 - start


@kernel
def evaluate_low(state: Buffer, par: Buffer, out: Buffer, swings: int, close: float) -> None:
    """Evaluate a confirmed low: enter if it ends the correction of an impulse."""
    legs = 1
    height = impulse_height(state, swings + 1, par[OVERLAP])
    if height != height and par[MAX_LEGS] >= 3.0:
        legs = 3
        height = impulse_height(state, swings + 3, par[OVERLAP])
    bottom = state[swings]
    if height != height or (legs == 3 and not bottom < state[swings + 2]):
        write_decision(out, HOLD, NO_IMPULSE, bottom, NAN)
        return
    retrace = (state[swings + legs] - bottom) / height
    target = bottom + par[PROJECTION] * height
    if retrace < par[MIN_RETRACE]:
        write_decision(out, HOLD, RETRACE_OUT, retrace, par[MIN_RETRACE])
    elif retrace > par[MAX_RETRACE]:
        write_decision(out, HOLD, RETRACE_OUT, retrace, par[MAX_RETRACE])
    elif not target > close:
        write_decision(out, HOLD, TARGET_BEHIND, close, target)
    else:
        write_decision(out, ENTER, ENTERED, bottom, target)
        state[BARS_LEFT] = par[MAX_BARS]
        state[TARGET] = target
        state[INVALID] = bottom


@kernel
def follow_wave(state: Buffer, out: Buffer, close: float) -> None:
    """Evaluate a candle of a running wave: at its target, invalid, too old, or on its way."""
    state[BARS_LEFT] -= 1.0
    if close >= state[TARGET]:
        write_decision(out, EXIT, EXIT_TARGET, close, state[TARGET])
        state[BARS_LEFT] = 0.0
    elif close < state[INVALID]:
        write_decision(out, EXIT, EXIT_INVALID, close, state[INVALID])
        state[BARS_LEFT] = 0.0
    elif state[BARS_LEFT] <= 0.0:
        write_decision(out, EXIT, EXIT_LATE, close, state[TARGET])
    else:
        write_decision(out, HOLD, RUNNING, close, state[TARGET])


@kernel
def wave_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Evaluate one closed candle of ``signal_tf``."""
    atr = atr_step(state, ATR_AT, ATR_SPAN, bar.high, bar.low, bar.close)
    distance = atr * par[SWING_ATR]
    turned = anchored_step(state, ZIGZAG_AT, TERM, distance, bar)
    if state[BARS_LEFT] > 0.0:
        follow_wave(state, out, bar.close)
    elif distance != distance:
        warming_up(out)
    else:
        write_decision(out, HOLD, NO_LOW, bar.close, NAN)
    # A new wave replaces one that runs or ends: otherwise a chain of waves could reach back
    # without limit.
    if turned == LOW_CONFIRMED:
        running = state[BARS_LEFT] > 0.0 or out[ACTION] == EXIT
        action, reason, seen, limit = out[ACTION], int(out[REASON]), out[SEEN], out[LIMIT]
        evaluate_low(state, par, out, anchored_at(state, ZIGZAG_AT) + SWINGS, bar.close)
        if running and out[ACTION] != ENTER:
            write_decision(out, action, reason, seen, limit)


class Wave(Strategy):
    """Enter at a confirmed low that ends the correction of an impulse.

    Leave at the projected target, on a close below that low, or when the wave takes too long.
    """

    name = "wave"
    summary = "Buy the end of a correction after an impulse of five; sell at its target or below."
    own = (
        Parameter("swing_atr", "float", 2.0, 0.5, 10.0, help="least swing, in ATRs"),
        Parameter("min_retrace", "float", 0.236, 0.0, 0.9, help="least correction of the impulse"),
        Parameter("max_retrace", "float", 0.786, 0.1, 1.0, help="largest correction"),
        Parameter("projection", "float", 1.0, 0.2, 3.0, help="target: impulses above the low"),
        Parameter("max_legs", "int", 3, 1, 3, help="legs of the correction: 1, or up to 3"),
        Parameter("max_bars", "int", 200, 5, 1000, help="candles until a wave is too old"),
        Parameter("overlap", "float", 0.0, 0.0, 1.0, help="share of wave 1 that wave 4 may enter"),
    )
    step = staticmethod(wave_step)
    reasons: ClassVar[Mapping[int, str]] = {
        ENTERED: "entered: correction ended at {seen:.8g}, target {limit:.8g}",
        EXIT_TARGET: "exit: close {seen:.8g} at the wave's target {limit:.8g}",
        EXIT_INVALID: "exit: close {seen:.8g} below the wave's start {limit:.8g}",
        EXIT_LATE: "exit: the wave ran out of time at {seen:.8g}, target {limit:.8g}",
        NO_LOW: "no swing low was confirmed",
        NO_IMPULSE: "the low {seen:.8g} ends no correction of an impulse",
        RETRACE_OUT: "entry held: retracement {seen:.3f} beyond its bound {limit:g}",
        TARGET_BEHIND: "entry held: close {seen:.8g} is at its target {limit:.8g} already",
        RUNNING: "a wave is running: close {seen:.8g}, target {limit:.8g}",
    }

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Return the size of the running wave, ATR and zig-zag."""
        del params
        return 3 + atr_size() + anchored_size()

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Return the memory of the ATR, plus the zig-zag, plus the running wave."""
        return wilder_warmup(ATR_SPAN) + anchored_warmup(TERM) + int(params["max_bars"])
