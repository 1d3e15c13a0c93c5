"""The ensemble: shown, simulated by `backtest`, searched by `search`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.backtesting.ensemble import MEANINGS
from cli.inputs.candle_files import read_candles
from cli.main import main
from trading.strategies.registry import strategy_names

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm" / "BTCUSDT.parquet"
QUARTER = 900_000
THREE = "members=breakout+dynamic_breakout+momentum"
ENSEMBLE = ("--strategy", "ensemble")
GRID = (*ENSEMBLE, "--grid", "most=0.4:0.8:0.1")


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    """Write 15-minute candles of the sample."""
    path = tmp_path / "candles.parquet"
    quarters = read_candles(SAMPLE).higher(QUARTER)
    names = ("open_time", "open", "high", "low", "close", "volume")
    pq.write_table(pa.table({name: getattr(quarters, name) for name in names}), path)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nocturne", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_a_backtest_of_the_ensemble_is_an_account_of_its_members(
    monkeypatch: pytest.MonkeyPatch,
    candles: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, trades = tmp_path / "out.json", tmp_path / "trades.parquet"
    given = ("--set", THREE, "--set", "most=0.7", "--capital", "5000", "--slippage-bps", "1")
    files = ("--candles", str(candles), "--json", str(out), "--trades", str(trades))
    assert run(monkeypatch, "backtest", *ENSEMBLE, *given, *files) == 0
    document = json.loads(out.read_text())
    (result,) = document["results"]
    assert result["params"]["members"] == "breakout+dynamic_breakout+momentum"
    assert (result["params"]["most"], result["params"]["least"]) == (0.7, 0.05)
    assert (document["capital"], document["slippage_bps"]) == (5000, 1)
    members = {one["strategy"]: one for one in document["members"]}
    assert list(members) == ["breakout", "dynamic_breakout", "momentum"]
    assert sum(one["weight"] for one in members.values()) == pytest.approx(1.0)
    profit = sum(one["profit"] for one in members.values())
    assert result["total_return"] == pytest.approx(profit / 5000, rel=1e-9)
    rows = pq.read_table(trades)
    assert result["trades"] == len(rows) == sum(one["trades"] for one in members.values()) >= 5
    for name, one in members.items():
        assert rows["strategy"].to_pylist().count(name) == one["trades"]
    days = len(pq.read_table(candles)) / 96
    assert sum(document["regime_days"].values()) == pytest.approx(days)
    assert document["regime_days"]["unknown"] < document["regime_days"]["range"]
    printed = capsys.readouterr().out
    assert all(f"\n{name} " in printed for name in ("momentum", "down_trend", "sharpe"))


def test_a_search_weighs_the_members_for_every_combination(
    monkeypatch: pytest.MonkeyPatch,
    candles: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.json"
    learnt = ("--set", THREE, "--set", "least_t=0")
    common = (*ENSEMBLE, "--candles", str(candles), "--json", str(out), *learnt)
    grid = ("--grid", "most=0.4:0.8:0.4", "--grid", "min_adx=20,90")
    assert run(monkeypatch, "search", *common, *grid) == 0
    results = json.loads(out.read_text())["results"]
    searched = [(one["params"]["most"], one["params"]["min_adx"]) for one in results]
    assert searched == [(0.4, 20.0), (0.4, 90.0), (0.8, 20.0), (0.8, 90.0)]
    assert len({one["total_return"] for one in results}) == 4
    first = capsys.readouterr().out.splitlines()[2].split()
    best = max(results, key=lambda one: float(one["total_return"]))
    assert first[:2] == [f"{best['params'][name]:g}" for name in ("most", "min_adx")]
    one = ("--set", "most=0.8", "--set", "min_adx=90")
    assert run(monkeypatch, "backtest", *common, *one) == 0
    assert json.loads(out.read_text())["results"] == results[-1:]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [name for name in strategy_names() if name != "breakout"])
def test_every_strategy_can_be_a_member(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out, minutes = tmp_path / "out.json", tmp_path / "minutes.parquet"
    pq.write_table(pq.read_table(SAMPLE).slice(0, 5_000), minutes)
    given = ("--candles", str(minutes), "--json", str(out), "--set", f"members=breakout+{name}")
    assert run(monkeypatch, "backtest", *ENSEMBLE, *given) == 0
    members = json.loads(out.read_text())["members"]
    assert [one["strategy"] for one in members] == ["breakout", name]


def test_its_rules_and_default_members_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "strategies", "show", "ensemble") == 0
    shown = capsys.readouterr().out
    assert all(f"\n{name} " in shown for name in MEANINGS)
    assert "weigh breakout and rsi_bollinger, each with its defaults" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("backtest", *ENSEMBLE, "--set", "members=breakout+moon"), "'moon' is not known"),
        (("backtest", *ENSEMBLE, "--set", "members=breakout"), "not two or more different"),
        (("backtest", *ENSEMBLE, "--set", "members=wave+wave"), "not two or more different"),
        (("backtest", *ENSEMBLE, "--set", "gap=1"), "ensemble has no rule 'gap'"),
        (("backtest", *ENSEMBLE, "--set", "most=1.5"), "most = 1.5 is out of bounds"),
        (("backtest", *ENSEMBLE, "--set", "crash_bars=1.5"), "is not a whole number"),
        (("backtest", *ENSEMBLE, "--set", "crash_bars=0"), "crash_bars = 0 is out of bounds"),
        (("backtest", *ENSEMBLE, "--set", "least=0.6"), "least = 0.6 and most = 0.5"),
        (("backtest", *ENSEMBLE, "--set", "fast_mean=60"), "must be smaller than its slow one"),
        (("backtest", *ENSEMBLE, "--impact", "0.1"), "--impact is not for the ensemble"),
        (("backtest", *ENSEMBLE, "--preset", "maker"), "--preset is not for the ensemble"),
        (("search", *GRID, "--set", "most=0.5"), "most is given by --grid and by --set"),
        (("search", *GRID, "--set", "least=0.45"), "least = 0.45 and most = 0.4"),
        (("search", *GRID, "--grid", "gap=1,2"), "ensemble has no rule 'gap'"),
        (("search", *GRID, "--grid", "members=1,2"), "members cannot be searched"),
        (("search", *GRID, "--method", "bayes"), "the ensemble's search tries all combinations"),
        (("search", *GRID, "--dask", "x"), "--dask is not for the ensemble"),
        (("search", *GRID, "--sort", "moon"), "'moon' is not a measure of ensemble"),
    ],
)
def test_a_mistake_gives_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    # All of them are reported before the candles are read.
    assert run(monkeypatch, *arguments, "--candles", str(tmp_path / "none.parquet")) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len(error.splitlines()) == 1


def test_a_preset_cannot_name_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    presets = tmp_path / "presets.toml"
    presets.write_text('[mine]\nstrategy = "ensemble"\n')
    monkeypatch.setenv("NOCTURNE_PRESETS_FILE", str(presets))
    assert run(monkeypatch, "backtest", "--preset", "mine", "--candles", "none.parquet") == 2
    assert "ensemble takes no preset" in capsys.readouterr().err


def test_candles_that_do_not_add_up_to_hours_are_refused(
    monkeypatch: pytest.MonkeyPatch,
    candles: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    days = pq.read_table(candles).take(list(range(0, 960, 96)))
    pq.write_table(days, candles)
    assert run(monkeypatch, "backtest", *ENSEMBLE, "--candles", str(candles)) == 2
    assert "give candles of 1h or a part of it" in capsys.readouterr().err
