"""Conditions of the surge sets and of the scan on hand-made candles, each met and missed."""

from __future__ import annotations

import numpy as np
import pytest

from trading.candles import HOUR_MS, CandleColumns
from trading.errors import DataError
from trading.strategies.surge.conditions import (
    follow,
    m1_conditions,
    m3_conditions,
    m15_conditions,
    one_later,
)
from trading.strategies.surge.layout import set_size
from trading.strategies.surge.reasons import (
    M1_NAMES,
    M3_FILTER_NAME,
    M3_NAMES,
    M15_NAMES,
    conditions,
    named,
    part_text,
)
from trading.strategies.surge.scan import scan_symbols
from trading.strategies.surge.strategy import Surge

SURGE = Surge()
SMALL = {"short_span": 2, "quick_span": 3, "middle_span": 8, "long_span": 10, "band_span": 5}
NAMES = {"1m": M1_NAMES, "3m": (*M3_NAMES, M3_FILTER_NAME), "15m": M15_NAMES}


def par_of(**values):
    return SURGE.buffer(SURGE.resolve(SMALL | values))


def met(part: str, closes: list[float], days_since_rise: int = 0, **values) -> set[str]:
    """Return the conditions that the last candle meets; a candle opens at the last close."""
    par = par_of(**{"m3_filter": "on", **values})
    state = [0.0] * set_size(par)
    for turn, close in enumerate(closes):
        follow(state, 0, par, turn, close)
    if part == "1m":
        bits = m1_conditions(state, 0, par, float(days_since_rise), closes[-2], closes[-1])
    else:
        bits = (m3_conditions if part == "3m" else m15_conditions)(state, 0, par)
    return {name for name, is_met in named(bits, NAMES[part]).items() if is_met}


RISING = [100.0 + i for i in range(16)]
FALLING = [116.0 - i for i in range(16)]
FLAT = [100.0] * 16
TURNED_UP = [120.0 - i for i in range(14)] + [107.0 + 2 * i for i in range(12)]
TURNED_DOWN = [100.0 + i for i in range(14)] + [113.0 - 2 * i for i in range(8)]
# A long fall, two rising candles, and a small fall: MA2 has crossed MA3 below MA8.
ENTRY_POINT = [130.0 - 2 * i for i in range(14)] + [105.0, 106.0, 105.9]
# The same, but the last candle rises.
RISING_ENTRY = [*ENTRY_POINT[:-1], 106.1]

CASES = [
    ("1m", "trend", RISING, {}, True),
    ("1m", "trend", FALLING, {}, False),
    ("1m", "trend", FLAT, {}, False),
    # MA80 is below MA480 again, but their golden cross was recent.
    ("1m", "trend", [*TURNED_UP, *[110.0] * 2, *[90.0] * 6], {}, True),
    ("1m", "trend", [*TURNED_UP, *[110.0] * 2, *[90.0] * 6], {"m1_trend_bars": 5}, False),
    ("1m", "spread", RISING, {}, True),
    ("1m", "spread", FALLING, {}, True),
    ("1m", "spread", FLAT, {}, False),
    ("1m", "spread", RISING, {"m1_spread": 0.05}, False),
    ("1m", "bands", FLAT, {}, True),
    ("1m", "bands", RISING, {"m1_band_spread": 0.0}, False),
    ("1m", "bands", TURNED_UP, {"m1_band_spread": 0.0}, True),
    ("1m", "bands", TURNED_UP, {"m1_band_spread": 0.0, "m1_band_bars": 2}, False),
    ("1m", "pullback", TURNED_DOWN, {}, True),
    ("1m", "pullback", TURNED_DOWN, {"m1_pullback_bars": 2}, False),
    ("1m", "pullback", RISING, {}, False),
    ("1m", "entry point", ENTRY_POINT, {}, True),
    ("1m", "entry point", RISING_ENTRY, {}, False),
    ("1m", "entry point", RISING_ENTRY, {"m1_entry_down": "off"}, True),
    ("1m", "entry point", ENTRY_POINT, {"m1_entry_bars": 1}, False),
    ("1m", "entry point", [*TURNED_UP, 128.0], {"m1_entry_bars": 50}, False),  # MA5 above MA80
    ("1m", "compound", ENTRY_POINT, {}, True),
    ("1m", "compound", RISING_ENTRY, {}, False),
    ("1m", "compound", RISING_ENTRY, {"m1_compound_down": "off"}, True),
    ("1m", "compound", ENTRY_POINT, {"m1_compound_bars": 1}, False),
    # The source describes both alike; each has its own switch.
    ("1m", "compound", RISING_ENTRY, {"m1_entry_down": "off"}, False),
    ("3m", "trend cross", TURNED_UP, {}, True),
    ("3m", "trend cross", TURNED_UP, {"m3_trend_bars": 2}, False),
    ("3m", "trend cross", RISING, {}, False),  # always above is no cross
    ("3m", "bands", FLAT, {}, True),
    ("3m", "bands", RISING, {"m3_band_spread": 0.0}, False),
    ("3m", "bands", TURNED_UP, {"m3_band_spread": 0.0}, True),
    ("3m", "pullback", TURNED_DOWN, {}, True),
    ("3m", "pullback", TURNED_DOWN, {"m3_pullback_bars": 2}, False),
    ("3m", "height", RISING, {}, True),
    ("3m", "height", FALLING, {}, False),
    ("3m", "height", FALLING, {"m3_near": 0.1}, True),
    ("3m", "entry cross", ENTRY_POINT, {}, True),
    ("3m", "entry cross", ENTRY_POINT, {"m3_entry_bars": 1}, False),
    ("3m", "entry cross", RISING, {}, False),
    ("3m", "filter", RISING, {}, True),
    ("3m", "filter", FALLING, {}, True),  # MA80 is less than 10 % below MA480
    ("3m", "filter", FALLING, {"m3_filter_below": 0.001}, False),
    ("3m", "filter", TURNED_DOWN, {"m3_filter_below": 0.0}, True),  # it was above recently
    ("3m", "filter", TURNED_DOWN, {"m3_filter_below": 0.0, "m3_filter_bars": 1}, False),
    ("15m", "trend", FALLING, {}, True),  # below, and within 5 %
    ("15m", "trend", FALLING, {"m15_trend_spread": 0.001}, False),
    ("15m", "trend", RISING, {}, False),  # always above is neither
    ("15m", "trend", TURNED_UP, {}, True),
    ("15m", "height", RISING, {}, True),
    ("15m", "height", FALLING, {}, False),
    ("15m", "height", FALLING, {"m15_near": 0.1}, True),
    ("15m", "bands cross", TURNED_UP, {}, True),
    ("15m", "bands cross", FLAT, {}, False),
    ("15m", "falling", FALLING, {}, True),
    ("15m", "falling", [*RISING, 112.0], {}, False),  # fell once
    ("15m", "falling", [*RISING, 112.0], {"m15_falls": 1}, True),
]


@pytest.mark.parametrize(("part", "name", "closes", "values", "expected"), CASES)
def test_a_condition_is_met_or_missed(part, name, closes, values, expected):
    assert (name in met(part, closes, **values)) is expected


def test_every_condition_is_both_met_and_missed():
    answers = {(part, name, expected) for part, name, _, _, expected in CASES}
    for part, names in NAMES.items():
        for name in set(names) - {"daily rise"}:
            assert {(part, name, True), (part, name, False)} <= answers, (part, name)


def test_the_filter_passes_everything_when_it_is_off():
    missed = {"m3_filter_below": 0.001}
    assert "filter" not in met("3m", FALLING, **missed)
    assert "filter" in met("3m", FALLING, m3_filter="off", **missed)


def test_a_daily_rise_counts_for_its_days():
    assert "daily rise" not in met("1m", FLAT, 0)
    assert "daily rise" in met("1m", FLAT, 30)
    assert "daily rise" not in met("1m", FLAT, 31)
    assert "daily rise" in met("1m", FLAT, 31, daily_bars=31)


def test_nothing_is_met_before_the_windows_are_full():
    assert met("1m", RISING[:7]) == set()
    assert met("3m", RISING[:7]) == set()
    assert met("15m", RISING[:2]) == set()


def test_a_count_above_the_limit_is_forgotten():
    assert (one_later(0.0), one_later(1.0), one_later(999.0), one_later(1000.0)) == (
        0.0,
        2.0,
        1000.0,
        0.0,
    )


# The scan of hourly candles: open, high, close, volume.

CALM = [(100.0, 100.5, 100.0, 10.0)] * 20
SURGING = [
    (100.0, 104.0, 103.0, 30.0),
    (103.0, 104.0, 102.0, 10.0),
    (102.0, 103.0, 103.0, 10.0),
    (103.0, 103.0, 102.5, 10.0),
]


def hours(rows) -> CandleColumns:
    opens, highs, closes, volumes = (np.array(column) for column in zip(*rows, strict=True))
    times = [HOUR_MS * i for i in range(len(rows))]
    lows = np.minimum(opens, closes)
    return CandleColumns.of(times, opens, highs, lows, closes, volumes, HOUR_MS)


def scanned(rows, **values) -> dict[str, bool]:
    (found,) = scan_symbols({"A": hours(rows)}, par_of(**values))
    return dict(found.conditions)


def changed(place: int, row: tuple[float, float, float, float]) -> list:
    return [*CALM, *SURGING[:place], row, *SURGING[place + 1 :]]


@pytest.mark.parametrize(
    ("rows", "missed"),
    [
        ([*CALM, *SURGING], set()),
        (changed(0, (100.0, 102.9, 102.5, 30.0)), {"thrust"}),
        (changed(3, (103.0, 103.0, 100.0, 10.0)), {"rise"}),
        (changed(0, (100.0, 104.0, 103.0, 29.0)), {"volume"}),
        (changed(2, (102.0, 103.0, 102.0, 10.0)), {"up candles"}),
    ],
)
def test_the_scan_needs_all_four_conditions(rows, missed):
    met_or_not = scanned(rows)
    assert {name for name, is_met in met_or_not.items() if not is_met} == missed
    assert list(met_or_not) == ["thrust", "rise", "volume", "up candles"]


def test_the_scan_finds_the_surging_symbols():
    rows = {"A": [*CALM, *SURGING], "B": [*CALM, *CALM[:4]], "C": SURGING, "D": [*CALM, *SURGING]}
    found = scan_symbols({symbol: hours(r) for symbol, r in rows.items()}, par_of())
    assert [one.symbol for one in found if one.found] == ["A", "D"]
    assert [one.known for one in found] == [True, True, False, True]


def test_the_scan_refuses_candles_of_another_interval():
    candles = CandleColumns.of([0], [1.0], [1.0], [1.0], [1.0], interval_ms=60_000)
    with pytest.raises(DataError, match="the scan needs candles of 1h, those of A are of 1m"):
        scan_symbols({"A": candles}, par_of())


def test_the_bits_of_a_decision_can_be_read_back_by_name():
    bits = float(0b0101101 | 1 << 21)
    parts = conditions(bits)
    assert [name for name, is_met in parts["1m"].items() if not is_met] == [
        "spread",
        "entry point",
        "compound",
    ]
    assert part_text("1m", int(bits)) == "1m 4 of 7 (missing: spread, entry point, compound)"
    assert part_text("3m", int(bits)) == "3m warming up"
