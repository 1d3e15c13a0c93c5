"""hummingbot's connectors, unmodified but for their hosts: they start, trade and stop."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from tests.strangers.conftest import SAMPLE, Started
from tests.strangers.environments import python_of

pytestmark = pytest.mark.slow

REQUIREMENTS = ("hummingbot==20260922",)
# Where its wheel does not fit the C++ library, its modules are compiled: in a third of the time so.
BUILD = {"WITHOUT_CYTHON_OPTIMIZATIONS": "1", "CFLAGS": "-O0 -g0"}
BOT = Path(__file__).parent / "bots" / "hummingbot_trader.py"
D = Decimal


@pytest.mark.parametrize("venue", ["usdm", "spot"])
def test_connector_of_hummingbot_trades_beside_the_other_market(
    venue: str, sandbox: Started, tmp_path: Path
) -> None:
    python = python_of("hummingbot", *REQUIREMENTS, version="3.12", **BUILD)
    report = tmp_path / "report.json"
    options = ("--candles", str(SAMPLE / "usdm"), "--venue", "both", "--symbols", "BTCUSDT")
    with sandbox(*options, "--from", "2025-06-12") as exchange:
        done = subprocess.run(
            [python, BOT, exchange.url, venue, report],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert not any(word in done.stderr for word in ("WARNING", "ERROR")), done.stderr
        assert exchange.position() == exchange.held("BTC") == 0
        assert (venue == "usdm") == (exchange.held("USDT") == 10_000)
    seen = json.loads(report.read_text())
    assert seen["limit"] == ["BuyOrderCreatedEvent", "OrderCancelledEvent"]
    for name, side in (("bought", "Buy"), ("sold", "Sell")):
        assert set(seen[name]) == {
            f"{side}OrderCreatedEvent", "OrderFilledEvent", f"{side}OrderCompletedEvent",
        }  # fmt: skip
    assert [D(amount) for amount, _ in seen["fills"]] == [
        D("0.010"),
        D("0.010") if venue == "usdm" else D("0.00999"),
    ]
    assert (D(seen["begun"]), min(seen["rows"]) >= 20) == (D(10_000), True)
    bid, ask = map(D, seen["spread"])
    assert 0 < bid < ask
