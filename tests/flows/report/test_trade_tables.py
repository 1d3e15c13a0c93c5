"""Trades by exit reason and weekday, and drawdowns with their recovery."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.report.charts.curves import Curve, drawdown
from flows.report.charts.prices import TradeMark
from flows.report.language import Locale, localized
from flows.report.trade_tables import (
    Drawdown,
    drawdown_grid,
    drawdowns,
    reason_grid,
    weekday_grid,
)
from flows.report.views import TableView
from trading.candles import DAY_MS, HOUR_MS


def trade(day: int, net: float, reason: str, hour: int = 12) -> TradeMark:
    """Return a trade of two hours that ends on a day of June 2025; the 2nd is a Monday."""
    end = int(datetime(2025, 6, day, hour, tzinfo=UTC).timestamp() * 1000)
    return TradeMark(end - 2 * HOUR_MS, end, 100.0, 100.0 * (1 + net), net, reason)


def rows(grid: TableView | None) -> list[list[str]]:
    assert grid is not None
    return [[cell.text for cell in row] for row in grid.rows]


TRADES = (
    trade(2, 0.10, "take_profit"),
    trade(2, -0.05, "stop_loss"),
    trade(9, -0.05, "stop_loss"),
    trade(8, 0.02, "day_end", hour=20),
)


def test_each_exit_reason_has_its_own_figures() -> None:
    assert rows(reason_grid(TRADES)) == [
        ["stop loss", "2", "−9.75 %", "0.0 %", "−5.00 %", "too few", "2 h 0 min"],
        ["day end", "1", "2.00 %", "100.0 %", "2.00 %", "too few", "2 h 0 min"],
        ["take profit", "1", "10.00 %", "100.0 %", "10.00 %", "too few", "2 h 0 min"],
    ]


def test_the_day_of_the_exit_is_that_of_the_clock_of_the_page() -> None:
    assert [row[:2] for row in rows(weekday_grid(TRADES))] == [["Monday", "3"], ["Sunday", "1"]]
    with localized(Locale("ko", "Asia/Seoul")):
        assert [row[:2] for row in rows(weekday_grid(TRADES))] == [["월요일", "4"]]


def test_without_a_trade_there_is_no_table() -> None:
    assert reason_grid(()) is None
    assert weekday_grid(()) is None


def curve(*values: float) -> Curve:
    return Curve(tuple(day * DAY_MS for day in range(len(values))), values)


def test_a_drawdown_lasts_from_its_peak_to_its_recovery() -> None:
    found = drawdowns(curve(1.0, 1.2, 0.9, 1.0, 1.2, 1.1, 1.15))
    assert found == [
        Drawdown(pytest.approx(-0.25), DAY_MS, 2 * DAY_MS, 4 * DAY_MS),
        Drawdown(pytest.approx(1.1 / 1.2 - 1.0), 4 * DAY_MS, 5 * DAY_MS, None),
    ]


def test_the_table_says_when_a_drawdown_was_made_up_for() -> None:
    grid = drawdown_grid(curve(1.0, 1.2, 0.9, 1.0, 1.2, 1.1, 1.15))
    assert rows(grid) == [
        ["−25.00 %", "1970-01-02 00:00", "1970-01-03 00:00", "1970-01-05 00:00", "3 d 0 h"],
        ["−8.33 %", "1970-01-05 00:00", "1970-01-06 00:00", "not yet", "2 d 0 h"],
    ]


def test_only_the_deepest_are_shown_and_the_rest_is_counted() -> None:
    falls = [value for n in range(1, 8) for value in (1.0, 1.0 - n / 100)]
    grid = drawdown_grid(curve(*falls, 1.0))
    assert grid is not None
    assert [row[0] for row in rows(grid)] == [f"−{n}.00 %" for n in (7, 6, 5, 4, 3)]
    assert grid.more == "The deepest 5 of 7."


def test_a_curve_that_only_rises_has_none() -> None:
    assert drawdown_grid(curve(1.0, 1.0, 1.1)) is None


@given(st.lists(st.floats(0.1, 10.0), min_size=1, max_size=40))
def test_the_deepest_is_the_lowest_point_of_the_curve_under_water(values: list[float]) -> None:
    line = curve(*values)
    found = drawdowns(line)
    under = min(drawdown(line, values[0]).values)
    assert math.isclose(found[0].depth if found else 0.0, under, abs_tol=1e-12)
    spans = sorted((one.start, one.end if one.end is not None else math.inf) for one in found)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
