"""The paper market as a user starts and stops it, following another sandbox."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.server.paper import PaperMarket
from tests.sandbox.helpers import START, calm, write_candles
from trading.candles import MINUTE_MS

SERVE = [sys.executable, "-m", "cli", "sandbox", "serve"]
READY_S = 60.0


def nocturne(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[str]:
    begin = START - 120 * MINUTE_MS
    write_candles(tmp_path / "candles", "BTCUSDT", calm(100_000.0, 1_200), begin)
    options = ["--candles", str(tmp_path / "candles"), "--clock", "accelerated", "--speed", "60"]
    options += ["--from", "2025-06-20"]
    with subprocess.Popen([*SERVE, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def wallet(url: str) -> str:
    with urllib.request.urlopen(f"{url}/sandbox/status", timeout=60) as answer:
        return str(json.load(answer)["accounts"]["main"]["wallet"])


@pytest.mark.slow
def test_paper_market_starts_continues_and_stops(upstream: str, tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    options = ("--symbols", "BTCUSDT", "--port", "0", "--upstream", upstream)
    start = ("paper", "start", "--folder", str(folder), *options)
    first = nocturne(*start, "--balance", "USDT=5000")
    assert first.returncode == 0, first.stderr
    found = PaperMarket(folder).running()
    assert found is not None
    assert f'rest_url = "{found[1]}"' in first.stdout
    try:
        again = nocturne(*start)
        assert again.returncode == 2
        assert "runs already" in again.stderr
        deadline = time.monotonic() + READY_S
        while json.loads(nocturne("paper", "status", "--folder", str(folder)).stdout)["stale"]:
            assert time.monotonic() < deadline, "nothing is seen of the upstream"
    finally:
        stopped = nocturne("paper", "stop", "--folder", str(folder))
    assert stopped.returncode == 0, stopped.stderr
    assert PaperMarket(folder).running() is None
    second = nocturne(*start)  # the first deposit is kept, not the option's default
    assert second.returncode == 0, second.stderr
    found = PaperMarket(folder).running()
    assert found is not None
    assert wallet(found[1]) == "5000"
    assert nocturne("paper", "stop", "--folder", str(folder)).returncode == 0


def test_market_that_does_not_run_is_named(tmp_path: Path) -> None:
    done = nocturne("paper", "stop", "--folder", str(tmp_path))
    assert (done.returncode, "no paper market runs there" in done.stderr) == (2, True)


def test_market_that_cannot_start_says_why(tmp_path: Path) -> None:
    options = ("--symbols", "BTCUSDT", "--port", "0", "--upstream", "http://127.0.0.1:9")
    done = nocturne("paper", "start", "--folder", str(tmp_path), *options)
    assert done.returncode == 2
    assert "check --upstream" in done.stderr
