"""The rolling Sharpe ratio of a curve of equity."""

from __future__ import annotations

import itertools
import math
from statistics import mean, stdev

import pytest

from flows.report.charts.curves import Curve, daily_values, rolling_sharpe
from trading.candles import DAY_MS, HOUR_MS


def test_a_day_has_the_last_value_before_its_end() -> None:
    curve = Curve((0, 5 * HOUR_MS, DAY_MS + HOUR_MS, 3 * DAY_MS), (1.0, 1.1, 1.2, 1.2))
    expected = Curve((DAY_MS, 2 * DAY_MS, 3 * DAY_MS), (1.1, 1.2, 1.2))
    assert daily_values(curve) == expected


def test_each_point_is_the_ratio_of_its_own_days() -> None:
    values = [1.0 + 0.01 * (n % 4) for n in range(9)]
    curve = Curve(tuple(n * DAY_MS for n in range(9)), tuple(values))
    chart = rolling_sharpe("x", curve, days=3)
    assert chart is not None
    own = [after / before - 1 for before, after in itertools.pairwise(values[1:])]
    expected = mean(own[-3:]) / stdev(own[-3:]) * math.sqrt(365)
    shown = chart.data["panels"][0]["series"][0]["values"]
    assert shown[-1] == pytest.approx(expected, abs=1e-4)
    assert len(shown) == len(chart.data["times"]) == len(own) - 2
    assert chart.data["times"][-1] == 8 * DAY_MS


def test_days_without_a_change_have_a_ratio_of_zero() -> None:
    chart = rolling_sharpe("x", Curve((0, 90 * DAY_MS), (1.0, 1.0)))
    assert chart is not None
    assert set(chart.data["panels"][0]["series"][0]["values"]) == {0.0}


def test_an_account_that_lost_everything_still_has_a_chart() -> None:
    chart = rolling_sharpe("x", Curve((0, 5 * DAY_MS, 90 * DAY_MS), (1.0, 0.0, 0.0)))
    assert chart is not None
    shown = chart.data["panels"][0]["series"][0]["values"]
    assert shown[0] < 0.0
    assert shown[-1] == 0.0


def test_a_short_curve_has_no_rolling_ratio() -> None:
    assert rolling_sharpe("x", Curve((0, 60 * DAY_MS), (1.0, 1.1))) is None
