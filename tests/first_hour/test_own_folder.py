"""Task 7: change the symbols of the nightly, in a folder of one's own."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest

from executor.settings import load_keys, load_settings
from flows.settings import load_settings as load_research
from tests.first_hour.terminal import piped


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    said = piped(["init", "mine"], tmp_path)
    assert said.status == 0, said.errors
    monkeypatch.chdir(tmp_path / "mine")
    monkeypatch.delenv("NOCTURNE_RESEARCH_FILE", raising=False)
    return tmp_path / "mine"


def test_the_night_and_the_executor_meet_in_the_folder(folder: Path) -> None:
    night, day = load_research(), load_settings(folder / "config" / "settings.toml")
    assert night.lake == folder / "data_lake"
    assert day.paths.published == night.lake / "published"
    assert day.paths.state == night.ledger.parent == folder / "state"
    assert night.known_events.is_file()
    assert night.trading_hours.is_file()


def test_it_begins_on_paper_with_keys_that_only_the_owner_reads(folder: Path) -> None:
    settings = folder / "config" / "settings.toml"
    day = load_settings(settings)
    assert day.mode == "paper"
    assert load_keys(settings, day, {}).venues["binance_usdm"].key.get_secret_value() == "sandbox"
    assert stat.S_IMODE((folder / "config" / ".env").stat().st_mode) == 0o600


def test_other_symbols_and_own_grids_stand_beside_the_built_in_ones(folder: Path) -> None:
    file = folder / "config" / "research.toml"
    own = 'long = { k = "0.5,0.6" }\nrecent = { k = "0.5:0.6:0.05" }\n'
    text = file.read_text().replace('# symbols = ["BTCUSDT", "ETHUSDT"]', 'symbols = ["SOLUSDT"]')
    file.write_text(f"{text}\n[grids.mine]\n{own}")
    night = load_research()
    assert night.symbols == ("SOLUSDT",)
    assert night.grids_of("mine").long == {"k": "0.5,0.6"}
    assert "take_profit" in night.grids_of("breakout").long


def test_a_second_init_keeps_what_was_changed(folder: Path) -> None:
    file = folder / "config" / "research.toml"
    file.write_text(file.read_text() + "# mine\n")
    said = piped(["init", "."], folder)
    assert said.status == 0
    assert file.read_text().endswith("# mine\n")
    assert "kept   config/research.toml" in said.text


def test_a_script_learns_what_was_written_and_what_was_kept(folder: Path) -> None:
    (folder / "config" / "research.toml").unlink()
    said = piped(["init", ".", "--json"], folder)
    written = {item["path"]: item["written"] for item in json.loads(said.text)}
    assert written["config/research.toml"] is True
    assert written["config/settings.toml"] is False
    assert all(item["purpose"] for item in json.loads(said.text))


def test_every_setting_of_the_examples_is_written(folder: Path) -> None:
    examples = Path(__file__).resolve().parents[2] / "config"
    for own, example in (("settings", "settings"), ("research", "research")):
        given = tomllib.loads((folder / "config" / f"{own}.toml").read_text())
        shown = tomllib.loads((examples / f"{example}.example.toml").read_text())
        assert set(shown) - set(given) <= {"symbols", "known_events", "trading_hours"}
