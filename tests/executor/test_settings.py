"""Settings, keys, lock, logs, systemd notification, and what a start imports."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from executor.operations.control_socket import ControlServer, call
from executor.runtime.lock import single_account, single_instance
from executor.runtime.logs import JsonLines
from executor.runtime.masking import Masker
from executor.runtime.systemd import notify
from executor.settings import Mode, Settings, load_keys, load_settings
from trading.errors import SettingsError

ROOT = Path(__file__).parents[2]
VENUE = '[venue]\nrest_url = "https://demo-fapi.binance.com"\nws_url = "ws://127.0.0.1:1"\n'
PATHS = '[paths]\npublished = "p"\nstate = "s"\n'
MINIMAL = f'mode = "paper"\naccount = "main"\n{VENUE}{PATHS}'


ONE_VENUE = Settings.model_validate(
    {
        "mode": "paper",
        "account": "main",
        "paths": {"published": "p", "state": "s"},
        "venues": {
            "binance_usdm": {"rest_url": "http://127.0.0.1:1", "ws_url": "ws://127.0.0.1:1"}
        },
    }
)


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_settings_file(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, MINIMAL))
    assert settings.mode is Mode.PAPER
    assert settings.paths.state == tmp_path / "s"
    assert settings.venues["binance_usdm"].rest_url == "https://demo-fapi.binance.com"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mode = ", "is not valid TOML"),
        (MINIMAL.replace("paper", "gamble"), "setting 'mode'"),
        (MINIMAL + "[risk]\nlevrage = 3\n", "unknown setting 'risk.levrage'"),
        (MINIMAL + "[risk]\nbalance_share = 2\n", "setting 'risk.balance_share'.*was 2"),
        (f'mode = "paper"\naccount = "main"\n{VENUE}', "setting 'paths' is missing"),
        (f'mode = "paper"\naccount = "main"\n{PATHS}', "orders would be real"),
        (f'mode = "testnet"\naccount = "main"\n{PATHS}', "orders would be real"),
        (MINIMAL.replace("paper", "live"), r"the test network's venues\.binance_usdm\.rest_url"),
        (MINIMAL + '[replay]\nclock_url = "http://127.0.0.1:1"\n', "not 'replay'"),
        (
            f'mode = "live"\naccount = "main"\n{PATHS}[venue]\nrest_url = "http://x"\n',
            "needs an https rest_url",
        ),
    ],
)
def test_a_bad_setting_is_named_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as caught:
        load_settings(write(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://bob:hunter2@db:5432/x", "postgresql://bob:***@db:5432/x"),
        ("postgresql://bob:hunter2@old@db/x", "postgresql://bob:***@db/x"),
        ("mysql://:hunter2@db/x", "mysql://:***@db/x"),
        ("postgresql://bob@db/x?password=hunter2&a=b", "postgresql://bob@db/x?password=***&a=b"),
        ("postgresql://bob@db:5432", "postgresql://bob@db:5432"),
    ],
)
def test_a_refused_address_is_shown_without_its_password(
    tmp_path: Path, url: str, shown: str
) -> None:
    with pytest.raises(SettingsError, match=r"setting 'ledger\.url'") as caught:
        load_settings(write(tmp_path, f'{MINIMAL}[ledger]\nurl = "{url}"\n'))
    assert str(caught.value).endswith(f"was {shown!r}")


def test_a_missing_settings_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml cannot be read"):
        load_settings(tmp_path / "nowhere.toml")


def test_the_example_settings_are_valid(tmp_path: Path) -> None:
    example = (ROOT / "config" / "settings.example.toml").read_text(encoding="utf-8")
    assert load_settings(write(tmp_path, example)).mode is Mode.TESTNET


def test_keys_come_from_the_environment_and_are_never_shown(tmp_path: Path) -> None:
    keys = load_keys(
        tmp_path / "settings.toml",
        ONE_VENUE,
        {"NOCTURNE_BINANCE_KEY": "public-part", "NOCTURNE_BINANCE_SECRET": "hidden-part"},
    )
    assert keys.venues["binance_usdm"].secret.get_secret_value() == "hidden-part"
    assert "hidden-part" not in repr(keys)


def test_keys_come_from_an_env_file_that_only_the_owner_reads(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("# keys\nNOCTURNE_BINANCE_KEY=a\nexport NOCTURNE_BINANCE_SECRET='b'\n")
    env.chmod(0o600)
    keys = load_keys(tmp_path / "settings.toml", ONE_VENUE, {})
    assert (
        keys.venues["binance_usdm"].key.get_secret_value(),
        keys.venues["binance_usdm"].secret.get_secret_value(),
    ) == ("a", "b")


def test_the_environment_wins_over_the_env_file_name_by_name(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    names = ("NOCTURNE_BINANCE_KEY", "NOCTURNE_BINANCE_SECRET")
    env.write_text("".join(f"{name}=file\n" for name in names) + "NOCTURNE_LEDGER_PASSWORD=pw\n")
    env.chmod(0o600)
    one = load_keys(tmp_path / "settings.toml", ONE_VENUE, {names[1]: "given"})
    both = load_keys(tmp_path / "settings.toml", ONE_VENUE, dict.fromkeys(names, "given"))
    pairs = [keys.venues["binance_usdm"] for keys in (one, both)]
    shown = [(p.key.get_secret_value(), p.secret.get_secret_value()) for p in pairs]
    assert shown == [("file", "given"), ("given", "given")]
    assert both.ledger is not None
    assert both.ledger.get_secret_value() == "pw"


def test_an_env_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("NOCTURNE_BINANCE_KEY=a\nNOCTURNE_BINANCE_SECRET=b\n")
    env.chmod(0o644)
    with pytest.raises(SettingsError, match="has mode 644; run `chmod 600"):
        load_keys(tmp_path / "settings.toml", ONE_VENUE, {})


def test_missing_keys_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="NOCTURNE_BINANCE_SECRET not set"):
        load_keys(tmp_path / "settings.toml", ONE_VENUE, {"NOCTURNE_BINANCE_KEY": "a"})


def test_a_state_folder_has_one_owner_and_is_free_again_after_it(tmp_path: Path) -> None:
    with (
        single_instance(tmp_path),
        pytest.raises(SettingsError, match=f"process {os.getpid()}"),
        single_instance(tmp_path),
    ):
        pass
    with single_instance(tmp_path):
        assert (tmp_path / "executor.lock").exists()


def test_an_account_has_one_owner_whatever_the_state_folders_are() -> None:
    url, key = f"https://example.com:{os.getpid()}", "key"
    sentence = rf"another executor \(process {os.getpid()}\) trades this account at {url}"
    with single_account(url, key):
        with pytest.raises(SettingsError, match=sentence), single_account(url, key):
            pass
        with single_account(url, "another key"):
            pass
    with single_account(url, key):
        pass


def test_logs_are_json_with_secrets_masked() -> None:
    record = logging.LogRecord("executor", logging.INFO, "", 0, "key %s", ("abcdefgh1",), None)
    record.symbol = "BTCUSDT"
    line = json.loads(JsonLines(Masker(["abcdefgh1", "x"])).format(record))
    assert (line["message"], line["symbol"], line["level"]) == ("key ***", "BTCUSDT", "info")


def test_systemd_is_notified_over_its_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        assert notify("READY=1", {"NOTIFY_SOCKET": path})
        assert receiver.recv(64) == b"READY=1"
    assert not notify("READY=1", {})


FORBIDDEN = (
    "prefect great_expectations duckdb polars numba lightgbm sklearn pandas fastapi apprise"
    " binance plotly optuna"
)


def test_a_start_imports_none_of_the_research_packages() -> None:
    code = (
        "import sys, executor.main, executor.app, executor.builder\n"
        "from executor.venues.binance import market_stream\n"
        "from executor.venues.binance_usdm import client, user_stream, venue\n"
        "from trading.strategies.registry import strategy_names\n"
        "strategy_names()\n"
        f"found = [name for name in {FORBIDDEN.split()!r} if name in sys.modules]\n"
        "print(found)\n"
        "assert not found\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_unit_file_notifies_and_is_hardened() -> None:
    unit = (ROOT / "config" / "systemd" / "nocturne-executor.service").read_text(encoding="utf-8")
    for line in ("Type=notify", "WatchdogSec=", "NoNewPrivileges=yes", "ProtectSystem=strict"):
        assert line in unit


async def test_control_works_in_a_folder_whose_path_is_too_long_for_a_socket(
    tmp_path: Path,
) -> None:
    state = tmp_path / ("deep" * 30) / "state"
    state.mkdir(parents=True)

    async def answer(_arguments: object) -> dict[str, object]:
        return {"status": "running"}

    server = ControlServer(state, {"status": answer})
    await server.start()
    assert await asyncio.to_thread(call, state, "status") == {"status": "running"}
    unknown = await asyncio.to_thread(call, state, "dance")
    assert unknown == {"error": "unknown command; known are status"}
    await server.stop()
    with pytest.raises(SettingsError, match="no executor answers"):
        call(state, "status")
