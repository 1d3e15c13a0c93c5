"""Marked secrets go through a real run; nothing that it leaves behind or says holds one."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest

from dashboard.access.password import store_password
from tests.executor.harness import DEADLINE_S, ROOT, Bench, Replay
from tests.executor.notifications.hostile import PATH, fake_discord
from tests.operations.open_position import ONE_TRADE, run_until_protected
from tests.operations.secret_finder import files_below, forms, hits, marked
from tests.ports import free_port
from tests.waiting import until

PAGES = ("", "trades", "research", "control", "log")
WEBHOOK_TOKEN = PATH.rpartition("/")[2]


@pytest.mark.parametrize("form", sorted(forms("x" * 40)))
def test_a_secret_in_a_file_would_be_found_however_it_is_encoded(tmp_path: Path, form: str) -> None:
    secret = marked("planted")
    planted = tmp_path / "deep" / "planted.log"
    planted.parent.mkdir()
    planted.write_bytes(b"before " + forms(secret)[form] + b" behind")
    assert form in hits(planted.read_bytes(), [secret])
    assert list(files_below(tmp_path)) == [planted]
    assert hits(b"before behind", [secret]) == []


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_secret_in_the_middle_of_base64_would_be_found(before: str) -> None:
    secret = marked("planted")
    assert hits(base64.b64encode(f"{before}{secret} and more".encode()), [secret])


@pytest.mark.slow
def test_a_run_with_marked_secrets_leaves_none_of_them_anywhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = {
        name: marked(name) for name in ("key", "secret", "beat", "ledger", "password", "telegram")
    }
    said: list[bytes] = []
    with fake_discord() as discord:
        environment = {
            "NOCTURNE_BINANCE_KEY": secret["key"],
            "NOCTURNE_BINANCE_SECRET": secret["secret"],
            "NOCTURNE_WEBHOOK_URL": discord.url,
            "NOCTURNE_APPRISE_URLS": f"json://127.0.0.1:1/{quote(secret['telegram'], safe='')}",
            "NOCTURNE_HEARTBEAT_URL": f"http://127.0.0.1:1/{quote(secret['beat'], safe='')}",
            "NOCTURNE_LEDGER_PASSWORD": secret["ledger"],
        }
        bench = Bench(
            tmp_path / "run", Replay(*ONE_TRADE, extra="[metrics]\nport = 0\n"), environment
        )
        try:
            said += _run_everything(bench, secret, environment)
        finally:
            bench.close()
        assert discord.accepted, "an alert was sent, so its address was in use"
    screen = capfd.readouterr()
    assert "ready in" in screen.out, "what the executor wrote on the screen"
    said += [screen.out.encode(), screen.err.encode()]
    lake = tmp_path / "lake"
    said.append(_flow(lake, environment))
    known = [*secret.values(), WEBHOOK_TOKEN]
    # The exchange knows its keys; its own ledger is not one of ours.
    left = [path for path in files_below(tmp_path) if "exchange.sqlite" not in path.name]
    names = {path.name for path in left}
    assert {"executor.log", "ledger.sqlite", "status.json", "manifest.json"} <= names
    assert any(name.startswith("prefect.db") for name in names), "Prefect's database"
    found = {str(path.relative_to(tmp_path)): hits(path.read_bytes(), known) for path in left}
    assert {name: forms for name, forms in found.items() if forms} == {}
    assert [hits(text, known) for text in said] == [[]] * len(said)


def _run_everything(
    bench: Bench, secret: dict[str, str], environment: dict[str, str]
) -> list[bytes]:
    """Run executor, dashboard and commands, well and in faults; return all that they said."""
    settings = ("--settings", str(bench.settings))
    refused = bench.nocturne("doctor", *settings)  # before the exchange knows the key
    bench.control("POST", "keys", account="main", key=secret["key"], secret=secret["secret"])
    process, market = run_until_protected(bench)
    log = bench.folder / "state" / "executor.log"
    # An exchange that repeats what it was sent: its texts reach the log, the alerts, the ledger.
    echo = f"Invalid API-key {secret['key']} with {secret['secret']}."
    bench.fault(kind="reject", path="/openOrders$", code=-2015, message=echo)
    synced = bench.nocturne("executor", "sync", *settings)
    until("masked text in the log", lambda: "***" in log.read_text(encoding="utf-8"), DEADLINE_S)
    found = until(
        "metrics", lambda: re.search(r"(?<=metrics at )http://[\d.:]+", log.read_text()), DEADLINE_S
    )
    assert found
    with urllib.request.urlopen(f"{found[0]}/metrics", timeout=DEADLINE_S) as answer:
        texts = [answer.read()]
    bench.fault(kind="reject", path="/openOrders$", code=-2015, message=echo)
    texts.append(_dashboard(bench, secret["password"], environment))
    market.release()
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors
    commands = [
        ("doctor", *settings),
        ("alerts", "test", *settings),
        ("ledger", "backup", *settings),
        ("executor", "trades", *settings),
        ("executor", "status", *settings),
        ("golive", *settings),
    ]
    done = [refused, synced, *(bench.nocturne(*words) for words in commands)]
    texts += [f"{one.stdout}{one.stderr}".encode() for one in done]
    return [*texts, errors.encode()]


def _dashboard(bench: Bench, password: str, environment: dict[str, str]) -> bytes:
    """Log in to the dashboard, with a wrong password first; return what it answered and said."""
    store_password(bench.folder / "state", password)
    address = f"http://127.0.0.1:{(port := free_port())}"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cli", "dashboard", "run"),
            *("--settings", str(bench.settings), "--port", str(port)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env=os.environ | environment,
    )
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    answers = b""
    try:
        until("the dashboard", lambda: _answers(address), DEADLINE_S)
        for typed in (password[::-1], password):
            form = urllib.parse.urlencode({"password": typed}).encode()
            request = urllib.request.Request(f"{address}/login", form, {"Origin": address})
            try:
                with opener.open(request, timeout=DEADLINE_S) as answer:
                    answers += answer.read()
            except urllib.error.HTTPError as error:
                answers += error.read()
        for page in PAGES:
            with opener.open(f"{address}/{page}", timeout=DEADLINE_S) as answer:
                assert not answer.url.endswith("/login"), "the password was accepted"
                answers += answer.read()
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=DEADLINE_S)
    return answers + said


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/login", timeout=DEADLINE_S):
            return True
    except OSError:
        return False


def _flow(lake: Path, environment: dict[str, str]) -> bytes:
    """Run a flow under a Prefect server of its own; return what it printed."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from cli.main import main; main()", "flow", "import"),
            *("--lake", str(lake), "--symbols", "BTCUSDT", "--server", "private"),
            *("--as-of", "2025-06-19T00:00Z"),
        ],
        cwd=ROOT,
        env=os.environ | environment | {"NOCTURNE_RESEARCH_WORK": str(lake / "work")},
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout + done.stderr
