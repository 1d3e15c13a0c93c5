"""docs/strategies.md names every strategy, and its counts are made by the committed script."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from trading.strategies.registry import strategy_names

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm" / "BTCUSDT.parquet"
PAGE = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")


def test_the_counts_are_those_of_every_strategy() -> None:
    table = PAGE.split("<!-- counts: begin -->")[1].split("<!-- counts: end -->")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    assert [row[1].strip(" `") for row in rows] == strategy_names()


@pytest.mark.slow
def test_the_script_counts_a_folder_of_candles(tmp_path: Path) -> None:
    pq.write_table(pq.read_table(SAMPLE).slice(0, 20_160), tmp_path / "BTCUSDT.parquet")
    script = ROOT / "scripts" / "strategy_counts.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "--strategy", "dynamic_breakout"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
    )
    row = done.stdout.strip().splitlines()[-1].split("|")
    assert row[1].strip() == "`dynamic_breakout`"
    entries, symbols, trades, bare_entries, bare_trades = (int(cell) for cell in row[2:7])
    assert 0 < bare_trades <= bare_entries
    assert trades <= entries < bare_entries
    assert symbols <= 1
