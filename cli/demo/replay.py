"""The demo's replay: a sandbox exchange and the executor as two processes, one recorded day."""

from __future__ import annotations

import json
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.demo.plan import FUTURES, SPOT, DemoPlan
from cli.demo.processes import first_line, running, wait
from lake.releases import Release
from trading.errors import NocturneError

START_TIMEOUT_S = 60.0
REPLAY_TIMEOUT_S = 240.0
PROGRESS_EVERY_S = 2.0
VENUE = """\
[venues.{name}]
rest_url = "{url}"
ws_url = "{ws_url}"
"""
FOLLOWS = f'follows = "{FUTURES}"  # the release was searched there\n'
KEY = "demo-key"
SECRET = "demo-secret"
DONE = "done.json"

SETTINGS = """\
# Written by `nocturne demo`.
mode = "replay"
account = "demo"

[paths]
published = {published}
state = {state}

{venues}
[replay]
clock_url = "{url}"

[forecasts]
size = true
"""


def is_done(plan: DemoPlan, release: Release) -> bool:
    """Whether the day was already replayed under ``release``."""
    return (plan.replay_folder(release.release_id) / DONE).is_file()


def replay_once(plan: DemoPlan, release: Release, say: Callable[[str], None]) -> Path:
    """Replay the day under ``release`` unless that is done; return the folder of its ledgers.

    An interrupted replay starts again from nothing: its exchange is gone with it.
    """
    folder = plan.replay_folder(release.release_id)
    done = folder / DONE
    if is_done(plan, release):
        say(f"     already replayed under release {release.release_id}")
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    started = time.monotonic()
    _replay(plan, folder, say)
    seconds = time.monotonic() - started
    minutes = (plan.end - plan.begin).total_seconds() / 60
    facts = {"release_id": release.release_id, "seconds": round(seconds, 1), "minutes": minutes}
    scratch = done.with_suffix(".tmp")
    scratch.write_text(json.dumps(facts), encoding="utf-8")
    scratch.replace(done)
    say(f"     {minutes:.0f} minutes replayed in {seconds:.0f} s")
    return folder


def _replay(plan: DemoPlan, folder: Path, say: Callable[[str], None]) -> None:
    exchange_log, executor_log = folder / "sandbox.log", folder / "executor.err"
    serve = [
        sys.executable, "-m", "cli", "sandbox", "serve",
        "--candles", str(plan.candles),
        "--funding", str(plan.sample / "funding" / "usdm"),
        "--symbols", "BTCUSDT,ETHUSDT",
        "--from", plan.begin.isoformat(),
        "--to", plan.end.isoformat(),
        "--venue", "both" if SPOT in plan.venues else "usdm",
        "--clock", "lockstep",
        "--key", KEY,
        "--secret", SECRET,
        "--ledger", str(folder / "exchange.sqlite"),
    ]  # fmt: skip
    with running(serve, {}, exchange_log) as exchange:
        line = first_line(exchange, "the sandbox exchange", exchange_log, START_TIMEOUT_S)
        url = line.removeprefix("listening on ")
        say(f"     sandbox exchange at {url}")
        settings = _write_settings(plan, folder, url)
        trade = [
            sys.executable, "-m", "cli", "executor", "run",
            "--settings", str(settings), "--until-finished",
        ]  # fmt: skip
        keys = {"NOCTURNE_BINANCE_KEY": KEY, "NOCTURNE_BINANCE_SECRET": SECRET}
        with running(trade, keys, executor_log) as executor:
            _watch(plan, executor, url, say, executor_log)


def _write_settings(plan: DemoPlan, folder: Path, url: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(
        SETTINGS.format(
            published=json.dumps(str(plan.lake / "published")),
            state=json.dumps(str(folder / "state")),
            venues="\n".join(_venue(name, url) for name in plan.venues),
            url=url,
        ),
        encoding="utf-8",
    )
    return path


def _venue(name: str, url: str) -> str:
    """The settings of one venue; spot has no strategies of its own."""
    section = VENUE.format(name=name, url=url, ws_url=url.replace("http://", "ws://"))
    return section + (FOLLOWS if name == SPOT else "")


def _watch(plan: DemoPlan, executor: Any, url: str, say: Callable[[str], None], log: Path) -> None:
    """Show the market's time until the executor ends."""
    deadline = time.monotonic() + REPLAY_TIMEOUT_S
    shown = ""
    while (code := wait(executor, PROGRESS_EVERY_S)) is None:
        if time.monotonic() > deadline:
            raise NocturneError(
                f"demo: the replay was not over after {REPLAY_TIMEOUT_S:.0f} s; see {log}"
            )
        line = _progress(plan, url)
        if line != shown:
            say(line)
            shown = line
    if code != 0:
        raise NocturneError(f"demo: the executor ended with status {code}; see {log}")


def _progress(plan: DemoPlan, url: str) -> str:
    with urllib.request.urlopen(f"{url}/sandbox/status", timeout=10) as answer:
        status = json.load(answer)
    now = datetime.fromtimestamp(status["market_time"] / 1000, UTC)
    share = (now - plan.begin) / (plan.end - plan.begin)
    filled = round(30 * min(max(share, 0.0), 1.0))
    return f"     {now:%Y-%m-%d %H:%M} [{'#' * filled}{'.' * (30 - filled)}] {share:4.0%}"
