"""Results by day and by period, against figures worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flows.report.charts.curves import Curve, daily_returns, rolling_volatility
from flows.report.charts.prices import TradeMark
from flows.report.language import Locale, localized
from flows.report.return_tables import (
    period_edges,
    period_grid,
    risk_grid,
)
from flows.report.views import TableView
from trading.candles import DAY_MS, HOUR_MS


def ms(year: int, month: int, day: int = 1, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp() * 1000)


def trades(*results: float) -> list[TradeMark]:
    return [
        TradeMark(n * HOUR_MS, (n + 1) * HOUR_MS, 1.0, 1.0, net, "stop_loss")
        for n, net in enumerate(results)
    ]


def shown(grid: TableView | None) -> dict[str, list[str]]:
    assert grid is not None
    return {row[0].text: [cell.text for cell in row[1:]] for row in grid.rows}


def test_a_day_is_worth_what_it_changed() -> None:
    curve = Curve((0, DAY_MS, 2 * DAY_MS, 3 * DAY_MS), (1.0, 1.1, 0.99, 0.99))
    assert daily_returns(curve) == pytest.approx([0.1, -0.1, 0.0])
    partial = Curve((DAY_MS // 2, DAY_MS, DAY_MS + 1), (1.0, 1.1, 0.99))
    assert daily_returns(partial) == pytest.approx([0.1, -0.1])


def test_the_risk_of_a_day_needs_days_and_trades() -> None:
    values = [1.0]
    for change in [-0.10, -0.04, *[0.01] * 19]:
        values.append(values[-1] * (1.0 + change))
    curve = Curve(tuple(n * DAY_MS for n in range(22)), tuple(values))
    rows = shown(risk_grid(curve, trades(*[0.03, -0.01] * 5)))
    assert rows["Best day"] == ["1.00 %"]
    assert rows["Worst day"] == ["−10.00 %"]
    assert rows["Days won"] == ["19 of 21"]
    assert rows["Value at risk of a day, 95 %"] == ["−4.00 %"]
    assert rows["Expected shortfall of a day, 95 %"] == ["−7.00 %"]
    assert rows["System quality number (SQN)"] == ["1.50"]
    few = shown(risk_grid(curve, trades(*[0.03, -0.01] * 4)))
    ratios = (
        "Volatility of a year",
        "Value at risk of a day, 95 %",
        "Expected shortfall of a day, 95 %",
        "System quality number (SQN)",
    )
    assert [few[name] for name in ratios] == [["too few"]] * 4
    assert risk_grid(curve, []) is None


def test_the_volatility_of_days_that_alternate() -> None:
    values = [1.0]
    for n in range(61):
        values.append(values[-1] * (1.01 if n % 2 else 0.99))
    curve = Curve(tuple(n * DAY_MS for n in range(62)), tuple(values))
    chart = rolling_volatility("v", curve)
    assert chart is not None
    series = chart.data["panels"][0]["series"][0]["values"]
    # The deviation of fifteen +1 % and fifteen -1 % is 1 % × √(30/29), a year √365 of it.
    assert series == pytest.approx([0.01 * (30 / 29 * 365) ** 0.5] * 31, abs=1e-6)
    assert rolling_volatility("v", Curve(curve.times[:61], curve.values[:61])) is None


def test_each_month_stands_beside_buy_and_hold() -> None:
    times = (ms(2025, 1, 20), ms(2025, 1, 31), ms(2025, 2, 10), ms(2025, 3, 5))
    grid = period_grid(Curve(times, (1.0, 1.1, 0.99, 1.089)), Curve(times, (1.0, 1.2, 1.5, 1.5)))
    assert shown(grid) == {
        "2025-01": ["10.00 %", "20.00 %", "−10.00 %"],
        "2025-02": ["−10.00 %", "25.00 %", "−35.00 %"],
        "2025-03": ["10.00 %", "0.00 %", "10.00 %"],
    }
    assert period_grid(Curve(times[:2], (1.0, 1.1)), Curve(times[:2], (1.0, 1.2))) is None


def test_a_long_run_has_a_row_a_year() -> None:
    assert period_edges(ms(2022, 11, 5), ms(2025, 1, 1)) == [
        ("2022", ms(2022, 11, 5), ms(2023, 1)),
        ("2023", ms(2023, 1), ms(2024, 1)),
        ("2024", ms(2024, 1), ms(2025, 1)),
    ]


def test_a_month_begins_by_the_clock_of_the_page() -> None:
    with localized(Locale("en", "Asia/Seoul")):
        edges = period_edges(ms(2025, 1, 31, 14), ms(2025, 2, 2))
    assert edges == [
        ("2025-01", ms(2025, 1, 31, 14), ms(2025, 1, 31, 15)),
        ("2025-02", ms(2025, 1, 31, 15), ms(2025, 2, 2)),
    ]
