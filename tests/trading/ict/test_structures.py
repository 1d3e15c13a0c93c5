"""ICT structures on hand-made candles, and their invariants on real ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.candles import MINUTE_MS, CandleColumns
from trading.errors import ParameterError
from trading.ict.batch import FIELDS, IctSettings, Structures, find_structures
from trading.ict.step import VIEW_NAMES

NAN = math.nan

# Up, a pull-back, a break upwards that leaves a gap, and all the way down again.
STORY = [
    (9.0, 10.0, 8.0, 9.5),
    (9.5, 12.0, 9.0, 11.0),
    (11.0, 11.5, 9.2, 10.0),
    (10.0, 10.5, 8.5, 9.0),
    (9.0, 11.0, 8.7, 10.8),
    (10.8, 12.5, 10.5, 12.2),
    (12.2, 13.0, 12.0, 12.8),
    (12.8, 12.9, 11.5, 12.1),
    (12.1, 12.2, 10.9, 11.0),
    (11.0, 11.2, 10.2, 10.6),
    (10.6, 10.7, 8.0, 8.3),
    (8.3, 10.6, 8.2, 8.4),
    (8.4, 11.0, 8.3, 10.8),
]
# Two highs at about 10, a wick above them, and a candle far above them.
POOL = [
    (9.0, 9.5, 8.9, 9.2),
    (9.2, 10.0, 9.1, 9.8),
    (9.6, 9.7, 9.0, 9.1),
    (9.1, 9.3, 8.5, 8.8),
    (8.8, 9.6, 8.7, 9.5),
    (9.5, 10.1, 9.4, 9.9),
    (9.9, 9.95, 9.2, 9.3),
    (9.3, 10.15, 9.2, 9.8),
    (9.8, 10.3, 9.7, 10.25),
]


def candles_of(rows: list[tuple[float, float, float, float]]) -> CandleColumns:
    times = [MINUTE_MS * i for i in range(len(rows))]
    return CandleColumns.of(times, *zip(*rows, strict=True), [1.0] * len(rows), MINUTE_MS)


def structures(rows, **settings) -> Structures:
    chosen = IctSettings(**{"left": 1, "right": 1, "tolerance": 0.0} | settings)
    return find_structures(candles_of(rows), chosen, views=True, compiled=False)


def rows_of(table: dict[str, np.ndarray]) -> list[dict[str, float]]:
    return [
        {name: float(column[i]) for name, column in table.items() if not np.isnan(column[i])}
        for i in range(len(table["at"]))
    ]


def test_a_swing_is_known_once_the_candles_after_it_have_closed():
    assert rows_of(structures(STORY[:2]).swings) == []
    assert rows_of(structures(STORY[:5]).swings) == [
        {"side": 1, "at": 1, "known": 2, "level": 12.0},
        {"side": -1, "at": 3, "known": 4, "level": 8.5},
    ]


def test_a_swing_that_reaches_further_supersedes_the_last_of_its_side():
    rows = [(9, 10, 8, 9), (9, 11, 8.1, 9), (9, 10.5, 8.2, 9), (9, 12, 8.3, 9), (9, 11, 8.4, 9)]
    assert rows_of(structures(rows).swings) == [
        {"side": 1, "at": 1, "known": 2, "level": 11.0, "superseded": 4},
        {"side": 1, "at": 3, "known": 4, "level": 12.0},
    ]


def test_a_close_beyond_the_last_swing_breaks_structure():
    assert rows_of(structures(STORY[:5]).breaks) == []
    found = structures(STORY[:6])
    assert rows_of(found.breaks) == [{"side": 1, "at": 1, "known": 5, "level": 12.0, "kind": 1}]
    assert found.swings["broken"].tolist()[0] == 5
    assert found.view("trend").tolist() == [0, 0, 0, 0, 0, 1]


def test_a_break_against_the_trend_changes_its_character():
    found = structures(STORY[:11])
    assert rows_of(found.breaks)[1] == {
        "side": -1,
        "at": 3,
        "known": 10,
        "level": 8.5,
        "kind": 2,
        "undercut": 1,
    }
    assert found.view("trend")[10] == -1


def test_a_wick_beyond_a_swing_breaks_nothing():
    wick = [*STORY[:5], (10.8, 12.5, 10.5, 12.0)]
    assert rows_of(structures(wick).breaks) == []


def test_a_gap_is_known_with_its_third_candle_and_is_filled_step_by_step():
    gap = {"side": 1, "at": 5, "known": 6, "top": 12.0, "bottom": 11.0}
    assert rows_of(structures(STORY[:6]).gaps) == []
    assert rows_of(structures(STORY[:7]).gaps) == [gap | {"share": 0.0}]
    assert rows_of(structures(STORY[:8]).gaps) == [gap | {"touched": 7, "share": 0.5}]
    whole = structures(STORY[:9])
    assert rows_of(whole.gaps) == [gap | {"touched": 7, "filled": 8, "share": 1.0}]
    assert whole.view("gap_below").tolist()[6:8] == [12.0, 12.0]
    assert np.isnan(whole.view("gap_below")[8])


def test_the_middle_candle_of_a_gap_moves_in_its_direction():
    rows = [(9, 10, 8, 9), (11.9, 12.5, 9.5, 10.8), (12.2, 13, 12, 12.8)]
    assert rows_of(structures(rows).gaps) == []


def test_a_break_leaves_the_candle_furthest_against_it_as_order_block():
    block = {"side": 1, "at": 3, "known": 5, "top": 10.5, "bottom": 8.5, "volume": 3.0}
    assert rows_of(structures(STORY[:6]).blocks) == [block]
    assert rows_of(structures(STORY[:10]).blocks) == [block | {"mitigated": 9}]


def test_a_block_that_price_closes_through_turns_into_a_breaker():
    broken = structures(STORY[:12])
    first = rows_of(broken.blocks)[0]
    assert (first["broken"], "void" in first) == (10, False)
    assert broken.view("breaker_above").tolist()[10:] == [8.5, 8.5]
    assert np.isnan(broken.view("block_below")[10])
    void = structures(STORY)
    assert rows_of(void.blocks)[0]["void"] == 12
    assert np.isnan(void.view("breaker_above")[12])


def test_a_wick_through_a_block_breaks_it_only_with_by_wick():
    wick = [*STORY[:10], (10.6, 10.7, 8.4, 8.6)]
    assert "broken" not in rows_of(structures(wick).blocks)[0]
    assert rows_of(structures(wick, by_wick=True).blocks)[0]["broken"] == 10


def test_two_swings_at_one_price_make_a_pool_that_a_wick_sweeps():
    pool = {"side": 1, "at": 1, "known": 6, "end": 5, "members": 2}
    assert rows_of(structures(POOL[:6], tolerance_price=0.2).pools) == []
    found = structures(POOL[:7], tolerance_price=0.2)
    assert found.pools["level"] == pytest.approx([10.05])
    assert rows_of(found.pools) == [pool | {"level": found.pools["level"][0]}]
    assert found.view("liquidity_above")[6] == found.pools["level"][0]
    whole = structures(POOL, tolerance_price=0.2)
    assert rows_of(whole.pools) == [rows_of(found.pools)[0] | {"swept": 7, "taken": 8}]
    assert whole.view("since_sweep_above").tolist()[7:] == [0, 1]
    assert np.isnan(whole.view("liquidity_above")[7])


def test_a_close_beyond_a_pool_is_no_sweep():
    through = [*POOL[:7], (9.3, 10.15, 9.2, 10.14)]
    assert "swept" not in rows_of(structures(through, tolerance_price=0.2).pools)[0]


@pytest.mark.parametrize(
    ("high", "close", "swept"),
    [
        (10.101, 10.099, True),
        (10.101, 10.1, False),
        (10.1, 10.099, False),
        (10.101, 10.101, False),
    ],
)
def test_a_sweep_reaches_beyond_the_outer_edge_of_a_pool_and_closes_inside(high, close, swept):
    wick = [*POOL[:7], (9.3, high, 9.2, close)]
    assert ("swept" in rows_of(structures(wick, tolerance_price=0.2).pools)[0]) == swept


def test_a_superseded_swing_leaves_its_pool():
    # Each low lies above the last one, so no swing low comes between the two highs.
    rise = [(9.9, 9.95, 9.45, 9.8), (9.8, 10.19, 9.5, 10.0), (10.0, 10.1, 9.55, 9.6)]
    pools = structures([*POOL[:6], *rise], tolerance_price=0.2).pools
    # What was known first stays as it was; the swing that reaches further makes a new version.
    assert pools["members"].tolist() == [2, 2]
    assert pools["level"] == pytest.approx([(10.0 + 10.1) / 2, (10.0 + 10.19) / 2])
    assert (pools["known"].tolist(), pools["end"].tolist()) == ([6, 8], [5, 7])
    assert (pools["replaced"][0], np.isnan(pools["replaced"][1])) == (8.0, True)


def test_structures_older_than_max_age_are_forgotten():
    flat = [*STORY[:7], *[(12.5, 12.6, 12.4, 12.5)] * 4]
    seen = structures(flat, max_age=2).view("gap_below")
    # Known after row 6, it counts for rows 7 and 8; the view shows what the next row may meet.
    assert seen[6:8].tolist() == [12.0, 12.0]
    assert np.isnan(seen[8:]).all()


def test_a_full_book_drops_the_farthest_zone():
    rows = [(i * 10.0 + 1, i * 10.0 + 6, i * 10.0 + 1, i * 10.0 + 6) for i in range(1, 8)]
    found = structures([*rows, (20.0, 70.0, 18.0, 20.0)], zones=2)
    assert np.isfinite(found.gaps["touched"]).sum() == 2


def test_times_are_those_at_which_candles_closed():
    found = structures(STORY[:6])
    assert found.times(found.swings["known"]).tolist() == [3 * MINUTE_MS, 5 * MINUTE_MS]
    assert found.times(found.swings["broken"]).tolist() == [6 * MINUTE_MS, -1]


def test_invalid_settings_are_refused():
    with pytest.raises(ParameterError, match="right = 0 is less than 1"):
        IctSettings(right=0)


@pytest.mark.parametrize("symbol", ["bitcoin", "ether"])
def test_plain_and_compiled_structures_are_equal_to_the_bit(symbol, request):
    candles = request.getfixturevalue(symbol).rows(0, 12_000)
    plain = find_structures(candles, views=True, compiled=False)
    fast = find_structures(candles, views=True)
    assert plain.views.tobytes() == fast.views.tobytes()
    for name, fields in FIELDS.items():
        ours, theirs = getattr(plain, name), getattr(fast, name)
        assert len(ours["at"]) > 20, name
        for field in fields:
            assert ours[field].tobytes() == theirs[field].tobytes(), (name, field)


# Events that may still happen to a row, and values that grow with it.
EVENTS = (
    "superseded",
    "broken",
    "touched",
    "filled",
    "mitigated",
    "void",
    "taken",
    "swept",
    "replaced",
)
GROWING = {"gaps": ("share",)}


def as_known(table: dict[str, np.ndarray], name: str, end: int) -> dict[str, list[float]]:
    """Return the rows of a table known before row ``end``, as they were then."""
    known = table["known"] < end
    shown = {}
    for field, column in table.items():
        values = column[known].copy()
        if field in EVENTS:
            values[~(values < end)] = NAN
        if field not in GROWING.get(name, ()):
            shown[field] = values.tobytes()
    return shown


def test_later_candles_change_nothing_that_was_known(bitcoin):
    candles = bitcoin.rows(0, 9_000)
    whole = find_structures(candles, views=True)
    for end in [*range(8_000, 8_030), 700, 2_345, 5_001]:
        part = find_structures(candles.rows(0, end), views=True)
        assert part.views.tobytes() == whole.views[:end].tobytes()
        for name in FIELDS:
            assert as_known(getattr(part, name), name, end) == as_known(
                getattr(whole, name), name, end
            ), name


@pytest.mark.parametrize("symbol", ["bitcoin", "ether"])
def test_a_later_start_with_the_declared_warm_up_sees_the_same(symbol, request):
    candles = request.getfixturevalue(symbol)
    settings = IctSettings(max_age=300)
    whole = find_structures(candles, settings, views=True)
    warmup = 3 * settings.max_age
    for start in (1_000, 7_777, 31_000):
        later = find_structures(candles.rows(start, start + 8_000), settings, views=True)
        expected = whole.views[start + warmup : start + 8_000]
        seen = later.views[warmup:].copy()
        # The later start does not know the age of structures before it.
        for name in ("since_sweep_above", "since_sweep_below"):
            column = VIEW_NAMES.index(name)
            unknown = np.isnan(seen[:, column])
            assert (expected[unknown, column] > warmup).all()
            seen[unknown, column] = expected[unknown, column]
        assert seen.tobytes() == expected.tobytes()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(*(st.integers(0, 6) for _ in range(4))), min_size=12, max_size=60),
    st.data(),
)
def test_a_pool_that_was_known_never_changes(steps, data):
    rows = [
        (100 + o / 10, 100.1 + (max(o, c) + h) / 10, 99.9 + (min(o, c) - lo) / 10, 100 + c / 10)
        for o, h, lo, c in steps
    ]
    whole = structures(rows, tolerance_price=0.3).pools
    end = data.draw(st.integers(2, len(rows)))
    part = structures(rows[:end], tolerance_price=0.3).pools
    assert as_known(part, "pools", end) == as_known(whole, "pools", end)
