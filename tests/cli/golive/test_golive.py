"""`nocturne golive` against sandbox servers that misbehave in each way it names."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import certifi
import pytest

from cli.doctor.check_line import CheckLine
from cli.golive.checks import run_checks, share_now
from cli.main import main
from executor.settings import load_settings
from executor.settings.first_week import confirm, read_first_week, revoke
from lake.releases import StrategyEntry
from tests.cli.golive.secure_door import secure_door, write_certificate
from tests.cli.hostile_server import ANSWERS, NEVER_ENDING, answering, never_ending
from tests.executor.harness import publish_entries
from tests.executor.notifications.hostile import fake_discord
from tests.executor.venues.exchange import KEY, SECRET, Sandbox, serving
from trading.errors import SettingsError
from trading.strategies.registry import get_strategy

DAY_MS = 86_400_000
VENUE = "binance_usdm"
TRIP = f"demo round trip on {VENUE}"
KEY_LINE = f"key of {VENUE}"
MODE = f"position mode at {VENUE}"
CLOCK = f"clock of {VENUE}"
SIZES = f"sizes at {VENUE}"
RIGHTS = "/sapi/v1/account/apiRestrictions"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One exchange that is test network and live account at once."""
    ledger = tmp_path_factory.mktemp("exchange") / "exchange.sqlite"
    with serving(ledger, "--weight-limit", "1000000") as found:
        yield found


@pytest.fixture
def well(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, Any]]:
    """Settings with which everything is well, and the channel of alerts."""
    for name in ("NOCTURNE_WEBHOOK_URL", "NOCTURNE_APPRISE_URLS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("BINANCE", "BINANCE_DEMO"):
        for part in ("KEY", "SECRET"):
            monkeypatch.delenv(f"NOCTURNE_{name}_{part}", raising=False)
    with fake_discord() as discord:
        yield write_settings(tmp_path, sandbox.url, discord.url), discord
    sandbox.clear()


def write_settings(folder: Path, url: str, webhook: str, mode: str = "paper") -> Path:
    params = get_strategy("breakout").resolve({"filters": "off", "k": 0.3, "stop_loss": 0.01})
    entry = StrategyEntry(strategy="breakout", symbol="ETHUSDT", params=params)
    publish_entries(folder / "published", datetime.now(UTC), [entry])
    settings = folder / "settings.toml"
    settings.write_text(
        f'mode = "{mode}"\naccount = "own"\n[venues.{VENUE}]\nrest_url = "{url}"\n'
        f'ws_url = "{url.replace("http", "ws")}"\naccount_url = "{url}"\ndemo_url = "{url}"\n'
        '[live]\nallow_unproven = ["breakout"]\n'
        '[paths]\npublished = "published"\nstate = "state"\n'
    )
    keys = folder / ".env"
    keys.write_text(
        f"NOCTURNE_BINANCE_KEY={KEY}\nNOCTURNE_BINANCE_SECRET={SECRET}\n"
        f"NOCTURNE_BINANCE_DEMO_KEY={KEY}\nNOCTURNE_BINANCE_DEMO_SECRET={SECRET}\n"
        f"NOCTURNE_WEBHOOK_URL={webhook}\n"
    )
    keys.chmod(0o600)
    return settings


def by_name(settings: Path) -> dict[str, CheckLine]:
    lines = list(run_checks(settings))
    assert SECRET not in str(lines)
    for line in lines:
        assert bool(line.remedy) == (line.verdict != "ok"), line
    return {line.name: line for line in lines}


def wrong(settings: Path) -> dict[str, str]:
    """What is wrong, by name."""
    return {n: line.found for n, line in by_name(settings).items() if line.verdict == "wrong"}


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nocturne", "golive", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_rehearsal_finds_nothing_wrong_and_leaves_the_account_as_it_was(
    well: tuple[Path, Any],
) -> None:
    settings, discord = well
    lines = by_name(settings)
    assert {name: line.verdict for name, line in lines.items() if line.verdict != "ok"} == {
        "settings": "warning",
        KEY_LINE: "warning",
    }
    assert "saw its stop listed" in lines[TRIP].found
    assert "restrict it to this machine" in lines[KEY_LINE].found
    assert len(discord.accepted) == 1
    assert not (settings.parent / "state").exists()


@pytest.mark.parametrize(
    ("right", "value", "words"),
    [
        ("enableWithdrawals", "true", "can withdraw"),
        ("enableInternalTransfer", "true", "transfer money away"),
        ("permitsUniversalTransfer", "true", "transfer money away"),
        ("enableFutures", "false", "cannot trade here"),
    ],
)
def test_a_key_with_other_rights_is_wrong(
    well: tuple[Path, Any], sandbox: Sandbox, right: str, value: str, words: str
) -> None:
    sandbox.fault("alter_response", path=RIGHTS, field=right, value=value, count=9)
    found = wrong(well[0])
    assert list(found) == [KEY_LINE]
    assert words in found[KEY_LINE]


def test_a_key_that_is_bound_to_this_address_is_well(
    well: tuple[Path, Any], sandbox: Sandbox
) -> None:
    sandbox.fault("alter_response", path=RIGHTS, field="ipRestrict", value="true")
    assert by_name(well[0])[KEY_LINE].verdict == "ok"


def test_a_refused_live_key_and_a_refused_demo_key_have_lines_of_their_own(
    well: tuple[Path, Any],
) -> None:
    settings, keys = well[0], well[0].parent / ".env"
    text = keys.read_text()
    keys.write_text(text.replace(f"DEMO_SECRET={SECRET}", "DEMO_SECRET=another"))
    assert list(wrong(settings)) == [TRIP]
    keys.write_text(text.replace(f"BINANCE_SECRET={SECRET}", "BINANCE_SECRET=another"))
    found = wrong(settings)
    assert TRIP not in found
    assert KEY_LINE in found


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_server_that_answers_something_else_is_named_and_the_rest_is_checked(
    well: tuple[Path, Any], answer: bytes
) -> None:
    settings, discord = well
    with answering(answer) as url:
        write_settings(settings.parent, url, discord.url)
        lines = by_name(settings)
    assert lines[TRIP].verdict == "wrong"
    assert [n for n in (KEY_LINE, f"account at {VENUE}") if n in lines and lines[n].remedy]
    assert next(reversed(lines)).startswith("test alert"), "the last line is still shown"


@pytest.mark.parametrize("first", NEVER_ENDING.values(), ids=NEVER_ENDING)
def test_a_server_that_never_comes_to_an_end_is_named_in_time(
    well: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    settings, discord = well
    monkeypatch.setattr("cli.golive.checks.ANSWER_WITHIN_S", 0.5)
    with never_ending(first) as url:
        write_settings(settings.parent, url, discord.url)
        lines = by_name(settings)
    assert "did not finish it within 0.5 s" in lines[TRIP].found
    assert "does not answer in 0.5 s" in lines[f"account at {VENUE}"].found
    assert next(reversed(lines)).startswith("test alert"), "the last line is still shown"


def test_hedge_mode_is_wrong_on_both_accounts(well: tuple[Path, Any], sandbox: Sandbox) -> None:
    sandbox.fault("foreign_mode")
    try:
        found = wrong(well[0])
    finally:
        sandbox.fault("foreign_mode")
    assert set(found) == {TRIP, MODE}
    assert "one-way mode" in found[MODE]


@pytest.mark.parametrize("seconds", [-30, 30])
def test_a_clock_that_is_off_is_wrong(
    well: tuple[Path, Any], sandbox: Sandbox, seconds: int
) -> None:
    sandbox.fault("skew", seconds=seconds)
    found = wrong(well[0])
    assert set(found) == {CLOCK}
    # A request on a busy machine takes its time: the offset is known to half of that.
    assert float(found[CLOCK].split()[0]) == pytest.approx(seconds, abs=5.0)


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        ({"kind": "reject", "path": "/order$", "code": -2019, "message": "Margin is insufficient."},
         "buy: "),
        ({"kind": "reject", "path": "/algoOrder$", "code": -4045,
          "message": "Reach max stop order limit."}, "rest a stop: "),
        ({"kind": "drop_response", "path": "/order$"}, "buy: "),
        ({"kind": "internal_503", "path": "/exchangeInfo$"}, "connect: "),
    ],
)  # fmt: skip
def test_a_test_network_that_fails_in_a_step_is_named_with_the_step(
    well: tuple[Path, Any], sandbox: Sandbox, fault: dict[str, Any], step: str
) -> None:
    sandbox.post("fault", **fault)
    found = wrong(well[0])
    assert list(found) == [TRIP]
    assert found[TRIP].startswith(step)
    # What had been bought was sold: the next trip begins flat.
    assert TRIP not in wrong(well[0])


def test_entries_too_small_in_the_first_week_are_named_with_what_is_missing(
    well: tuple[Path, Any],
) -> None:
    settings = well[0]
    text = settings.read_text()
    settings.write_text(text + "[risk]\nmax_order_notional = 200\n")
    found = wrong(settings)
    assert list(found) == [SIZES]
    assert "breakout on ETHUSDT" in found[SIZES]
    assert "max_order_notional" in found[SIZES]
    settings.write_text(
        text.replace("[live]", "[live]\nfirst_week = 1") + "[risk]\nmax_order_notional = 200\n"
    )
    assert wrong(settings) == {}


def test_sizes_are_checked_at_the_limits_that_hold(well: tuple[Path, Any]) -> None:
    file = well[0]
    file.write_text(file.read_text() + "[risk]\nmax_order_notional = 200\n")
    settings, now_ms = load_settings(file), int(datetime.now(UTC).timestamp() * 1000)
    assert share_now(settings, now_ms) == Decimal("0.10"), "as if it were confirmed now"
    confirm(settings, now_ms)
    assert share_now(settings, now_ms) == Decimal("0.10")
    assert share_now(settings, now_ms + 7 * DAY_MS) == 1
    revoke(settings)
    confirm(settings, now_ms - 8 * DAY_MS)
    lines = by_name(file)
    assert lines[SIZES].verdict == "ok", "after the first week the limits are whole"
    assert "full limits" in lines[SIZES].found


def test_an_alert_that_does_not_arrive_is_wrong(well: tuple[Path, Any]) -> None:
    settings, discord = well
    discord.answers = [(404, {}, "{}")]
    found = wrong(settings)
    assert [name.split()[:2] for name in found] == [["test", "alert"]]
    keys = settings.parent / ".env"
    keys.write_text(keys.read_text().replace("NOCTURNE_WEBHOOK_URL", "NOTHING"))
    assert list(wrong(settings)) == ["test alert"]


def test_without_a_release_or_a_demo_key_the_rest_is_checked_all_the_same(
    well: tuple[Path, Any],
) -> None:
    settings = well[0]
    (settings.parent / "published" / "current").unlink()
    assert set(wrong(settings)) == {"release", TRIP}
    keys = settings.parent / ".env"
    keys.chmod(0o644)
    assert "chmod 600" in wrong(settings)["settings"]


def test_the_command_says_json_and_ends_with_1_when_something_is_wrong(
    well: tuple[Path, Any],
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ("--settings", str(well[0]), "--json")
    assert command(monkeypatch, *given) == 0
    assert json.loads(capsys.readouterr().out)["confirmed"] == ""
    sandbox.fault("skew", seconds=30)
    assert command(monkeypatch, *given) == 1
    rows = json.loads(capsys.readouterr().out)["checks"]
    assert [row["name"] for row in rows if row["verdict"] == "wrong"] == [CLOCK]
    assert command(monkeypatch, *given[:2], "--confirm", "own") == 1


def test_mode_live_is_confirmed_by_the_accounts_name_and_revoked(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    certificate = write_certificate(tmp_path)
    monkeypatch.setattr(certifi, "where", lambda: str(certificate))
    with fake_discord() as discord, secure_door(sandbox.url, certificate) as url:
        file = write_settings(tmp_path, url, discord.url, mode="live")
        given = ("--settings", str(file))
        settings = load_settings(file)
        with pytest.raises(SettingsError, match="nocturne golive"):
            read_first_week(settings)
        assert command(monkeypatch, *given, "--confirm", "other") == 2
        assert command(monkeypatch, *given, "--confirm", "own") == 0
        assert "10% of the limits until" in capsys.readouterr().out
        week = read_first_week(settings)
        assert week.share == Decimal("0.10")
        # Again in the week: it does not begin again.
        assert command(monkeypatch, *given, "--confirm", "own", "--json") == 0
        assert read_first_week(settings) == week
        (tmp_path / "state" / "golive.json").write_text('{"acc')
        capsys.readouterr()
        assert command(monkeypatch, *given, "--confirm", "own") == 0
        assert "it replaces one that could not be used: " in capsys.readouterr().out
        assert command(monkeypatch, *given, "--revoke") == 0
        with pytest.raises(SettingsError):
            read_first_week(settings)


def test_a_confirmation_holds_for_its_account_and_venues_alone(well: tuple[Path, Any]) -> None:
    file = well[0]
    settings = load_settings(file)
    confirm(settings, 1_000)
    assert read_first_week(settings).until_ms == 1_000 + 7 * DAY_MS
    for old, new in (('"own"', '"other"'), ("rest_url = ", "rest_url = 'http://127.0.0.1:1' #")):
        changed = file.parent / "changed.toml"
        changed.write_text(file.read_text().replace(old, new))
        with pytest.raises(SettingsError, match="confirmed with another"):
            read_first_week(load_settings(changed))
    content = (settings.paths.state / "golive.json").read_text()
    for damaged, words in (("{", "cannot be read"), (content.replace("0.10", "NaN"), "share NaN")):
        (settings.paths.state / "golive.json").write_text(damaged)
        with pytest.raises(SettingsError, match=words):
            read_first_week(settings)
    assert revoke(settings)
    assert not revoke(settings)
