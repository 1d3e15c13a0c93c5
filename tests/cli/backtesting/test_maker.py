"""The market-maker grid: listed, simulated by `backtest`, searched by `search`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cli.inputs.candle_files import read_candles
from cli.main import main
from trading.market_making.backtest import simulate_maker
from trading.market_making.quoting import MakerRules

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm" / "BTCUSDT.parquet"


GRID = ("--strategy", "maker", "--grid", "spacing=0.001:0.002:0.001")


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    """Write three days of the sample."""
    path = tmp_path / "candles.parquet"
    pq.write_table(pq.read_table(SAMPLE).slice(0, 4_320), path)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nocturne", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_a_backtest_of_the_maker_is_its_simulation(
    monkeypatch: pytest.MonkeyPatch,
    candles: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, trades = tmp_path / "out.json", tmp_path / "trades.parquet"
    options = ("--candles", str(candles), "--json", str(out), "--trades", str(trades))
    own = ("--preset", "maker", "--set", "spacing=0.002", "--maker-fee-bps", "1")
    assert run(monkeypatch, "backtest", *own, *options) == 0
    document = json.loads(out.read_text())
    (result,) = document["results"]
    rules = MakerRules(spacing=0.002, take_profit=0.002, daily_loss=0.05)
    expected = simulate_maker(read_candles(candles), rules, maker_fee_bps=1.0)
    assert result["params"]["spacing"] == 0.002
    assert result["params"]["take_profit"] == 0.002
    assert result["trades"] == len(expected.trades) > 5
    assert result["total_return"] == expected.account_return
    assert document["withdrawn"] == expected.stops
    assert pq.read_table(trades)["net_return"].to_pylist() == [
        trade.net_return for trade in expected.trades
    ]
    printed = capsys.readouterr().out
    assert "held_lots" in printed
    assert "win_rate" in printed


def test_a_search_simulates_every_combination_of_its_rules(
    monkeypatch: pytest.MonkeyPatch,
    candles: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.json"
    pq.write_table(pq.read_table(candles).slice(0, 1_000), candles)
    grid = ("--grid", "spacing=0.002:0.004:0.002", "--grid", "max_lots=1,3")
    options = ("--preset", "maker", "--candles", str(candles), "--json", str(out))
    assert run(monkeypatch, "search", *grid, *options) == 0
    results = json.loads(out.read_text())["results"]
    searched = [(r["params"]["spacing"], r["params"]["max_lots"]) for r in results]
    assert searched == [(0.002, 1), (0.002, 3), (0.004, 1), (0.004, 3)]
    columns = read_candles(candles)
    assert {result["params"]["take_profit"] for result in results} == {0.002}  # of the preset
    for result in results[:2]:
        expected = simulate_maker(columns, MakerRules(**result["params"]), maker_fee_bps=2.0)
        assert result["total_return"] == expected.account_return
        assert result["trades"] == len(expected.trades)
    assert len({result["total_return"] for result in results}) > 2
    first = capsys.readouterr().out.splitlines()[2].split()
    best = max(results, key=lambda result: result["total_return"])
    assert first[:2] == [f"{best['params']['spacing']:g}", str(best["params"]["max_lots"])]


def test_the_list_says_that_the_maker_is_simulated_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "strategies", "list") == 0
    (line,) = [row for row in capsys.readouterr().out.splitlines() if row.startswith("maker ")]
    assert "simulated only" in line
    assert run(monkeypatch, "strategies", "show", "maker") == 0
    shown = capsys.readouterr().out
    assert all(f"\n{name} " in shown for name in MakerRules.__dataclass_fields__)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("search", *GRID, "--method", "bayes"), "tries all combinations"),
        (("search", *GRID, "--lake", "x", "--symbol", "BTCUSDT"), "--lake is not for the maker"),
        (("search", *GRID, "--set", "spacing=0.2"), "spacing is given by --grid and by --set"),
        (("search", *GRID, "--sort", "sharpe"), "'sharpe' is not a measure of maker"),
        (("search", *GRID, "--grid", "gap=1,2"), "maker has no rule 'gap'"),
        (("search", *GRID, "--grid", "levels=1:2:0.5"), "needs whole numbers"),
        (("backtest", "--strategy", "maker", "--set", "gap=1"), "maker has no rule 'gap'"),
        (("backtest", "--strategy", "maker", "--set", "levels=1.5"), "is not a whole number"),
        (("backtest", "--strategy", "maker", "--set", "levels"), "has no value"),
        (("backtest", "--strategy", "maker", "--set", "spacing=0.4"), "reach half of the price"),
    ],
)
def test_a_mistake_gives_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    candles: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert run(monkeypatch, *arguments, "--candles", str(candles)) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len(error.splitlines()) == 1
