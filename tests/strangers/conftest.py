"""A sandbox in its own process, on a recording that is moved to the present."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until

SAMPLE = Path("data_lake/sample/candles_1m")
READY_S = 60.0


class Sandbox:
    """A running sandbox and what its exchange knows."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.ws = url.replace("http", "ws", 1)

    def status(self) -> Any:
        """Return the sandbox's status."""
        with urllib.request.urlopen(f"{self.url}/sandbox/status", timeout=30) as answer:
            return json.load(answer)

    def position(self, symbol: str = "BTCUSDT") -> float:
        """Return the position of the account."""
        shown = self.status()["accounts"]["main"]["positions"]
        return float(shown.get(symbol, 0))

    def held(self, asset: str) -> float:
        """Return the total of an asset on spot."""
        balances = self.status()["spot_accounts"]["main"]["balances"]
        return float(balances.get(asset, 0))

    def pointed(self, value: Any) -> Any:
        """Return client URLs with their hosts replaced by the sandbox."""
        if isinstance(value, dict):
            return {name: self.pointed(inner) for name, inner in value.items()}
        if isinstance(value, str):
            base = self.ws if value.startswith("ws") else self.url
            return re.sub(r"^(https?|wss?)://[^/]+", base, value)
        return value


Started = Callable[..., Any]


@contextmanager
def sandbox_of(folder: Path, *options: str, redate: bool = True) -> Iterator[Sandbox]:
    """Run a sandbox in the present, or on the dates of its recording.

    Its ledger is ``exchange.sqlite`` in ``folder``.
    """
    command = [
        sys.executable, "-m", "cli", "sandbox", "serve", *(["--redate", "now"] if redate else []),
        "--ledger", str(folder / "exchange.sqlite"), *options,
    ]  # fmt: skip
    with (folder / "sandbox.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on "), (folder / "sandbox.log").read_text()
        yield Sandbox(line.split()[-1], folder)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def sandbox(tmp_path: Path) -> Started:
    """Return a starter of sandboxes."""
    return lambda *options: sandbox_of(tmp_path, *options)


@contextmanager
def running(command: list[str], folder: Path, name: str, **env: str) -> Iterator[Path]:
    """Run a bot; yield its log. At the end it gets SIGTERM, as from its service."""
    path = folder / f"{name}.log"
    with path.open("a") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env={**os.environ, **env}
        )
    try:
        yield path
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 180.0) -> Any:
    """Wait until ``condition`` is true and return its value."""
    return until(what, condition, seconds, every_s=0.5)
