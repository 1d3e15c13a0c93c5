"""`nocturne search` against the definition of `breakout`, written in plain Python below."""

from __future__ import annotations

import json
import math
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.inputs.candle_files import read_candles
from cli.main import main
from trading.candles import DAY_MS, HOUR_MS, interval_name

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm" / "BTCUSDT.parquet"

Row = tuple[int, float, float, float, float]


def breakout_measures(
    rows: list[Row],
    k: float,
    take_profit: float,
    stop_loss: float,
    fee: float,
) -> dict[str, float]:
    """Return the measures over ``rows`` of (open_time ms, open, high, low, close)."""
    trades = breakout_trades(rows, k, take_profit, stop_loss)
    equity, peak, drawdown, wins = 1.0, 1.0, 0.0, 0
    first_day, last_day = rows[0][0] // DAY_MS, rows[-1][0] // DAY_MS
    at_day_end: dict[int, float] = {}
    for _, exit_row, entry, closed in trades:
        before = equity
        equity = equity * (closed / entry) * (1 - fee) / (1 + fee)
        wins += equity / before - 1 > 0
        peak = max(peak, equity)
        drawdown = max(drawdown, 1 - equity / peak)
        at_day_end[rows[exit_row][0] // DAY_MS] = equity
    returns, last = [], 1.0
    for day in range(first_day, last_day + 1):
        now = at_day_end.get(day, last)
        returns.append(now / last - 1)
        last = now
    mean = math.fsum(returns) / len(returns)
    variance = math.fsum((r - mean) ** 2 for r in returns) / max(len(returns) - 1, 1)
    return {
        "total_return": equity - 1,
        "trades": len(trades),
        "win_rate": wins / len(trades) if trades else 0.0,
        "max_drawdown": drawdown,
        "sharpe": mean / math.sqrt(variance) * math.sqrt(365) if variance > 0 else 0.0,
    }


def breakout_trades(
    rows: list[Row],
    k: float,
    take_profit: float,
    stop_loss: float,
) -> list[tuple[int, int, float, float]]:
    """Return round trips as (entry row, exit row, entry price, exit price)."""
    targets = _targets(rows, k)
    length = min(later[0] - row[0] for row, later in pairwise(rows))
    trades = []
    row = 1
    while row < len(rows) - 1:
        target = targets.get(rows[row][0] // DAY_MS)
        crossed = target is not None and rows[row][4] > target and not rows[row - 1][4] > target
        if not crossed or _last_of_day(rows, row):
            row += 1
            continue
        entry_row = row + 1
        entry = rows[entry_row][1]
        exit_row, closed = _exit(rows, entry_row, entry, take_profit, stop_loss, length)
        trades.append((entry_row, exit_row, entry, closed))
        row = exit_row + 1
    return trades


def _targets(rows: list[Row], k: float) -> dict[int, float]:
    begun = rows[0][0] // DAY_MS
    first_open: dict[int, float] = {}
    high: dict[int, float] = {}
    low: dict[int, float] = {}
    for time, first, top, bottom, _ in rows:
        day = time // DAY_MS
        first_open.setdefault(day, first)
        high[day] = max(high.get(day, top), top)
        low[day] = min(low.get(day, bottom), bottom)
    return {
        day: first_open[day] + (high[day - 1] - low[day - 1]) * k
        for day in first_open
        if day - 1 in high and (day - 1 != begun or rows[0][0] % DAY_MS == 0)
    }


def _last_of_day(rows: list[Row], row: int) -> bool:
    return row + 1 == len(rows) or rows[row + 1][0] // DAY_MS != rows[row][0] // DAY_MS


def _exit(
    rows: list[Row],
    entry_row: int,
    entry: float,
    take_profit: float,
    stop_loss: float,
    length: int,
) -> tuple[int, float]:
    day = rows[entry_row][0] // DAY_MS
    for row in range(entry_row, len(rows)):
        time, first, high, low, close = rows[row]
        is_late = time // DAY_MS != day
        if is_late:  # its day ended in missing candles: the first price after them counts
            high = low = close = first
        if low <= entry * (1 - stop_loss):
            return row, entry * (1 - stop_loss)
        if high >= entry * (1 + take_profit):
            return row, entry * (1 + take_profit)
        if is_late or row + 1 == len(rows) or (time + length) % DAY_MS == 0:
            return row, close
    raise AssertionError("the last row closes what is open")


def rows_of(path: Path) -> list[Row]:
    table = pq.read_table(path)
    times = table.column("open_time").cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
    columns = (table.column(name).to_pylist() for name in ("open", "high", "low", "close"))
    return list(zip(times.to_pylist(), *columns, strict=True))


def searched(
    monkeypatch: pytest.MonkeyPatch, candles: Path, out: Path, *grid: str
) -> list[dict[str, Any]]:
    """Return results of the real command without filters at 5 basis points."""
    options = [text for axis in grid for text in ("--grid", axis)]
    arguments = ["search", "--strategy", "breakout", "--candles", str(candles), *options]
    arguments += ["--set", "filters=off", "--set", "trigger=cross"]
    # The reference decides on every candle of the file and fills without slippage.
    interval = interval_name(read_candles(candles).interval_ms)
    arguments += ["--set", f"signal_tf={interval}", "--slippage-bps", "0"]
    arguments += ["--fee-bps", "5", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", ["nocturne", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code in (0, None)
    results: list[dict[str, Any]] = json.loads(out.read_text())["results"]
    return results


def assert_as_defined(results: list[dict[str, Any]], rows: list[Row]) -> None:
    for result in results:
        params = result["params"]
        expected = breakout_measures(
            rows, params["k"], params["take_profit"], params["stop_loss"], fee=0.0005
        )
        found = {name: result[name] for name in expected}
        assert found == pytest.approx(expected, abs=1e-9, rel=1e-9), params


def test_results_on_the_bundled_candles_match_the_definition(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    grid = ("k=0.3:0.7:0.2", "take_profit=0.01,0.04", "stop_loss=0.01,0.03")
    results = searched(monkeypatch, SAMPLE, tmp_path / "out.json", *grid)
    assert len(results) == 12
    assert sum(result["trades"] for result in results) > 100
    assert_as_defined(results, rows_of(SAMPLE))


@pytest.mark.parametrize("seed", range(6))
def test_results_on_candles_with_gaps_match_the_definition(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: int
) -> None:
    # Hours are missing everywhere, at the ends of days too, and one whole day.
    generator = np.random.default_rng(seed)
    hours = np.flatnonzero(generator.random(40 * 24) > 0.15)
    hours = hours[hours // 24 != 17]
    close = 100 * np.exp(np.cumsum(generator.normal(0, 0.012, len(hours))))
    first = close * np.exp(generator.normal(0, 0.004, len(hours)))
    columns = {
        "open_time": pa.array((20_000 * 24 + hours) * HOUR_MS, pa.timestamp("ms")),
        "open": first,
        "high": np.maximum(first, close) * 1.003,
        "low": np.minimum(first, close) * 0.997,
        "close": close,
        "volume": np.ones(len(hours)),
    }
    candles = tmp_path / "gaps.parquet"
    pq.write_table(pa.table(columns), candles)
    grid = ("k=0.2:0.8:0.3", "take_profit=0.02,0.05", "stop_loss=0.01,0.03")
    results = searched(monkeypatch, candles, tmp_path / "out.json", *grid)
    assert sum(result["trades"] for result in results) > 100
    assert_as_defined(results, rows_of(candles))
