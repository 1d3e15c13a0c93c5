"""The market of a run: a file or a symbol of the lake, within two times, alike at every door."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.main import main
from flows.settings import ResearchSettings
from lake.series import load_candles, load_funding
from lake.store import Lake
from tests.flows.candle_lake import (
    SAMPLE,
    put_checked,
    put_forecasts,
    put_funding,
    sample_minutes,
)
from trading.positions.liquidation import Margin
from trading.simulation import Costs
from trading.simulation import backtest as simulate
from trading.strategies.registry import get_strategy

FILE = SAMPLE / "candles_1m" / "usdm" / "BTCUSDT.parquet"
FUNDING = SAMPLE / "funding" / "usdm" / "BTCUSDT.parquet"
START, END = datetime(2025, 5, 5, tzinfo=UTC), datetime(2025, 6, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a lake with the checked candles and the funding of BTCUSDT."""
    root = tmp_path_factory.mktemp("lake")
    put_checked(Lake(root), "BTCUSDT", sample_minutes("BTCUSDT", START, END))
    put_funding(Lake(root), "BTCUSDT")
    return root


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command line; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["nocturne", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def document(
    monkeypatch: pytest.MonkeyPatch, folder: Path, command: str, *arguments: object
) -> dict[str, Any]:
    """Return the JSON that a command writes."""
    target = folder / "out.json"
    common = (command, "--strategy", "breakout", "--set", "filters=off", "--json", target)
    assert run(monkeypatch, *common, *arguments) == 0
    found: dict[str, Any] = json.loads(target.read_text())
    return found


def test_the_same_words_give_the_same_result_from_a_file_and_from_the_lake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lake: Path
) -> None:
    words = ("--from", "2025-05-20", "--to", "2025-06-10")
    of_lake = ("--symbol", "BTCUSDT", "--lake", lake, *words)
    of_file = ("--candles", FILE, "--funding", FUNDING, *words)
    one = document(monkeypatch, tmp_path, "backtest", *of_lake)
    two = document(monkeypatch, tmp_path, "backtest", *of_file)
    assert one["results"] == two["results"]
    assert one["summary"] == two["summary"]
    assert one["summary"]["candles"] == 21 * 1440
    assert (one["funding"], two["funding"]) == ("lake", str(FUNDING))
    found = document(monkeypatch, tmp_path, "search", *of_lake, "--grid", "k=0.5")
    (searched,) = found["results"]
    assert searched["total_return"] == one["results"][0]["total_return"]
    assert searched["trades"] == one["results"][0]["trades"] > 0


def test_the_defaults_are_those_of_the_night(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lake: Path
) -> None:
    settings = ResearchSettings()
    found = document(monkeypatch, tmp_path, "backtest", "--symbol", "BTCUSDT", "--lake", lake)
    strategy = get_strategy("breakout")
    assert found["signals"] == strategy.parameter("signal_tf").default
    candles = load_candles(Lake(lake), "binance_usdm", "BTCUSDT")
    funding = load_funding(Lake(lake), "binance_usdm", "BTCUSDT")
    costs = Costs(
        settings.fee_bps, settings.slippage_bps, margin=Margin(settings.capital), funding=funding
    )
    night = simulate(strategy, candles, {"filters": "off"}, costs)
    assert found["results"][0]["total_return"] == night.metrics.total_return
    assert found["capital"] == settings.capital


def test_candles_before_the_start_only_warm_the_indicators(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole, late = tmp_path / "whole.parquet", tmp_path / "late.parquet"
    words = ("--candles", FILE, "--set", "signal_tf=4h", "--trades")
    document(monkeypatch, tmp_path, "backtest", *words, whole)
    found = document(monkeypatch, tmp_path, "backtest", *words, late, "--from", "2025-05-21")
    assert found["summary"]["from"] == "2025-05-21T00:00Z"
    start = datetime(2025, 5, 21, tzinfo=UTC)
    # Positions end with the day, so nothing of the days before is left but what they taught.
    expected = [row for row in pq.read_table(whole).to_pylist() if row["entry_time"] >= start]
    assert pq.read_table(late).to_pylist() == expected
    assert len(expected) > 3


def test_a_balance_and_the_months_agree_with_the_measures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = document(monkeypatch, tmp_path, "backtest", "--candles", FILE, "--capital", "500")
    summary, (result,) = found["summary"], found["results"]
    assert summary["end_balance"] == pytest.approx(500.0 * (1.0 + result["total_return"]))
    assert sum(one["trades"] for one in summary["exits"].values()) == result["trades"]
    growth = 1.0
    for value in summary["months"].values():
        growth *= 1.0 + value
    assert growth - 1.0 == pytest.approx(result["total_return"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "no candles are given"),
        (("--symbol", "BTCUSDT", "--from", "2025-06-10", "--to", "2025-05-10"), "is not before"),
        (("--symbol", "BTCUSDT", "--from", "tomorrow"), "--from 'tomorrow' is no time"),
        (("--symbol", "MOONUSDT"), "has no candles of MOONUSDT on binance_usdm"),
        (("--symbol", "BTCUSDT", "--from", "2026-01-01"), "has no candles from 2026-01-01"),
    ],
)
def test_a_market_that_is_not_there_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lake: Path,
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    monkeypatch.setenv("NOCTURNE_LAKE", str(lake))
    assert run(monkeypatch, "backtest", "--strategy", "breakout", *arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(("venue", "missing"), [("binance_usdm", 60), ("upbit", None)])
def test_minutes_that_a_venue_omits_are_not_called_missing(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    venue: str,
    missing: int | None,
) -> None:
    data = sample_minutes("BTCUSDT", START, START + timedelta(days=3))
    holed = pa.concat_tables([data[:3_000], data[3_060:]])
    put_checked(Lake(tmp_path / "lake"), "BTCUSDT", holed, venue)
    words = ("--symbol", "BTCUSDT", "--lake", tmp_path / "lake", "--venue", venue)
    tested = document(monkeypatch, tmp_path, "backtest", *words)
    searched = document(monkeypatch, tmp_path, "search", *words, "--grid", "k=0.5")
    assert tested["summary"]["missing_candles"] == searched["missing_candles"] == missing
    said = capsys.readouterr()
    assert ("missing" in said.out + said.err) == (missing is not None)


@pytest.mark.parametrize(
    ("name", "words", "counted"),
    [
        ("BTCUSDT", (), True),
        ("KRW-BTC", (), False),
        ("BTC-ETH_1m", (), False),
        ("005930", (), False),
        ("005930-1m", (), False),
        ("0G", (), True),
        ("BTCUSDT_250627", (), True),
        ("mine", ("--venue", "upbit"), False),
        ("mine", ("--venue", "krx"), False),
        ("mine", ("--venue", "binance_spot"), True),
    ],
)
def test_an_own_file_of_a_venue_that_omits_minutes_counts_no_gap(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    words: tuple[str, ...],
    counted: bool,
) -> None:
    rows = sample_minutes("BTCUSDT", START, START + timedelta(days=2))
    kept = pa.array([not 300 <= row < 400 for row in range(rows.num_rows)])
    pq.write_table(rows.filter(kept), tmp_path / f"{name}.parquet")
    found = document(
        monkeypatch, tmp_path, "backtest", "--candles", tmp_path / f"{name}.parquet", *words
    )
    assert found["summary"]["missing_candles"] == (100 if counted else None)


@pytest.fixture
def forecast_lake(tmp_path: Path) -> Path:
    """Make a lake of ten days with a drawn forecast of return and volatility every quarter hour."""
    lake, until = Lake(tmp_path / "lake"), START + timedelta(days=10)
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", START, until))
    put_forecasts(lake, "BTCUSDT", START, until)
    return lake.root


ML = ("--strategy", "ml", "--set", "source=published", "--set", "filters=off")


def test_ml_and_the_rules_of_forecasts_read_the_forecasts_of_the_lake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forecast_lake: Path
) -> None:
    where = ("--symbol", "BTCUSDT", "--lake", forecast_lake, "--set", "signal_tf=15m")

    def results(command: str, *more: object) -> list[dict[str, Any]]:
        out = tmp_path / "out.json"
        assert run(monkeypatch, command, *ML, *where, *more, "--json", out) == 0
        found: list[dict[str, Any]] = json.loads(out.read_text())["results"]
        return found

    found = results("backtest")[0]
    assert found["trades"] > 10
    rules = ("--forecasts", "size,cost_filter=2.5")
    ruled = results("backtest", *rules)[0]
    assert 0 < ruled["trades"] < found["trades"]
    searched = results("search", *rules, "--grid", "least_move=0.001,0.002")
    assert searched[0]["total_return"] == pytest.approx(ruled["total_return"], rel=1e-12)


def test_a_search_over_the_source_reads_the_forecasts_of_the_lake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forecast_lake: Path
) -> None:
    out = tmp_path / "out.json"
    options = ("--strategy", "ml", "--set", "filters=off", "--set", "signal_tf=15m")
    where = ("--symbol", "BTCUSDT", "--lake", forecast_lake, "--json", out)
    assert run(monkeypatch, "search", *options, *where, "--grid", "source=fitted,published") == 0
    found = json.loads(out.read_text())["results"]
    trades = {one["params"]["source"]: one["trades"] for one in found}
    assert trades["published"] > 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            (*ML, "--candles", FILE),
            "ml with source=published reads forecasts, and these candles have none",
        ),
        (
            ("--strategy", "breakout", "--candles", FILE, "--forecasts", "size"),
            "--forecasts needs the forecasts of a lake, which a file has not; give --symbol",
        ),
        (
            ("--strategy", "breakout", "--candles", FILE, "--forecasts", "size", "--tick", 0.1),
            "--forecasts changes nothing in an account simulation",
        ),
    ],
)
def test_forecasts_that_a_run_cannot_read_are_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[object, ...],
    words: str,
) -> None:
    assert run(monkeypatch, "backtest", *arguments) != 0
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_lake_without_forecasts_names_the_flow_that_makes_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lake: Path
) -> None:
    where = ("--strategy", "breakout", "--symbol", "BTCUSDT", "--lake", lake)
    assert run(monkeypatch, "backtest", *where, "--forecasts", "size") != 0
    assert "run `nocturne flow train` first" in capsys.readouterr().err
    assert run(monkeypatch, "backtest", *where, "--forecasts", "sise") != 0
    assert "'sise' is no rule; write for example size,stop" in capsys.readouterr().err
    assert run(monkeypatch, "backtest", *where, "--forecasts", "cost_filter=much") != 0
    assert "'cost_filter=much' needs a number; write cost_filter=1\n" in capsys.readouterr().err
    assert run(monkeypatch, "backtest", *where, "--forecasts", "least_size=0.5") != 0
    assert "uses no forecast" in capsys.readouterr().err
