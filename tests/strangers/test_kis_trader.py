"""kis-trader, unmodified but for its hosts, trades Korean stocks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.sandbox.kis.conftest import write_sessions
from tests.strangers.conftest import sandbox_of
from tests.strangers.environments import python_of

pytestmark = pytest.mark.slow

BOT = Path(__file__).parent / "bots" / "kis_trader_session.py"


def test_session_of_kis_trader(tmp_path: Path) -> None:
    python = python_of("kis-trader", "kis-trader==0.12.2")
    write_sessions(tmp_path / "kis")
    options = ("--candles", str(tmp_path / "kis"), "--venue", "kis", "--from", "2025-06-20")
    clock = ("--clock", "accelerated", "--speed", "60")
    with sandbox_of(tmp_path, *options, *clock, redate=False) as exchange:
        done = subprocess.run(
            [python, BOT, exchange.url, str(tmp_path)],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        shown = json.loads(done.stdout.splitlines()[-1])
        assert exchange.held("005930") == 2
        assert shown["held"] == {"005930": "2"}
        assert float(shown["cash"]) == exchange.held("KRW")
    assert 59_900 <= float(shown["price"]) <= 60_100
    assert (shown["levels"], shown["notices"], shown["trades"]) == (10, 6, True)
