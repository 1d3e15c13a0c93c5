"""Zig-zag swings on hand-made candles, and their independence of the start."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from trading.candles import MINUTE_MS
from trading.indicators.core import atr_size, atr_step
from trading.indicators.zigzag import (
    HIGH_CONFIRMED,
    LOW_CONFIRMED,
    SWINGS,
    SWINGS_KEPT,
    anchored_at,
    anchored_size,
    anchored_step,
    zigzag_size,
    zigzag_step,
)
from trading.market.rows import bar_of


def swings(candles, distance=10.0):
    """(row, kind, price) of every swing, at the row that confirmed it."""
    state = [0.0] * zigzag_size()
    found = []
    for row, (high, low, close) in enumerate(candles):
        kind = zigzag_step(state, 0, distance, high, low, close)
        if kind:
            found.append((row, kind, state[SWINGS]))
    return found


def flat(*closes):
    return [(close, close, close) for close in closes]


def test_a_swing_is_confirmed_by_a_close_as_far_away_as_the_distance():
    found = swings(flat(100, 108, 120, 115, 110, 104, 113, 114))
    assert found == [(4, HIGH_CONFIRMED, 120), (7, LOW_CONFIRMED, 104)]


def test_a_wick_makes_the_extreme_but_confirms_nothing():
    candles = [(100, 100, 100), (130, 99, 121), (122, 105, 121), (121, 120, 120)]
    assert swings(candles) == [(3, HIGH_CONFIRMED, 130)]


def test_the_low_of_the_candle_that_made_the_high_does_not_count_after_it():
    candles = [(100, 100, 100), (130, 90, 118), (119, 110, 112), (130, 112, 121)]
    assert swings(candles) == [(1, HIGH_CONFIRMED, 130), (3, LOW_CONFIRMED, 110)]


def test_moves_below_the_distance_are_ignored():
    assert swings(flat(100, 109, 100, 109, 101, 109.5, 100.5)) == []


def test_nothing_happens_while_the_distance_is_unknown():
    assert swings(flat(100, 200, 100), math.nan) == []


def test_only_the_newest_swings_are_kept():
    state = [0.0] * zigzag_size()
    for i in range(60):
        price = 100.0 + 20.0 * (i % 2) + i
        zigzag_step(state, 0, 10.0, price, price, price)
    kept = state[SWINGS : SWINGS + SWINGS_KEPT]
    assert kept == [158.0, 177.0, 156.0, 175.0, 154.0, 173.0, 152.0, 171.0, 150.0]


def walked(candles, term):
    """Yield what the older zig-zag confirms at each row, and its newest swings."""
    state, atr = [0.0] * anchored_size(), [0.0] * atr_size()
    for row in range(len(candles)):
        c = candles.candle(row)
        distance = 3.0 * atr_step(atr, 0, 14, c.high, c.low, c.close)
        kind = anchored_step(state, 0, term, distance, bar_of(c, MINUTE_MS))
        at = anchored_at(state, 0) + SWINGS
        yield kind, state[at : at + 6]


def anchored(candles, term):
    """Return the walk with its prices rounded."""
    return [(kind, *(round(p, 9) for p in swings)) for kind, swings in walked(candles, term)]


def test_an_anchored_zigzag_does_not_depend_on_the_start_of_the_history(bitcoin):
    term, warmup = 250, 297 + 500
    whole = anchored(bitcoin.rows(0, 4_000), term)
    assert {kind for kind, *_ in whole} == {HIGH_CONFIRMED, LOW_CONFIRMED, 0}
    for start in (1, 137, 500, 1_111):
        later = anchored(bitcoin.rows(start, 4_000), term)
        assert repr(later[warmup:]) == repr(whole[start + warmup :])


def test_later_candles_change_no_earlier_zigzag(bitcoin):
    whole = anchored(bitcoin.rows(0, 1_500), 250)
    for end in np.arange(600, 1_500, 97):
        assert repr(anchored(bitcoin.rows(0, int(end)), 250)) == repr(whole[:end])


def test_an_anchored_zigzag_restarts_alike_at_any_price(bitcoin):
    # A coin of a cent moves as one of a thousand does: powers of two scale without rounding.
    rows = bitcoin.rows(0, 2_000)
    small = 2.0**-24
    cheap = replace(
        rows, **{name: getattr(rows, name) * small for name in ("open", "high", "low", "close")}
    )
    usual, scaled = confirmed(rows, 250), confirmed(cheap, 250)
    assert len(usual) > 20
    assert scaled == [(row, kind, price * small) for row, kind, price in usual]


def confirmed(candles, term):
    """(row, kind, price) of what the older zig-zag confirms."""
    rows = enumerate(walked(candles, term))
    return [(row, kind, swings[0]) for row, (kind, swings) in rows if kind]
