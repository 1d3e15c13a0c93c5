"""The strategies section: what its tables and notes say of the windows behind a result."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flows.report import formats
from flows.report.charts.prices import Bars
from flows.report.sections.strategies import (
    OUT,
    StrategyResults,
    fold_grid,
    search_notes,
    strategy_view,
)
from flows.report.views import WARN
from trading.candles import DAY_MS

DAY = datetime(2025, 6, 1, tzinfo=UTC)
FOLD = {"train_from": DAY, "train_to": DAY, "test_from": DAY, "test_to": DAY, "params": "{}"}


def test_a_fold_whose_window_has_gaps_is_flagged() -> None:
    table = fold_grid(
        [
            {**FOLD, "fold": 0, "train_missing": 0.0, "test_missing": 60.0},
            {**FOLD, "fold": 1, "train_missing": 0.0, "test_missing": 0.0},
        ]
    )
    assert table is not None
    assert table.head[-1] == "Test lacks"
    flagged, whole = (row[-1] for row in table.rows)
    assert (flagged.text, flagged.tone) == ("60 candles", WARN)
    assert (whole.text, whole.tone) == ("0", "")


@pytest.mark.parametrize("known", [{}, {"train_missing": 0.0, "test_missing": 0.0}])
def test_without_gaps_the_folds_have_no_column_of_them(known: dict[str, float]) -> None:
    table = fold_grid([{**FOLD, "fold": 0, **known}])
    assert table is not None
    assert not [name for name in table.head if "lacks" in name]


def test_the_notes_say_what_the_test_windows_lack() -> None:
    entry = {"in_sample": {}, "out_of_sample": {"gaps": 2, "missing_candles": 61}}
    assert search_notes(entry) == ("In the test windows 61 candles are missing in 2 places.",)
    assert search_notes({"in_sample": {}, "out_of_sample": {"gaps": 0}}) == ()


def test_a_fold_of_few_trades_shows_no_ratio() -> None:
    own = {"test_sharpe": -10.99, "test_total_return": -0.0138, "train_total_return": 0.07}
    table = fold_grid(
        [
            {**FOLD, **own, "fold": 0, "test_trades": 2},
            {**FOLD, **own, "fold": 1, "test_trades": 10},
        ]
    )
    assert table is not None
    place = table.head.index("Test Sharpe")
    few, enough = (row[place] for row in table.rows)
    assert (few.text, few.tone) == ("too few", "")
    assert "−10.99" in few.hint
    assert (enough.text, enough.tone) == ("−10.99", "bad")
    tones = {name: cell.tone for name, cell in zip(table.head, table.rows[0], strict=True)}
    assert (tones["Training return"], tones["Test return"]) == ("", "bad")


def test_the_trades_of_a_strategy_have_the_figures_of_a_back_test() -> None:
    start = datetime(2025, 5, 1, tzinfo=UTC)
    spans = [{**FOLD, "fold": 0, "test_from": start, "test_to": start + timedelta(days=70)}]
    rows = [
        {
            "sample": OUT,
            "entry_time": start + timedelta(days=7 * n, hours=2),
            "exit_time": start + timedelta(days=7 * n, hours=5),
            "entry_price": 100.0,
            "exit_price": 101.0,
            "net_return": (0.02, -0.01)[n % 2],
            "reason": "day_end",
            "side": 1,
        }
        for n in range(10)
    ]
    times = tuple(formats.as_ms(start) + DAY_MS * n for n in range(70))
    closes = tuple(101.0 + n for n in range(70))
    bars = Bars(times, (100.0, *closes[:-1]), closes, closes, closes, DAY_MS)
    evidence = StrategyResults(folds=spans, trades=rows, bars=bars)
    entry = {"strategy": "breakout", "symbol": "BTCUSDT", "params": {}}
    found = strategy_view(entry, evidence).traded
    assert found is not None
    assert [one.key for one in found.rolling] == [
        "breakout-BTCUSDT-rolling-sharpe",
        "breakout-BTCUSDT-rolling-volatility",
    ]
    assert found.risk is not None
    risk = {row[0].text: row[1].text for row in found.risk.rows}
    assert (risk["Best day"], risk["Worst day"]) == ("2.00 %", "−1.00 %")
    assert risk["System quality number (SQN)"] == "1.00"
    assert found.periods is not None
    # Three trades of +2 % and two of -1 % in May.
    assert [cell.text for cell in found.periods.rows[0]] == [
        "2025-05", "4.01 %", "31.00 %", "−26.99 %",
    ]  # fmt: skip
    for grid in (found.summary, found.drawdowns, found.reasons, found.weekdays):
        assert grid is not None
    assert strategy_view(entry, StrategyResults(folds=spans)).traded is None
    without = strategy_view(entry, replace(evidence, bars=None)).traded
    assert without is not None
    assert without.periods is None
