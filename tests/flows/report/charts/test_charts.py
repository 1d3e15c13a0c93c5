"""The arithmetic of the report's charts and the format of its numbers."""

from __future__ import annotations

import math

import pytest

from flows.report import formats
from flows.report.charts.curves import Curve, drawdown, thinned
from flows.report.charts.prices import Bars, TradeMark, merged, price_chart
from flows.report.charts.surfaces import slices
from flows.report.charts.svg import Scale, padded, tag, ticks, time_ticks
from flows.report.execution import slippage_bps
from flows.report.strategies import compounded
from trading.candles import DAY_MS, HOUR_MS


def test_ticks_are_round_and_inside_the_range() -> None:
    assert ticks(0.0, 10.0) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert ticks(93_120.0, 111_980.0, 4) == [95_000.0, 100_000.0, 105_000.0, 110_000.0]


def test_time_ticks_of_a_few_hours_name_the_day_once() -> None:
    labels = [label for _, label in time_ticks(2 * HOUR_MS, 6 * HOUR_MS)]
    assert labels == ["01 Jan 02:00", "03:00", "04:00", "05:00", "06:00"]


def test_time_ticks_of_years_fall_on_first_days_of_months() -> None:
    times = [time for time, _ in time_ticks(0, 365 * DAY_MS)]
    assert times[:2] == [0, 59 * DAY_MS]
    assert len(times) <= 9


def test_a_flat_line_still_gets_a_range() -> None:
    low, high = padded([1.0, 1.0])
    assert low < 1.0 < high
    assert Scale(1.0, 1.0, 0.0, 10.0)(1.0) == 5.0


def test_drawdown_is_measured_from_the_highest_value_so_far() -> None:
    curve = Curve((0, 1, 2, 3), (1.0, 1.2, 0.9, 1.3))
    assert drawdown(curve).values == pytest.approx((0.0, 0.0, -0.25, 0.0))


def test_thinning_keeps_the_extremes_and_the_end() -> None:
    values = [1.0] * 10_000
    values[4_321], values[7_000] = 0.5, 2.0
    curve = thinned(Curve(tuple(range(10_000)), tuple(values)))
    assert len(curve.times) <= 1_000
    assert min(curve.values) == 0.5
    assert max(curve.values) == 2.0
    assert curve.times[-1] == 9_999


def test_joined_candles_keep_first_last_and_extremes() -> None:
    bars = Bars((0, 1, 2), (1.0, 2.0, 3.0), (5.0, 9.0, 4.0), (0.5, 1.5, 0.2), (2.0, 3.0, 3.5), 1)
    joined = merged(bars, limit=2)
    assert joined.times == (0, 2)
    assert joined.highs == (9.0, 4.0)
    assert joined.lows == (0.5, 0.2)
    assert joined.closes == (3.0, 3.5)
    assert joined.interval_ms == 2


def test_equity_is_flat_between_exits_and_ends_with_the_test_spans() -> None:
    trades = [TradeMark(2, 4, 1.0, 1.1, 0.1, "x"), TradeMark(6, 8, 1.0, 0.5, -0.5, "x")]
    curve = compounded(trades, [{"test_from": 1, "test_to": 9}])
    assert curve.times == (1, 4, 4, 8, 8, 9)
    assert curve.values == pytest.approx((1.0, 1.0, 1.1, 1.1, 0.55, 0.55))


def test_a_map_shows_the_plane_through_the_chosen_set() -> None:
    points = [({"k": k, "tp": tp, "sl": sl}, k + tp + sl) for k in (1, 2) for tp in (3, 4) for sl in (5, 6)]  # fmt: skip # noqa: E501
    planes = slices(points, {"k": 2, "tp": 3, "sl": 6}, [{"k": 1, "tp": 3, "sl": 5}])
    by_axes = {(plane.across, plane.down): plane for plane in planes}
    plane = by_axes["k", "tp"]
    assert plane.fixed == (("sl", 6),)
    assert plane.values == {(1, 3): 10, (2, 3): 11, (1, 4): 11, (2, 4): 12}
    assert plane.marked == frozenset()
    assert by_axes["k", "sl"].marked == {(1, 5)}


def test_a_chosen_set_off_the_grid_shows_medians_over_the_other_parameters() -> None:
    points = [({"k": k, "tp": tp, "sl": sl}, float(sl)) for k in (1, 2) for tp in (3, 4) for sl in (5, 7)]  # fmt: skip # noqa: E501
    plane = slices(points, {"k": 2, "tp": 3, "sl": 99})[0]
    assert (plane.across, plane.down) == ("k", "sl")
    merged_plane = next(p for p in slices(points, {"sl": 99, "k": 1, "tp": 3}) if p.down == "tp")
    assert merged_plane.merged
    assert set(merged_plane.values.values()) == {6.0}


@pytest.mark.parametrize(
    ("side", "wanted", "filled", "expected"),
    [("BUY", 100.0, 100.1, 10.0), ("SELL", 100.0, 99.9, 10.0), ("SELL", 100.0, 100.1, -10.0)],
)
def test_slippage_is_positive_when_the_fill_is_worse(
    side: str, wanted: float, filled: float, expected: float
) -> None:
    order = {
        "side": side,
        "status": "filled",
        "average_price": filled,
        "decision_price": None,
        "trigger_price": wanted,
    }
    assert slippage_bps(order) == pytest.approx(expected)
    assert slippage_bps({**order, "status": "cancelled"}) is None


def test_trades_outside_the_prices_are_not_drawn() -> None:
    bars = Bars((10, 20), (1.0, 1.0), (2.0, 2.0), (0.5, 0.5), (1.5, 1.5), 10)
    inside, outside = TradeMark(10, 20, 1.0, 1.1, 0.1, "x"), TradeMark(5, 20, 1.0, 1.1, 0.1, "x")
    chart = price_chart("p", "Price", bars, [inside, outside])
    assert chart.count('class="entry"') == 1


def test_attributes_and_texts_are_escaped() -> None:
    drawn = tag("text", "<b>", class_='"><script>')
    assert drawn == '<text class="&#34;&gt;&lt;script&gt;">&lt;b&gt;</text>'


def test_numbers_are_readable() -> None:
    assert formats.percent(-0.0312) == "−3.12 %"
    assert formats.percent(-0.000001) == "0.00 %"
    assert formats.decimal(math.nan) == "–"
    assert formats.decimal(math.inf) == "∞"
    assert formats.anything(0.30000000000000004) == "0.3"
    assert formats.price(98_488.65) == "98,488.65"
    assert formats.moment(0) == "1970-01-01 00:00 UTC"
