"""Task 7: change the symbols of the nightly, in a folder of one's own."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest

from executor.settings import load_keys, load_settings
from flows.settings import load_settings as load_research
from tests.first_hour.terminal import at_terminal, piped
from trading.errors import SettingsError


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


def test_options_say_what_is_traded_where_and_how_it_reads(tmp_path: Path) -> None:
    words = "--venue binance_spot --symbols solusdt,BTCUSDT --mode testnet --language ko"
    said = piped(["init", "own", *words.split(), "--timezone", "Asia/Seoul"], tmp_path)
    assert said.status == 0, said.errors
    settings = tmp_path / "own" / "config" / "settings.toml"
    night = tomllib.loads(settings.with_name("research.toml").read_text())
    assert (night["venue"], night["symbols"]) == ("binance_spot", ["SOLUSDT", "BTCUSDT"])
    assert night["report"] == {"language": "ko", "timezone": "Asia/Seoul"}
    day = load_settings(settings)
    assert (day.mode, day.alerts.language, day.alerts.timezone) == ("testnet", "ko", "Asia/Seoul")
    assert list(day.venues) == ["binance_spot"]
    assert day.venues["binance_spot"].rest_url == "https://testnet.binance.vision"
    with pytest.raises(SettingsError, match="NOCTURNE_BINANCE_KEY"):
        load_keys(settings, day, {})


def test_a_terminal_is_asked_and_enter_takes_the_default(tmp_path: Path) -> None:
    said = at_terminal(["init", "own"], tmp_path, typed="\nXRPUSDT\n\nko\nAsia/Seoul\n")
    assert said.status == 0, said.text
    assert "Symbols of the night, separated by commas [BTCUSDT,ETHUSDT]:" in said.text
    night = tomllib.loads((tmp_path / "own" / "config" / "research.toml").read_text())
    assert (night["venue"], night["symbols"]) == ("binance_usdm", ["XRPUSDT"])
    assert load_settings(tmp_path / "own" / "config" / "settings.toml").mode == "paper"


def test_a_terminal_is_not_asked_where_an_option_answers(tmp_path: Path) -> None:
    for words in (["--defaults"], ["--symbols", "XRPUSDT"], ["--json"]):
        said = at_terminal(["init", "own", *words], tmp_path)
        assert said.status == 0, said.text
        assert "Venue (" not in said.text


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--venue", "binance"], "binance_usdm or binance_spot"),
        (["--mode", "live"], "mode 'live' is not known; choose paper or testnet"),
        (["--symbols", "BTC/USDT"], "BTC/USDT"),
        (["--language", "fr"], "en or ko"),
        (["--timezone", "Seoul"], "give one such as Asia/Seoul"),
    ],
)
def test_an_unknown_choice_is_refused_before_anything_is_written(
    tmp_path: Path, words: list[str], reason: str
) -> None:
    said = piped(["init", "own", *words], tmp_path)
    assert said.status == 2
    assert reason in said.errors
    assert not (tmp_path / "own").exists()


def test_settings_that_were_there_and_are_not_valid_are_named(folder: Path) -> None:
    (folder / "config" / "settings.toml").write_text('mode = "lve"\n')
    said = piped(["init", "."], folder)
    assert said.status == 2
    assert "config/settings.toml" in said.errors
