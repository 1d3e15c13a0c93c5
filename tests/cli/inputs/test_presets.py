"""`--preset`, and `--strategy package.module:Class`, on `backtest` and `search`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cli.inputs.strategy_choice import choose, read_presets
from cli.main import main
from flows.settings import ResearchSettings
from trading.errors import ParameterError, SettingsError
from trading.research.grid import parse_grid
from trading.strategies.registry import get_strategy, strategy_names

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm" / "BTCUSDT.parquet"

# The example of docs/strategies.md.
OWN = (ROOT / "docs" / "strategies.md").read_text().split("```python\n")[1].split("```")[0]


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


@pytest.mark.parametrize("name", sorted(set(read_presets()) - {"maker"}))
def test_every_preset_resolves_and_says_what_it_is(name: str) -> None:
    strategy, params = choose(None, name, [])
    assert read_presets()[name].summary
    assert params.items() <= strategy.resolve(params).items()
    rules = strategy.exit_rules(strategy.resolve(params))
    assert rules.emergency_stop > rules.stop_loss


def test_the_presets_of_the_technical_family_are_there() -> None:
    assert {"scalping", "mid_term"} <= set(read_presets())


def test_set_and_grid_override_the_preset() -> None:
    _, params = choose(None, "scalping", ["take_profit=0.05"], ["stop_loss"])
    assert params["take_profit"] == 0.05
    assert "stop_loss" not in params
    assert params["signal_tf"] == "5m"


def test_a_preset_can_be_applied_to_another_strategy() -> None:
    strategy, params = choose("momentum", "scalping", [])
    assert (strategy.name, params["signal_tf"]) == ("momentum", "5m")


def test_a_backtest_runs_a_preset(
    monkeypatch: pytest.MonkeyPatch, candles: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    arguments = ("--preset", "scalping", "--candles", str(candles), "--json", str(out))
    assert run(monkeypatch, "backtest", *arguments) == 0
    document = json.loads(out.read_text())
    assert document["strategy"] == "bb_breakout"
    assert document["results"][0]["params"]["signal_tf"] == "5m"


def test_a_search_keeps_the_rest_of_a_preset(
    monkeypatch: pytest.MonkeyPatch, candles: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    arguments = ("--preset", "scalping", "--grid", "take_profit=0.01,0.02", "--json", str(out))
    assert run(monkeypatch, "search", "--candles", str(candles), *arguments) == 0
    found = [entry["params"] for entry in json.loads(out.read_text())["results"]]
    assert [params["take_profit"] for params in found] == [0.01, 0.02]
    assert {params["trailing_stop"] for params in found} == {0.008}


@pytest.mark.parametrize(
    ("arguments", "kind", "sentence"),
    [
        ((None, None, []), ParameterError, "no strategy is given; add --strategy NAME"),
        ((None, "scalp", []), SettingsError, "preset 'scalp' is not known; .* has .*mid_term"),
        (("no.where:Thing", None, []), ParameterError, "module 'no.where' cannot be imported"),
        (("json:JSONDecoder", None, []), ParameterError, "'JSONDecoder' is no strategy class"),
        (("breakout", "scalping", ["k=9"]), ParameterError, "k = 9 is out of bounds"),
    ],
)
def test_a_mistake_gives_one_sentence(arguments: tuple, kind: type, sentence: str) -> None:
    with pytest.raises(kind, match=sentence) as refused:
        choose(*arguments)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[a]\nsummary = 'x'\n", "preset 'a'.* names no strategy"),
        ("[a]\nstrategy = 'breakout'\nk = 1\n", "preset 'a'.*: k is not known"),
        ("b = 1\n", "preset 'b'.* is outside a preset"),
        ("[a\n", "is not TOML"),
    ],
)
def test_a_wrong_presets_file_is_reported_by_name(
    text: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "presets.toml"
    path.write_text(text)
    monkeypatch.setenv("NOCTURNE_PRESETS_FILE", str(path))
    with pytest.raises(SettingsError, match=sentence):
        read_presets()


def command(folder: Path, *arguments: str, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{path}"},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_a_strategy_of_the_working_folder_is_backtested(tmp_path: Path, candles: Path) -> None:
    (tmp_path / "my_rules.py").write_text(OWN)
    arguments = ("--strategy", "my_rules:Rises", "--candles", str(candles), "--json", "-")
    done = command(tmp_path, "backtest", *arguments, "--set", "filters=off")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["strategy"] == "rises"
    assert document["results"][0]["trades"] > 0


def test_a_strategy_of_an_entry_point_is_listed_and_found(tmp_path: Path) -> None:
    package = tmp_path / "site"
    info = package / "my_rules-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "my_rules.py").write_text(OWN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-rules\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nocturne.strategies]\nrises = my_rules:Rises\n")
    done = command(tmp_path, "strategies", "list", path=package)
    assert "rises" in {line.split()[0] for line in done.stdout.splitlines()}, done.stderr
    assert "rises: Buy" in command(tmp_path, "strategies", "show", "rises", path=package).stdout


@pytest.mark.parametrize("name", strategy_names())
def test_the_nightly_has_search_grids_of_every_strategy(name: str) -> None:
    strategy = get_strategy(name)
    grids = ResearchSettings().grids_of(name)
    strategy.resolve(grids.fixed)
    for texts in (grids.long, grids.recent):
        combinations = parse_grid([f"{k}={v}" for k, v in texts.items()], strategy).combinations()
        assert 4 <= len(combinations) <= 1_000
        assert all(strategy.resolve({**grids.fixed, **values}) for values in combinations)
