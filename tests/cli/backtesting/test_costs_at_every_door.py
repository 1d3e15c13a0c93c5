"""Whoever says nothing of costs pays the same at every door: measured from what each door traded.

The profile `exchange` and the executor's replay are the exception, for a reason: they trade at the
quotes of an exchange, one tick from the last price, and pay the taker's fee that it charges.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import nocturne as nc
from cli.inputs.candle_files import read_candles
from cli.main import main
from flows.settings import FILE_VARIABLE, ResearchSettings, load_settings
from flows.steps.models.settings import TrainSettings, train_settings
from flows.steps.search.optimize import optimize
from lake.store import Lake
from lake.tables import TRADES
from sandbox.engines.common.fees import Fees
from tests.flows.candle_lake import put_checked, sample_minutes
from tests.flows.sample import AS_OF, SAMPLE, write_settings
from trading.defaults import FEE_BPS, SLIPPAGE_BPS

FILE = SAMPLE / "candles_1m" / "usdm" / "BTCUSDT.parquet"
PARAMS = {"filters": "off", "k": 0.5, "take_profit": 0.04, "stop_loss": 0.02}
SETTINGS = tuple(word for name, value in PARAMS.items() for word in ("--set", f"{name}={value}"))

ACCOUNT = """
balance = 10000.0
profile = "PROFILE"

[symbols.BTCUSDT]
candles = "CANDLES"
step = 0.001
tick = 0.1

[[seats]]
symbol = "BTCUSDT"
strategy = "breakout"
params = { filters = "off", k = 0.5, max_position_size = 0.5 }
"""

Trade = Mapping[str, Any]


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["nocturne", *words])
    monkeypatch.setenv("NOCTURNE_COMPILE", "never")
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code in (0, None)


@pytest.fixture(scope="module")
def opens() -> dict[int, float]:
    """Return the open of every candle by its time, ms."""
    candles = read_candles(FILE)
    return dict(zip(candles.open_time.tolist(), candles.open.tolist(), strict=True))


def assert_usual_costs(trades: list[Trade], opens: Mapping[int, float]) -> None:
    """Measure slippage from the entries, and the fee from what was left of the exits."""
    assert len(trades) >= 5
    for trade in trades:
        market = opens[round(trade["entry_time"].timestamp() * 1000)]
        assert trade["entry_price"] == pytest.approx(market * (1 + SLIPPAGE_BPS / 1e4), rel=1e-12)
        left = (1 + net_return(trade)) * trade["entry_price"] / trade["exit_price"]
        assert 1e4 * (1 - left) / (1 + left) == pytest.approx(FEE_BPS, rel=1e-6)


def net_return(trade: Trade) -> float:
    """Return the net return; on an account, of what the position cost with its fee."""
    if "net_return" in trade:
        return float(trade["net_return"])
    spent = trade["quantity"] * trade["entry_price"] * (1 + FEE_BPS / 1e4)
    return float(trade["profit"] / spent)


def account_file(folder: Path, profile: str) -> Path:
    """Write an account that says nothing of costs."""
    path = folder / "account.toml"
    text = ACCOUNT.replace("PROFILE", profile).replace("CANDLES", str(FILE))
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("more", [(), ("--step", "0.001")], ids=["plain", "on an account"])
def test_the_back_test(
    more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opens: dict[int, float]
) -> None:
    words = ("backtest", "--strategy", "breakout", "--candles", str(FILE), *SETTINGS, *more)
    command(monkeypatch, *words, "--trades", str(tmp_path / "trades.parquet"))
    assert_usual_costs(pq.read_table(tmp_path / "trades.parquet").to_pylist(), opens)


def test_the_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opens: dict[int, float]
) -> None:
    path = account_file(tmp_path, "research")
    command(monkeypatch, "account", str(path), "--trades", str(tmp_path / "trades.parquet"))
    assert_usual_costs(pq.read_table(tmp_path / "trades.parquet").to_pylist(), opens)


def test_the_notebook(opens: dict[int, float]) -> None:
    candles, terms = nc.read_candles(FILE), nc.Terms(compiled=False)
    ran = nc.backtest("breakout", candles, terms=terms, **PARAMS)
    assert_usual_costs(ran.trades.to_dicts(), opens)
    fixed = {name: value for name, value in PARAMS.items() if name != "k"}
    walked = nc.walk_forward("breakout", candles, {"k": [0.5]}, terms=terms, **fixed)
    assert_usual_costs(walked.trades.to_dicts(), opens)


def test_every_search_finds_what_the_back_test_finds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    candles, terms = nc.read_candles(FILE), nc.Terms(compiled=False)
    expected = nc.backtest("breakout", candles, terms=terms, **PARAMS).metrics["total_return"][0]
    fixed = {name: value for name, value in PARAMS.items() if name != "k"}
    found = nc.search("breakout", candles, {"k": [0.5]}, terms=terms, **fixed)
    assert found.metrics["total_return"].to_list() == [expected]
    out = tmp_path / "out.json"
    words = ("search", "--strategy", "breakout", "--candles", str(FILE), "--json", str(out))
    given = tuple(word for name, value in fixed.items() for word in ("--set", f"{name}={value}"))
    for method in ("grid", "random", "bayes"):
        command(monkeypatch, *words, *given, "--grid", "k=0.5", "--method", method, "--trials", "1")
        (result,) = json.loads(out.read_text())["results"]
        assert result["total_return"] == expected, method


def test_the_night(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opens: dict[int, float]
) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(write_settings(tmp_path)))
    lake = Lake(tmp_path / "lake")
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", datetime(2025, 5, 5, tzinfo=UTC), AS_OF))
    settings = load_settings()
    optimize(lake, as_of=AS_OF, strategy="breakout", symbol="BTCUSDT", settings=settings)
    assert_usual_costs(lake.read(TRADES).to_pylist(), opens)


def test_models_pay_a_round_trip_of_the_same() -> None:
    expected = 2 * (FEE_BPS + SLIPPAGE_BPS)
    assert TrainSettings().round_trip_bp == expected
    assert train_settings(ResearchSettings()).round_trip_bp == expected


def test_the_profile_exchange_pays_a_tick_and_the_fee_of_the_sandbox(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opens: dict[int, float]
) -> None:
    path = account_file(tmp_path, "exchange")
    command(monkeypatch, "account", str(path), "--trades", str(tmp_path / "trades.parquet"))
    trades = pq.read_table(tmp_path / "trades.parquet").to_pylist()
    assert len(trades) >= 5
    for trade in trades:
        market = opens[round(trade["entry_time"].timestamp() * 1000)]
        assert trade["entry_price"] == pytest.approx(market + 0.1, abs=0.05)
        left = 1 + trade["profit"] / (trade["quantity"] * trade["entry_price"])
        assert left == pytest.approx(
            trade["exit_price"] / trade["entry_price"]
            - FEE_BPS / 1e4 * (1 + trade["exit_price"] / trade["entry_price"]),
            abs=1e-9,
        )
    assert Fees().taker == Decimal(str(FEE_BPS)) / 10_000
