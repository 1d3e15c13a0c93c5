"""The data of the report's charts and the format of its numbers."""

from __future__ import annotations

import math

import pytest

from flows.report import formats
from flows.report.charts.curves import Curve, drawdown, thinned
from flows.report.charts.prices import Bars, TradeMark, merged, price_chart
from flows.report.charts.surfaces import slices
from flows.report.charts.trades import bin_width, month_map, monthly_returns, return_bars
from flows.report.sections.execution import slippage_bps
from flows.report.sections.strategies import compounded
from trading.candles import DAY_MS


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
    assert curve.times == (1, 4, 8, 9)
    assert curve.values == pytest.approx((1.0, 1.1, 0.55, 0.55))


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
    chart = price_chart("p", "BTC", bars, [inside, outside])
    assert [one["entered"] for one in chart.data["trades"]] == [10]


def test_a_month_compounds_the_trades_that_were_closed_in_it() -> None:
    trades = [TradeMark(0, day * DAY_MS, 1.0, 1.0, net, "x") for day, net in ((1, 0.1), (30, 0.1), (31, -0.5))]  # fmt: skip # noqa: E501
    assert monthly_returns(trades) == pytest.approx({(1970, 1): 0.21, (1970, 2): -0.5})
    chart = month_map("m", trades)
    assert chart is not None
    assert chart.data["values"][0][:3] == [pytest.approx(0.21), -0.5, None]
    assert chart.data["values"][0][12] == pytest.approx(-0.395)


def test_every_trade_is_in_one_bar_of_the_distribution() -> None:
    results = (-0.031, -0.01, 0.0, 0.004, 0.012, 0.012)
    chart = return_bars("r", [TradeMark(0, 1, 1.0, 1.0, net, "x") for net in results])
    assert chart is not None
    won, lost = (one["values"] for one in chart.data["series"])
    assert sum(value for value in (*won, *lost) if value) == len(results)
    assert sum(value or 0 for value in lost) == 2


@pytest.mark.parametrize("results", [[0.0, 0.0], [-0.5, 3.0], [0.001, 0.0012], [-0.02, 0.02]])
def test_a_distribution_never_has_more_than_24_bars(results: list[float]) -> None:
    assert (results[-1] - results[0]) / bin_width(results) <= 23


def test_numbers_are_readable() -> None:
    assert formats.percent(-0.0312) == "−3.12 %"
    assert formats.percent(-0.000001) == "0.00 %"
    assert formats.decimal(math.nan) == "–"
    assert formats.decimal(math.inf) == "∞"
    assert formats.anything(0.30000000000000004) == "0.3"
    assert formats.price(98_488.65) == "98,488.65"
    assert formats.moment(0) == "1970-01-01 00:00 UTC"
