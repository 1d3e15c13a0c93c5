"""`nocturne backtest`: one parameter set, its measures and its trades."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.main import main
from trading.candles import HOUR_MS

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm" / "BTCUSDT.parquet"
HOUR = HOUR_MS
DAY = 24 * HOUR


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["nocturne", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def two_days(path: Path) -> Path:
    """Write six-hour candles: yesterday a range of 10, today a breakout and a stop or day end."""
    #         open   high   low    close
    rows = [
        (100.0, 105.0, 95.0, 100.0),
        (100.0, 104.0, 96.0, 100.0),
        (100.0, 104.0, 96.0, 100.0),
        (100.0, 104.0, 96.0, 100.0),
        (100.0, 104.0, 99.0, 103.0),  # target 100 + 10 x 0.5 = 105: below
        (103.0, 107.0, 103.0, 106.0),  # crosses it
        (106.5, 107.0, 106.0, 106.0),  # entered at 106.5
        (106.0, 109.0, 106.0, 108.0),  # the day's last candle
    ]
    table = {
        "open_time": pa.array(20_000 * DAY + 6 * HOUR * np.arange(8), pa.timestamp("ms", "UTC")),
        **{
            name: [row[i] for row in rows]
            for i, name in enumerate(["open", "high", "low", "close"])
        },
        "volume": [1.0] * 8,
    }
    pq.write_table(pa.table(table), path)
    return path


def backtest(
    monkeypatch: pytest.MonkeyPatch, candles: Path, folder: Path, *settings: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the JSON document and the trades."""
    options = [text for setting in settings for text in ("--set", setting)]
    out, trades = folder / "out.json", folder / "trades.parquet"
    arguments = ("--strategy", "breakout", "--candles", str(candles), *options)
    arguments += ("--slippage-bps", "0")
    files = ("--json", str(out), "--trades", str(trades))
    assert run(monkeypatch, "backtest", *arguments, *files) == 0
    return json.loads(out.read_text()), pq.read_table(trades).to_pylist()


def test_a_trade_worked_by_hand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    candles = two_days(tmp_path / "candles.parquet")
    settings = ("k=0.5", "filters=off", "take_profit=0.05", "stop_loss=0.02")
    document, trades = backtest(monkeypatch, candles, tmp_path, *settings)
    (result,) = document["results"]
    net = 108.0 / 106.5 * (1 - 0.0005) / (1 + 0.0005) - 1
    assert result["params"] == {"k": 0.5, "filters": "off", "take_profit": 0.05, "stop_loss": 0.02}
    assert result["total_return"] == pytest.approx(net, abs=1e-12)
    assert (result["trades"], result["win_rate"], result["max_drawdown"]) == (1, 1.0, 0.0)
    assert result["sharpe"] == pytest.approx(math.sqrt(0.5) * math.sqrt(365))
    costs = document["dealings"]
    fee = (1.0 + 108.0 / 106.5) * 0.0005 / 1.0005
    assert costs["fees"] == pytest.approx(fee, rel=1e-9)
    assert (costs["slippage"], costs["funding"], costs["drawdown_days"]) == (0.0, 0.0, 0)
    assert {"seconds_load", "seconds_compile", "seconds_search"} <= set(document)
    (trade,) = trades
    assert trade["signal_time"].isoformat() == "2024-10-05T06:00:00+00:00"
    assert trade["entry_time"].isoformat() == "2024-10-05T12:00:00+00:00"
    assert trade["exit_time"].isoformat() == "2024-10-05T18:00:00+00:00"
    assert (trade["side"], trade["entry_price"], trade["exit_price"]) == (1, 106.5, 108.0)
    assert trade["net_return"] == pytest.approx(net, abs=1e-12)
    assert trade["reason"] == "day_end"
    printed = capsys.readouterr().out
    assert re.search(r"^total_return +1\.31%$", printed, re.MULTILINE)
    assert re.search(r"^fees +0\.10%$", printed, re.MULTILINE)
    assert re.search(r"^sharpe +too few$", printed, re.MULTILINE)
    assert re.search(r"^calmar +too few$", printed, re.MULTILINE)


def test_a_stop_fills_at_its_level(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    candles = two_days(tmp_path / "candles.parquet")
    settings = ("filters=off", "stop_loss=0.004")
    _, (trade,) = backtest(monkeypatch, candles, tmp_path, *settings)
    assert trade["reason"] == "stop_loss"
    assert trade["exit_price"] == 106.5 * (1 - 0.004)


def test_a_run_without_trades_writes_an_empty_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    candles = two_days(tmp_path / "candles.parquet")
    document, trades = backtest(monkeypatch, candles, tmp_path, "k=2", "filters=off")
    assert document["results"][0]["trades"] == 0
    assert trades == []
    assert pq.read_schema(tmp_path / "trades.parquet").field("entry_time").type == pa.timestamp(
        "ms", "UTC"
    )


@pytest.mark.parametrize(
    ("strategy", "settings"),
    [
        ("breakout", {"k": "0.5", "filters": "off"}),
        ("breakout", {"k": "0.4", "signal_tf": "15m"}),
        ("rsi_bollinger", {"stop_loss": "0.02", "signal_tf": "5m", "filters": "off"}),
    ],
)
def test_a_backtest_equals_a_search_of_one_combination(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, strategy: str, settings: dict[str, str]
) -> None:
    shared = ("--strategy", strategy, "--candles", str(SAMPLE))
    fixed = [t for name, value in settings.items() for t in ("--set", f"{name}={value}")]
    one, many = tmp_path / "one.json", tmp_path / "many.json"
    profit = ("--set", "take_profit=0.03")
    assert run(monkeypatch, "backtest", *shared, *fixed, *profit, "--json", str(one)) == 0
    grid = ("--grid", "take_profit=0.02,0.03")
    assert run(monkeypatch, "search", *shared, *fixed, *grid, "--json", str(many)) == 0
    (single,) = json.loads(one.read_text())["results"]
    combined = json.loads(many.read_text())["results"][1]
    assert single["trades"] > 0
    assert single.pop("params") == combined.pop("params")
    assert single == pytest.approx(combined, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"--strategy": "moon"}, "strategy 'moon' is not known; known are "),
        ({"--candles": "absent.parquet"}, "absent.parquet does not exist"),
        ({"--candles": "bare.parquet"}, "bare.parquet has no column 'volume'"),
        ({"--set": "k=7"}, "k = 7 is out of bounds; give a number between 0 and 2"),
        ({"--set": "q=7"}, "breakout has no parameter 'q'"),
        ({"--set": "take_profit=much"}, "take_profit = 'much' is not a number"),
        ({"--set": "signal_tf=90"}, "interval '90' is not known"),
        ({"--set": "signal_tf=1h"}, "signal_tf"),
        ({"--trades": "no/trades.parquet"}, "--trades no/trades.parquet: folder no does not exist"),
        ({"--trades": "."}, "--trades . is a folder"),
        ({"--fee-bps": "nan"}, "fee_bps = nan is out of bounds"),
    ],
)
def test_a_mistake_gives_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: dict[str, str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    good = two_days(Path("good.parquet"))
    pq.write_table(pq.read_table(good).drop_columns("volume"), "bare.parquet")
    usual = {"--strategy": "breakout", "--candles": "good.parquet"}
    options = [text for option in {**usual, **arguments}.items() for text in option]
    assert run(monkeypatch, "backtest", *options) == 2
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert message in lines[-1]
    assert lines[-1].startswith("error: ")
    assert not any(line.startswith("Traceback") for line in lines)


def test_the_same_setting_twice_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--strategy", "breakout", "--candles", "x", "--set", "k=0.4", "--set", "k=0.5")
    assert run(monkeypatch, "backtest", *arguments) == 2
    assert capsys.readouterr().err == "error: --set gives k twice; give it once\n"


def test_help_shows_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "backtest", "--help") == 0
    assert "Example: nocturne backtest --strategy breakout" in capsys.readouterr().out


def test_a_run_without_an_emergency_stop_says_what_live_trades_have(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    candles = two_days(tmp_path / "candles.parquet")
    table = pq.read_table(candles)
    lows = table["low"].to_pylist()
    lows[6] = 97.0  # 8.9 % below the entry at 106.5
    place = table.schema.get_field_index("low")
    pq.write_table(table.set_column(place, "low", pa.array(lows)), candles)
    settings = ("filters=off", "stop_loss=0.2")
    document, (trade,) = backtest(monkeypatch, candles, tmp_path, *settings)
    assert trade["reason"] == "day_end"
    assert (document["emergency_stop"], document["live_emergency_stop"]) == (0.0, 0.05)
    assert document["beyond_live_emergency_stop"] == 1
    said = capsys.readouterr().out
    assert "no emergency stop; live and paper trades have one of 5%" in said
    assert "which 1 of these trades would have met" in said


@pytest.mark.parametrize("command", ["backtest", "search"])
def test_a_stop_beside_filters_off_is_refused(
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    candles = str(two_days(tmp_path / "candles.parquet"))
    words = (command, "--strategy", "breakout", "--candles", candles, "--set", "filters=off")
    more = ("--set", "emergency_stop=0.03")
    if command == "search":
        more = ("--grid", "emergency_stop=0.03,0.05")
    assert run(monkeypatch, *words, *more) == 2
    assert "emergency_stop changes nothing with filters=off" in capsys.readouterr().err
