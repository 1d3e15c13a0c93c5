"""The Python door: the same numbers as the commands, as frames."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import nocturne as nc
from cli.main import main
from flows.report import formats
from flows.report.backtest_page import BacktestRun, backtest_page
from lake.store import Lake
from tests.flows.candle_lake import (
    SAMPLE,
    put_checked,
    put_forecasts,
    put_funding,
    sample_minutes,
)
from trading.candles import HOUR_MS, CandleColumns
from trading.research.day_risk import sharpe, volatility

FILE = SAMPLE / "candles_1m" / "usdm" / "BTCUSDT.parquet"
PLAIN = nc.Terms(compiled=False)


@pytest.fixture(scope="module")
def candles() -> nc.Candles:
    """Read three weeks of the bundled file."""
    return nc.read_candles(FILE).between("2025-05-05", "2025-05-26")


def test_a_backtest_equals_the_command(
    candles: nc.Candles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = nc.backtest("breakout", nc.read_candles(FILE), terms=PLAIN, filters="off", k=0.4)
    out = str(tmp_path / "out.json")
    words = f"backtest --strategy breakout --candles {FILE} --set filters=off --set k=0.4 --json"
    monkeypatch.setenv("NOCTURNE_COMPILE", "never")
    monkeypatch.setattr(sys, "argv", ["nocturne", *words.split(), out])
    with pytest.raises(SystemExit):
        main()
    (found,) = json.loads(Path(out).read_text())["results"]
    assert ran.metrics["total_return"][0] == found["total_return"]
    assert len(ran.trades) == found["trades"] > 0
    assert ran.equity["equity"][-1] == pytest.approx(ran.summary.end_balance)
    assert len(candles) == 21 * 1440


def test_frames_are_polars_with_times_in_utc_and_turn_into_pandas(candles: nc.Candles) -> None:
    ran = nc.backtest("breakout", candles, terms=PLAIN, filters="off")
    assert ran.trades.schema["entry_time"] == pl.Datetime("ms", "UTC")
    assert list(ran.trades.to_pandas().columns) == ran.trades.columns
    assert candles.frame.height == len(candles)
    assert candles.to("1h").interval == "1h"
    assert "<table" in ran._repr_html_()


def test_risk_and_months_are_those_of_the_page() -> None:
    candles = nc.read_candles(FILE)
    ran = nc.backtest("breakout", candles, terms=PLAIN, filters="off", k=0.3, signal_tf="15m")
    run = BacktestRun(
        ran.strategy, "x", ran.params, candles.columns, ran.run.trades,
        ran.run.metrics.as_dict(), 10_000.0, (),
    )  # fmt: skip
    page = backtest_page(run).traded
    assert page.risk is not None
    assert page.periods is not None
    risk = ran.risk.row(0, named=True)
    assert [row[1].text for row in page.risk.rows] == [
        formats.percent(risk["best_day"]),
        formats.percent(risk["worst_day"]),
        f"{risk['days_won']} of {risk['days']}",
        formats.percent(risk["volatility"]),
        formats.percent(risk["value_at_risk"]),
        formats.percent(risk["expected_shortfall"]),
        formats.percent(risk["run_up"]),
        formats.decimal(risk["quality"]),
    ]
    assert [tuple(cell.text for cell in row) for row in page.periods.rows] == [
        (month, *(formats.percent(value) for value in values))
        for month, *values in ran.months.iter_rows()
    ]
    returns = ran.run.daily_returns.tolist()
    assert ran.rolling.height == len(returns) - 29
    assert ran.rolling["sharpe"][-1] == sharpe(returns[-30:]) != 0.0
    assert ran.rolling["volatility"][0] == volatility(returns[:30])
    assert ran.rolling["day"][-1] == ran.equity["day"][-1]
    assert ran.plot_rolling().spec["times"] == ran.rolling["day"].dt.epoch("ms").to_list()
    for words in ("value_at_risk", "buy_and_hold", "max_drawdown", "<iframe"):
        assert words in ran._repr_html_()


def test_without_a_trade_there_is_no_risk(candles: nc.Candles) -> None:
    ran = nc.backtest("breakout", candles.between("2025-05-05", "2025-05-06"), terms=PLAIN)
    assert len(ran.trades) == 0
    assert ran.risk.height == 0
    assert ran.rolling.height == 0


def test_a_search_ranks_its_combinations(candles: nc.Candles) -> None:
    found = nc.search("breakout", candles, {"k": [0.4, 0.6]}, terms=PLAIN, filters="off")
    assert found.metrics["k"].to_list() == [0.4, 0.6]
    best = found.best("total_return")
    assert best["total_return"][0] == max(found.metrics["total_return"])


def test_a_walk_forward_trades_only_the_days_after_each_training(candles: nc.Candles) -> None:
    spans = {"train": timedelta(days=8), "test": timedelta(days=4), "purge": timedelta(days=1)}
    found = nc.walk_forward(
        "breakout", candles, {"k": [0.3, 0.5]}, terms=PLAIN, filters="off", **spans
    )
    folds = found.folds
    assert folds.height >= 2
    assert set(folds["k"]) <= {0.3, 0.5}
    assert (folds["test_start"] - folds["train_end"] >= timedelta(days=1)).all()
    assert found.trades["entry_time"].min() >= folds["test_start"].min()
    growth = (1 + folds["out_of_sample"]).product()
    assert found.metrics["total_return"][0] == pytest.approx(growth - 1)
    assert found.equity["equity"][-1] == pytest.approx(growth)
    assert "<table" in found._repr_html_()


def test_a_search_and_a_fold_say_what_their_windows_lack(candles: nc.Candles) -> None:
    known = candles.columns
    start = round(datetime(2025, 5, 21, 3, tzinfo=UTC).timestamp() * 1000)
    there = (known.open_time < start) | (known.open_time >= start + HOUR_MS)
    columns = (known.open, known.high, known.low, known.close, known.volume)
    holes = nc.Candles(
        CandleColumns.of(known.open_time[there], *(column[there] for column in columns))
    )
    searched = nc.search("breakout", holes, {"k": [0.4]}, terms=PLAIN, filters="off")
    assert searched.missing_candles == 60
    walked = nc.walk_forward("breakout", holes, {"k": [0.4, 0.6]}, terms=PLAIN, filters="off")
    assert walked.folds["test_missing"].to_list() == [60]
    assert walked.folds["train_missing"].to_list() == [0]


def test_a_chart_is_a_page_that_loads_nothing(candles: nc.Candles, tmp_path: Path) -> None:
    chart = nc.backtest("breakout", candles, terms=PLAIN, filters="off").plot()
    page = chart.save(tmp_path / "equity.html").read_text(encoding="utf-8")
    assert 'data-kind="curves"' in page
    assert "<link" not in page
    assert 'src="' not in page


def test_a_lake_gives_candles_with_funding_and_answers_sql(tmp_path: Path) -> None:
    start, end = datetime(2025, 5, 5, tzinfo=UTC), datetime(2025, 5, 8, tzinfo=UTC)
    put_checked(Lake(tmp_path), "BTCUSDT", sample_minutes("BTCUSDT", start, end))
    put_funding(Lake(tmp_path), "BTCUSDT")
    lake = nc.Lake(tmp_path)
    found = lake.candles("BTCUSDT", start + timedelta(days=1))
    assert len(found) == 2 * 1440
    assert found.funding
    assert lake.sql("select count(*) as n from candles")["n"][0] == 3 * 1440
    with pytest.raises(nc.NocturneError, match="has no candles of MOONUSDT"):
        lake.candles("MOONUSDT")
    with pytest.raises(nc.NocturneError, match="read-only"):
        lake.sql("create table t as select 1")
    with pytest.raises(nc.NocturneError, match="does not exist"):
        nc.Lake(tmp_path / "none")


def test_candles_of_a_lake_carry_its_forecasts_and_those_of_a_file_are_refused(
    candles: nc.Candles, tmp_path: Path
) -> None:
    lake, start = Lake(tmp_path), datetime(2025, 6, 1, tzinfo=UTC)
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", start, start + timedelta(days=4)))
    options = {"source": "published", "filters": "off", "signal_tf": "15m"}
    with pytest.raises(nc.NocturneError, match="ml with source=published reads forecasts"):
        nc.backtest("ml", candles, terms=PLAIN, **options)
    with pytest.raises(nc.NocturneError, match="have none"):
        nc.search("ml", candles, {"source": ["fitted", "published"]}, terms=PLAIN)
    put_forecasts(lake, "BTCUSDT", start, start + timedelta(days=4))
    ran = nc.backtest("ml", nc.Lake(tmp_path).candles("BTCUSDT"), terms=PLAIN, **options)
    assert len(ran.trades) > 5
