"""A planted drift is found within a day, and calm days raise few alarms."""

from __future__ import annotations

import numpy as np
import pytest

from trading.errors import DataError
from trading.models.drift import (
    ERROR_NAMES,
    DayMonitor,
    day_monitor,
    error_rows,
    last_day,
    resampled_day,
)

BAR_MS = 900_000
DAY = 96


def training(days: int = 45, seed: int = 1) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return rows of features from calm to slow, at 15 minutes each."""
    random = np.random.default_rng(seed)
    rows = days * DAY
    columns = []
    for memory in (0.0, 0.5, 0.9, 0.97):
        noise = random.normal(size=rows)
        column = np.empty(rows)
        value = 0.0
        for row in range(rows):
            value = memory * value + np.sqrt(1.0 - memory**2) * noise[row]
            column[row] = value
        columns.append(column)
    return ("calm", "quick", "slow", "slower"), np.column_stack(columns), np.arange(rows) * BAR_MS


def alarms(monitor: DayMonitor, rows: np.ndarray, shift: np.ndarray | float, runs: int) -> int:
    random = np.random.default_rng(9)
    count = 0
    for _ in range(runs):
        day = rows[resampled_day(random, len(rows), DAY)]
        count += monitor.look_at(day + shift).drifted
    return count


def test_a_mean_that_moved_by_a_deviation_is_found_within_a_day() -> None:
    names, rows, times = training()
    monitor = day_monitor(names, rows, times)
    assert alarms(monitor, rows, rows.std(axis=0), 100) >= 95
    for feature in (0, 1):
        shift = np.zeros(4)
        shift[feature] = rows[:, feature].std()
        assert alarms(monitor, rows, shift, 100) >= 95


def test_calm_days_raise_at_most_one_alarm_in_a_month() -> None:
    names, rows, times = training()
    monitor = day_monitor(names, rows, times)
    months = 100
    assert alarms(monitor, rows, 0.0, months * 30) <= months


def test_outcomes_twice_as_wild_as_forecast_are_found_within_a_day() -> None:
    random = np.random.default_rng(2)
    forecast = random.normal(-7.0, 0.4, 40 * DAY)
    actual = forecast + random.normal(0.0, 0.3, 40 * DAY)
    times = np.arange(40 * DAY) * BAR_MS
    monitor = day_monitor(ERROR_NAMES, error_rows(actual, forecast), times)
    day = slice(10 * DAY, 11 * DAY)
    wild = error_rows(actual[day] + np.log(2.0), forecast[day])
    found = monitor.look_at(wild)
    assert found.drifted
    assert found.what in ERROR_NAMES
    assert not monitor.look_at(error_rows(actual[day], forecast[day])).drifted


def test_the_last_day_is_compared_with_those_before() -> None:
    random = np.random.default_rng(4)
    forecast = random.normal(-7.0, 0.4, 30 * DAY)
    actual = forecast + random.normal(0.0, 0.3, 30 * DAY)
    times = np.arange(30 * DAY) * BAR_MS
    calm = last_day(actual, forecast, times)
    actual[-DAY:] += np.log(2.0)
    wild = last_day(actual, forecast, times)
    assert calm is not None
    assert wild is not None
    assert (calm.drifted, wild.drifted) == (False, True)
    assert last_day(actual[: 9 * DAY], forecast[: 9 * DAY], times[: 9 * DAY]) is None
    assert last_day(actual[-5:], forecast[-5:], times[-5:]) is None


def test_missing_values_and_constant_columns_are_left_out() -> None:
    names, rows, times = training(20)
    odd = np.column_stack([rows, np.full(len(rows), np.nan), np.ones(len(rows))])
    odd[::7, 0] = np.nan
    monitor = day_monitor((*names, "missing", "constant"), odd, times)
    assert monitor.names == names
    assert not monitor.look_at(odd[:DAY, :4]).drifted


def test_too_short_a_history_or_day_is_refused() -> None:
    names, rows, times = training(8)
    with pytest.raises(DataError, match="8 days are too few to know what is usual"):
        day_monitor(names, rows, times)
    names, rows, times = training(20)
    with pytest.raises(DataError, match="5 rows are too few to look for drift"):
        day_monitor(names, rows, times).look_at(rows[:5])
