"""freqtrade, unmodified: start, entry, stop at the exchange, restart, exit."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.strangers.conftest import SAMPLE, Sandbox, Started, running, wait_for
from tests.strangers.environments import python_of

pytestmark = pytest.mark.slow

REQUIREMENTS = ("freqtrade==2026.9",)
STRATEGY = Path(__file__).parent / "bots" / "freqtrade_strategy.py"
URLS = "import ccxt.pro, json; print(json.dumps(ccxt.pro.binance().urls['api']))"
# What freqtrade logs when something is wrong with the exchange.
TROUBLE = ("Traceback", "ERROR", "Outdated history", "Unable to", "Could not load markets")


def configure(python: Path, sandbox: Sandbox, mode: str) -> list[str]:
    """Write freqtrade's configuration: stock, but for hosts and keys."""
    found = subprocess.run([python, "-c", URLS], capture_output=True, text=True, check=True)
    pointed = {"urls": {"api": sandbox.pointed(json.loads(found.stdout))}}
    futures = mode == "futures"
    config: dict[str, Any] = {
        "dry_run": False,
        "trading_mode": mode,
        **({"margin_mode": "isolated"} if futures else {}),
        "max_open_trades": 1,
        "stake_currency": "USDT",
        "stake_amount": 1000,
        "tradable_balance_ratio": 0.9,
        "cancel_open_orders_on_exit": False,
        "unfilledtimeout": {"entry": 5, "exit": 5, "unit": "minutes"},
        "entry_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
        "exit_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
        "exchange": {
            "name": "binance",
            "key": "sandbox",
            "secret": "sandbox",
            "ccxt_config": pointed,
            "pair_whitelist": ["BTC/USDT:USDT" if futures else "BTC/USDT"],
        },
        "pairlists": [{"method": "StaticPairList"}],
        "internals": {"process_throttle_secs": 1},
        "db_url": f"sqlite:///{sandbox.folder}/trades.sqlite",
        "user_data_dir": str(sandbox.folder / "user_data"),
        "bot_name": "stranger",
        "initial_state": "running",
    }
    home = sandbox.folder / "user_data" / "strategies"
    home.mkdir(parents=True)
    shutil.copy(STRATEGY, home)
    (sandbox.folder / "config.json").write_text(json.dumps(config, indent=2))
    strategy = "OnCommand" if futures else "OnCommandSpot"
    return [
        str(python), "-m", "freqtrade", "trade", "-c", str(sandbox.folder / "config.json"),
        "-s", strategy,
    ]  # fmt: skip


def rows(sandbox: Sandbox, query: str) -> list[Any]:
    path = sandbox.folder / "trades.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []


def ledger(sandbox: Sandbox, query: str) -> list[Any]:
    with closing(sqlite3.connect(sandbox.folder / "exchange.sqlite")) as connection:
        return connection.execute(query).fetchall()


OPEN_TRADES = "select id from trades where is_open = 1 and amount > 0"
STOPS = "select id from orders where ft_order_side = 'stoploss' and ft_is_open = 1"
CLOSED = "select exit_reason from trades where is_open = 0"


@pytest.mark.parametrize("mode", ["futures", "spot"])
def test_freqtrade_enters_protects_restarts_and_exits(mode: str, sandbox: Started) -> None:
    python = python_of("freqtrade", *REQUIREMENTS)
    venue = "usdm" if mode == "futures" else "spot"
    options = ("--candles", str(SAMPLE / "usdm"), "--venue", venue, "--symbols", "BTCUSDT")
    with sandbox(*options, "--from", "2025-06-12") as exchange:
        held = exchange.position if mode == "futures" else lambda: exchange.held("BTC")
        command = configure(python, exchange, mode)
        logs = []
        with running(command, exchange.folder, "first") as log:
            (exchange.folder / "enter").touch()
            wait_for(lambda: rows(exchange, OPEN_TRADES), "an open trade")
            wait_for(lambda: rows(exchange, STOPS), "a stop at the exchange")
            (exchange.folder / "enter").unlink()
            assert held() > 0
            logs.append(log.read_text())
        assert rows(exchange, STOPS), "the stop rests while the bot is down"
        with running(command, exchange.folder, "second") as log:
            wait_for(lambda: "state='RUNNING'" in log.read_text(), "a restart")
            assert len(rows(exchange, OPEN_TRADES)) == 1
            (exchange.folder / "exit").touch()
            closed = wait_for(lambda: rows(exchange, CLOSED), "the exit")
            assert closed == [("command",)]
            wait_for(lambda: "exit_fill" in log.read_text(), "the notice of the exit")
            logs.append(log.read_text())  # what it logs while it stops is its own affair
        assert abs(held()) < 0.0001
        lines = "".join(logs).splitlines()
        assert [line for line in lines if any(word in line for word in TROUBLE)] == []
