"""The page of one back-test: the answer, the curves and the excursions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.report.backtest_page import (
    backtest_html,
    backtest_page,
    equity_of,
    excursions,
    measure_grid,
    trade_marks,
)
from flows.report.sections.trade_summary import duration, summary_grid
from flows.report.tables import FEW_TRADES, MEASURES, SIGNED
from flows.report.trade_figures import rolling_charts
from tests.flows.report.backtests import NASTY, START, TWO, candles, small_run, trades_of
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS


def test_the_result_is_the_headline_beside_buy_and_hold() -> None:
    page = backtest_page(small_run(*TWO, total=-0.01))
    assert page.headline == "Lost 100.00 (−1.00 %)"
    facts = {one.label: one.value for one in page.facts}
    assert facts["Start"] == "10,000.00"
    assert facts["End"] == "9,900.00"
    assert facts["Buy and hold"] == "+96.00 %"
    assert facts["Sharpe ratio"] == "too few"
    assert page.tone == "bad"


def test_equity_steps_at_the_exits_and_ends_with_the_candles() -> None:
    data = backtest_page(small_run(*TWO, total=-0.01)).equity.data
    strategy, hold = data["panels"][0]["series"]
    values = dict(zip(data["times"], strategy["values"], strict=True))
    marks = trade_marks(trades_of(*TWO))
    assert values[marks[0].exit_time] == pytest.approx(0.1)
    assert values[marks[0].exit_time - HOUR_MS] == 0.0
    assert strategy["values"][-1] == pytest.approx(-0.01)
    assert hold["values"][-1] == pytest.approx(0.96)
    assert min(data["panels"][1]["series"][0]["values"]) == pytest.approx(-0.1)


def test_an_excursion_reads_the_candles_from_entry_to_exit() -> None:
    long, short = excursions(trade_marks(trades_of(*TWO)), candles())
    # Entry at 110; over hours 10 to 20 the low is 108, the high 123.
    assert long.against == pytest.approx(2 / 110)
    assert long.favour == pytest.approx(13 / 110)
    # Entry at 130; over hours 30 to 40 the low is 128, the high 143.
    assert short.against == pytest.approx(13 / 130)
    assert short.favour == pytest.approx(2 / 130)


def test_a_run_without_trades_says_so_and_still_shows_the_price() -> None:
    page = backtest_page(small_run(total=0.0))
    assert page.headline == "No gain, no loss: 0.00 (0.00 %)"
    assert page.charts == ()
    assert page.traded.summary is None
    assert "The strategy made no trade" in backtest_html(small_run(total=0.0))


def test_the_rolling_sharpe_ratio_needs_as_many_trades_as_the_plain_one() -> None:
    span = (START, START + 100 * DAY_MS)
    rows = [(24 * n, 24 * n + 5, 1, 0.01, "day_end") for n in range(10)]

    def keys(count: int) -> list[str]:
        marks = trade_marks(trades_of(*rows[:count]))
        return [one.key for one in rolling_charts("", marks, equity_of(marks, span))]

    assert keys(9) == keys(0) == []
    assert keys(10) == ["rolling-sharpe", "rolling-volatility"]


@pytest.mark.parametrize(("value", "tone"), [(-1.0, "bad"), (0.5, "good"), (0.0, "")])
def test_every_measure_whose_sign_says_gain_or_loss_has_its_colour(value: float, tone: str) -> None:
    measures = dict.fromkeys([name for name, _ in MEASURES], value) | {"trades": FEW_TRADES}
    grid = measure_grid(measures)
    assert grid is not None
    coloured = {row[0].text: row[1].tone for row in grid.rows if row[1].tone}
    labels = {label for name, label in MEASURES if name in SIGNED}
    assert coloured == (dict.fromkeys(labels, tone) if tone else {})
    assert {"Sharpe ratio", "Sortino ratio", "Calmar ratio", "Annual growth"} <= labels
    few = measure_grid(measures | {"trades": FEW_TRADES - 1})
    assert few is not None
    assert {row[1].tone for row in few.rows if row[1].text == "too few"} == {""}


def test_a_fact_has_the_colour_of_its_measure() -> None:
    run = small_run(*TWO, total=-0.01)
    enough = replace(run, measures={**run.measures, "trades": FEW_TRADES, "sharpe": -1.5})
    tones = {one.label: one.tone for one in backtest_page(enough).facts}
    assert tones["Sharpe ratio"] == "bad"
    tones = {one.label: one.tone for one in backtest_page(run).facts}
    assert tones["Sharpe ratio"] == ""


def test_hostile_names_are_escaped() -> None:
    html = backtest_html(small_run(*TWO, total=-0.01))
    assert NASTY not in html
    assert html.count("<script>") == 1


def test_long_and_short_stand_beside_all() -> None:
    grid = summary_grid(trade_marks(trades_of(*TWO)))
    assert grid is not None
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in grid.rows}
    assert rows["Trades"] == ["2", "1", "1"]
    assert rows["Result, compounded"] == ["−1.00 %", "10.00 %", "−10.00 %"]
    assert rows["Profit factor"] == ["too few", "too few", "too few"]
    assert rows["Mean winner"] == ["10.00 %", "10.00 %", "–"]
    assert rows["Most losses in a row"] == ["1", "0", "1"]
    assert rows["Mean time held"] == ["10 h 0 min", "10 h 0 min", "10 h 0 min"]


def test_ten_trades_carry_a_profit_factor() -> None:
    won = [(24 * n, 24 * n + 5, 1, 0.02, "day_end") for n in range(10)]
    lost = [(24 * n + 6, 24 * n + 8, -1, -0.01, "stop_loss") for n in range(10)]
    grid = summary_grid(trade_marks(trades_of(*won, *lost)))
    assert grid is not None
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in grid.rows}
    assert rows["Profit factor"] == ["2.00", "no loss", "0.00"]


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (5 * MINUTE_MS, "5 min"),
        (90 * MINUTE_MS, "1 h 30 min"),
        (DAY_MS - 1, "24 h 0 min"),
        (DAY_MS + 4 * HOUR_MS, "1 d 4 h"),
    ],
)
def test_a_duration_has_two_units(ms: int, text: str) -> None:
    assert duration(ms) == text
