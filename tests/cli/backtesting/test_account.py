"""`nocturne account`: several strategies on one balance, from a TOML file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cli.backtesting import account
from cli.backtesting.account_file import filters_of, read_account_file
from cli.main import main
from trading.errors import SettingsError

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data_lake" / "sample"

ACCOUNT = """
balance = 10_000
slippage_bps = 1

[limits]
max_positions = 1

[symbols.BTCUSDT]
candles = "BTCUSDT.parquet"
funding = "funding.parquet"
step = 0.001

[symbols.ETHUSDT]
candles = "ETHUSDT.parquet"

[[seats]]
strategy = "breakout"
symbol = "BTCUSDT"
params = { k = 0.2, filters = "off", take_profit = 0.01, max_position_size = 0.5 }

[[seats]]
strategy = "rsi_bollinger"
symbol = "ETHUSDT"
params = { signal_tf = "5m", filters = "off", max_position_size = 0.5 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write ten days of the sample beside the file."""
    for symbol in ("BTCUSDT", "ETHUSDT"):
        candles = pq.read_table(SAMPLE / "candles_1m" / "usdm" / f"{symbol}.parquet")
        pq.write_table(candles.slice(0, 14_400), tmp_path / f"{symbol}.parquet")
    funding = pq.read_table(SAMPLE / "funding" / "usdm" / "BTCUSDT.parquet")
    pq.write_table(funding, tmp_path / "funding.parquet")
    (tmp_path / "account.toml").write_text(ACCOUNT)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nocturne", "account", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_the_profits_of_the_strategies_add_up_to_the_gain_of_the_account(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {option: folder / f"out.{option}" for option in ("json", "trades", "equity")}
    outputs = [text for option, path in names.items() for text in (f"--{option}", str(path))]
    assert run(monkeypatch, str(folder / "account.toml"), *outputs) == 0
    document: dict[str, Any] = json.loads(names["json"].read_text())
    trades, equity = pq.read_table(names["trades"]), pq.read_table(names["equity"])
    measures, pairs = document["measures"], document["seats"]
    gained = document["equity"] - 10_000
    assert measures["trades"] == trades.num_rows > 15
    assert sum(trades["profit"].to_pylist()) == pytest.approx(gained)
    assert sum(pair["profit"] for pair in pairs) == pytest.approx(gained)
    assert measures["total_return"] == pytest.approx(gained / 10_000)
    assert [(pair["strategy"], pair["symbol"]) for pair in pairs] == [
        ("breakout", "BTCUSDT"),
        ("rsi_bollinger", "ETHUSDT"),
    ]
    assert all(pair["trades"] > 0 for pair in pairs)
    assert document["refused"]["too many positions"] > 0
    assert measures["fees"] == pytest.approx(
        sum(
            0.0005 * row["quantity"] * (row["entry_price"] + row["exit_price"])
            for row in trades.to_pylist()
        ),
        rel=1e-9,
    )
    assert measures["funding"] != 0.0
    values = equity["equity"].to_pylist()
    peak = fall = 0.0
    for value in (10_000, *values):
        peak = max(peak, value)
        fall = max(fall, 1 - value / peak)
    assert measures["max_drawdown"] == pytest.approx(fall)
    assert (equity.num_rows, values[-1]) == (14_400, document["equity"])
    printed = capsys.readouterr().out
    assert "too many positions" in printed
    assert "rsi_bollinger  ETHUSDT" in printed


def test_an_account_at_an_exchange_trades_on_its_grid(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    text = ACCOUNT.replace("slippage_bps = 1", 'profile = "exchange"\nleverage = 3')
    text = text.replace("step = 0.001", "step = 0.001\ntick = 0.1")
    text = text.replace('"ETHUSDT.parquet"', '"ETHUSDT.parquet"\nstep = 0.001\ntick = 0.01')
    (folder / "account.toml").write_text(text)
    out, made = folder / "out.json", folder / "trades.parquet"
    options = ("--json", str(out), "--trades", str(made))
    assert run(monkeypatch, str(folder / "account.toml"), *options) == 0
    document = json.loads(out.read_text())
    assert (document["profile"], document["leverage"]) == ("exchange", 3)
    rows = [row for row in pq.read_table(made).to_pylist() if row["symbol"] == "ETHUSDT"]
    assert len(rows) > 5
    for row in rows:
        assert row["entry_price"] == round(row["entry_price"], 2)
        assert row["quantity"] == pytest.approx(round(row["quantity"], 3), abs=1e-12)
    within = {row["exit_time"].second for row in rows}
    assert within > {0}


def test_the_ratios_of_an_account_equal_an_independent_library(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    stats = pytest.importorskip("quantstats.stats", exc_type=ImportError)
    out, curve = folder / "out.json", folder / "equity.parquet"
    options = ("--json", str(out), "--equity", str(curve))
    assert run(monkeypatch, str(folder / "account.toml"), *options) == 0
    measures = json.loads(out.read_text())["measures"]
    equity = pq.read_table(curve).to_pandas().set_index("open_time")["equity"]
    closes = equity.resample("1D").last()
    daily = closes.pct_change()
    daily.iloc[0] = closes.iloc[0] / 10_000 - 1
    assert measures["days"] == len(daily)
    assert measures["sharpe"] == pytest.approx(float(stats.sharpe(daily, periods=365)), rel=1e-9)
    assert measures["sortino"] == pytest.approx(float(stats.sortino(daily, periods=365)), rel=1e-9)
    details = stats.drawdown_details(stats.to_drawdown_series(daily))
    assert measures["drawdown_days"] == int(details["days"].max())


def test_the_example_in_config_is_accepted() -> None:
    file = ROOT / "config" / "account.example.toml"
    account = read_account_file(file)
    assert [pair.symbol for pair in account.pairs] == ["BTCUSDT", "ETHUSDT", "BTCUSDT"]
    assert account.account_limits.max_correlation == 0.9
    filters = filters_of(account, file)["BTCUSDT"]
    assert (filters.step, filters.tick, filters.min_notional) == (0.001, 0.1, 100.0)
    assert filters.brackets[0].rate == 0.004


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("balance = 10_000", "balance = 0", "balance = 0: input should be greater than 0"),
        ("balance = 10_000", "", "balance is missing; add it"),
        ("max_positions = 1", "most = 1", "limits.most: this name is not known"),
        ("max_positions = 1", "max_positions = 0", "limits.max_positions = 0: input should be"),
        (
            'symbol = "ETHUSDT"',
            'symbol = "XRPUSDT"',
            "[[seats]] 2: XRPUSDT is not among its symbols",
        ),
        ('strategy = "breakout"', "", "[[seats]] 1 names no strategy"),
        ("k = 0.2", "k = 9", "[[seats]] 1: k = 9 is out of bounds"),
        ("max_positions = 1", "max_correlation = 2", "limits.max_correlation = 2: input should be"),
        ("step = 0.001", 'brackets = "gone.json"', "gone.json cannot be read"),
        ('"breakout"', '"moon"', "strategy 'moon' is not known"),
        ('"funding.parquet"', '"BTCUSDT.parquet"', "give Parquet with funding_time"),
        ('"ETHUSDT.parquet"', '"gone.parquet"', "gone.parquet"),
        ("balance = 10_000", "balance =", "is not TOML"),
    ],
)
def test_a_mistake_in_the_file_gives_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    before: str,
    after: str,
    sentence: str,
) -> None:
    file = folder / "account.toml"
    assert before in ACCOUNT
    file.write_text(ACCOUNT.replace(before, after, 1))
    assert run(monkeypatch, str(file)) == 2
    message = capsys.readouterr().err.strip()
    assert sentence in message
    assert len(message.splitlines()) == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.toml cannot be read"):
        read_account_file(tmp_path / "nothing.toml")


def test_an_account_prints_no_ratio_of_too_few_trades(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"profit_factor": 71.5, "reward_to_risk": 72.5, "win_rate": 0.5, "profit": 1.0}
    pairs = [
        {"strategy": "breakout", "symbol": "BTCUSDT", "trades": 9, **figures},
        {"strategy": "breakout", "symbol": "ETHUSDT", "trades": 10, **figures},
    ]
    measures = {"trades": 9, "sharpe": 73.5, "total_return": 0.01}
    document = {"balance": 1.0, "equity": 1.0, "measures": measures, "seats": pairs, "refused": {}}
    account.print_result(document)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1:] for line in lines if line.startswith("sharpe")] == [["too", "few"]]
    (few,) = [line for line in lines if "BTCUSDT" in line]
    assert few.count("too few") == 2
    (carried,) = [line for line in lines if "ETHUSDT" in line]
    assert carried.split()[-2:] == ["71.50", "72.50"]
