"""`nocturne backtest` with funding; with filters and impact, on the account simulation."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.backtesting.venue_backtest import whole_account
from cli.main import main
from trading.candles import DAY_MS, HOUR_MS, CandleColumns
from trading.strategies.registry import get_strategy

DAY = 20_000 * DAY_MS
#         open   high   low    close
ROWS = [
    (100.0, 105.0, 95.0, 100.0),
    (100.0, 104.0, 96.0, 100.0),
    (100.0, 104.0, 96.0, 100.0),
    (100.0, 104.0, 96.0, 100.0),
    (100.0, 106.5, 99.0, 106.0),  # target 100 + 10 x 0.5 = 105: crosses it
    (106.0, 108.0, 105.0, 107.0),  # entered at 106
    (107.0, 112.0, 106.0, 110.0),  # pays funding on 107; the target lies between 111 and 112
    (110.0, 110.0, 110.0, 110.0),
]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["nocturne", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    times = [DAY + 6 * HOUR_MS * i for i in range(8)]
    columns = {name: [row[i] for row in ROWS] for i, name in enumerate(("open", "high", "low"))}
    table = {
        "open_time": pa.array(times, pa.timestamp("ms", "UTC")),
        **columns,
        "close": [row[3] for row in ROWS],
        "volume": [10_000.0] * 8,
    }
    pq.write_table(pa.table(table), tmp_path / "BTCUSDT.parquet")
    return tmp_path / "BTCUSDT.parquet"


def backtest(
    monkeypatch: pytest.MonkeyPatch, candles: Path, *options: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the JSON document and the trades of positions with a target of 5 %."""
    out, trades = candles.parent / "out.json", candles.parent / "trades.parquet"
    settings = ("--set", "k=0.5", "--set", "filters=off", "--set", "take_profit=0.05")
    arguments = ("--strategy", "breakout", "--candles", str(candles), *settings)
    arguments += ("--slippage-bps", "0", *options)
    files = ("--json", str(out), "--trades", str(trades))
    assert run(monkeypatch, "backtest", *arguments, *files) == 0
    return json.loads(out.read_text()), pq.read_table(trades).to_pylist()


def write_rate(folder: Path) -> Path:
    """Write one rate of 0.1 %, paid at the open of 107."""
    paid_at = pa.array([DAY + 36 * HOUR_MS], pa.timestamp("ms", "UTC"))
    table = pa.table({"funding_time": paid_at, "funding_rate": [0.001]})
    pq.write_table(table, folder / "rates.parquet")
    return folder / "rates.parquet"


def test_funding_alone_needs_no_account_and_a_search_charges_the_same(
    monkeypatch: pytest.MonkeyPatch, candles: Path
) -> None:
    rates = str(write_rate(candles.parent))
    document, (trade,) = backtest(monkeypatch, candles, "--funding", rates)
    free, (bare,) = backtest(monkeypatch, candles)
    paid = 0.001 * 107 / (bare["entry_price"] * 1.0005)
    assert trade["funding"] == pytest.approx(paid, rel=1e-12)
    assert trade["net_return"] == pytest.approx(bare["net_return"] - paid, rel=1e-12)
    assert document["funding"] == rates
    assert document["dealings"]["funding"] == pytest.approx(paid, rel=1e-12)
    assert (free["funding"], free["dealings"]["funding"]) == (None, 0.0)
    out = candles.parent / "search.json"
    fixed = ("--set", "filters=off", "--set", "take_profit=0.05", "--grid", "k=0.5,0.6")
    given = ("--strategy", "breakout", "--candles", str(candles), "--funding", rates)
    given += ("--slippage-bps", "0")
    assert run(monkeypatch, "search", *given, *fixed, "--json", str(out)) == 0
    searched = json.loads(out.read_text())
    assert searched["funding"] == rates
    assert searched["results"][0]["total_return"] == document["results"][0]["total_return"]


def test_a_trade_with_everything_worked_by_hand(
    monkeypatch: pytest.MonkeyPatch, candles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = write_rate(candles.parent)
    costs = ("--fee-bps", "5", "--maker-fee-bps", "2", "--slippage-bps", "10", "--impact", "0.01")
    venue = ("--funding", str(rates), "--tick", "1", "--step", "0.1", "--min-notional", "5")
    document, (trade,) = backtest(monkeypatch, candles, *costs, *venue)
    # 10,000 of a turnover of 10,000 x 106 in the candle of the entry
    slippage = 0.001 + 0.01 * math.sqrt(10_000 / 1_060_000)
    entry = 106 * (1 + slippage)  # 106.209...
    quantity = 94.1  # 10,000 / entry = 94.15..., cut to the step
    target = 112.0  # 1.05 x entry = 111.52, on the nearest tick
    funding = quantity * 107 * 0.001
    fees = quantity * entry * 0.0005 + quantity * target * 0.0002
    profit = quantity * (target - entry) - fees - funding
    assert trade["entry_price"] == pytest.approx(entry, rel=1e-14)
    assert trade["quantity"] == pytest.approx(quantity, rel=1e-14)
    assert (trade["exit_price"], trade["reason"]) == (target, "take_profit")
    assert trade["exit_time"].isoformat() == "2024-10-05T12:00:00+00:00"
    assert trade["profit"] == pytest.approx(profit, rel=1e-12)
    (result,) = document["results"]
    assert result["total_return"] == pytest.approx(profit / 10_000, rel=1e-12)
    assert result["funding"] == pytest.approx(funding, rel=1e-12)
    assert result["fees"] == pytest.approx(fees, rel=1e-9)
    assert document["equity"] == pytest.approx(10_000 + profit, rel=1e-14)
    assert document["venue"] == {
        "funding": str(rates),
        "tick": 1.0,
        "step": 0.1,
        "min_notional": 5.0,
        "impact": 0.01,
    }
    assert "total_return" in capsys.readouterr().out


def test_an_order_below_the_least_notional_is_refused(
    monkeypatch: pytest.MonkeyPatch, candles: Path
) -> None:
    document, trades = backtest(monkeypatch, candles, "--min-notional", "20000")
    assert trades == []
    assert document["refused"]["too small"] == 1


def test_slippage_alone_uses_the_full_simulation(
    monkeypatch: pytest.MonkeyPatch, candles: Path
) -> None:
    plain, (without,) = backtest(monkeypatch, candles)
    document, (trade,) = backtest(monkeypatch, candles, "--slippage-bps", "10")
    assert trade["entry_price"] == 106.0 * 1.001
    assert without["entry_price"] == 106.0
    assert set(document) == set(plain)
    assert "venue" not in document


def test_the_account_trades_what_the_full_simulation_trades(
    monkeypatch: pytest.MonkeyPatch, candles: Path
) -> None:
    _, (alone,) = backtest(monkeypatch, candles)
    _, (pooled,) = backtest(monkeypatch, candles, "--min-notional", "1")
    same = ("entry_time", "exit_time", "side", "entry_price", "exit_price", "reason")
    assert {name: alone[name] for name in same} == {name: pooled[name] for name in same}
    # The position takes the whole equity; its fee comes on top.
    assert pooled["profit"] / (pooled["quantity"] * 106.0 * 1.0005) == pytest.approx(
        alone["net_return"], rel=1e-12
    )


def test_a_search_applies_slippage_like_a_backtest(
    monkeypatch: pytest.MonkeyPatch, candles: Path
) -> None:
    out = candles.parent / "found.json"
    settings = ("--set", "filters=off", "--set", "take_profit=0.05", "--slippage-bps", "10")
    arguments = ("--strategy", "breakout", "--candles", str(candles), "--grid", "k=0.5", *settings)
    assert run(monkeypatch, "search", *arguments, "--json", str(out)) == 0
    (found,) = json.loads(out.read_text())["results"]
    document, _ = backtest(monkeypatch, candles, "--slippage-bps", "10")
    assert found["total_return"] == document["results"][0]["total_return"]
    assert found["trades"] == 1


def test_the_market_maker_refuses_venue_options(
    monkeypatch: pytest.MonkeyPatch, candles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option, value in (("--tick", "1"), ("--slippage-bps", "1")):
        arguments = ("--strategy", "maker", "--candles", str(candles), option, value)
        assert run(monkeypatch, "backtest", *arguments) == 2
        assert capsys.readouterr().err == f"error: {option} is not for the maker; leave it out\n"


def test_a_strategy_that_divides_the_account_itself_keeps_its_share() -> None:
    minutes = np.arange(10) * 60_000
    candles = CandleColumns.of(minutes, *(np.ones(10),) * 4)
    assert whole_account(get_strategy("surge"), {}, candles) == {}
    assert whole_account(get_strategy("breakout"), {}, candles) == {"max_position_size": 1.0}
    given = {"max_position_size": 0.5}
    assert whole_account(get_strategy("breakout"), dict(given), candles) == given
