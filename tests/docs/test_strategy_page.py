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


Row = tuple[int, ...]


def rows_of(text: str) -> dict[str, Row]:
    """Return the numbers of each strategy in a table of counts, without other cells."""
    lines = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| `")]
    return {
        name.strip(" `"): tuple(int(cell) for cell in cells if cell.strip().isdigit())
        for name, *cells in lines
    }


def counted() -> tuple[dict[str, Row], dict[str, Row]]:
    """Return the tables: all strategies, then those with few entries on other recordings."""
    tables = PAGE.split("<!-- counts: begin -->")[1].split("<!-- counts: end -->")[0]
    first, second = tables.split("Those with fewer than 20")
    return rows_of(first), rows_of(second)


def test_the_counts_are_those_of_every_strategy() -> None:
    assert list(counted()[0]) == strategy_names()


def test_every_entry_is_made_or_held_by_a_filter() -> None:
    for table in counted():
        for name, (entries, _, trades, bare_entries, bare_trades, *held) in table.items():
            assert entries + sum(held) == bare_entries, name
            assert trades <= entries, name
            assert bare_trades <= bare_entries, name


def test_every_strategy_enters_20_times_or_the_page_names_the_data_that_lacks_them() -> None:
    usual, others = counted()
    few = [name for name, (entries, *_) in usual.items() if entries < 20]
    assert list(others) == few
    named = PAGE.split("the data that lacks them |")[1].split("\n\n")[0]
    for name in few:
        (line,) = (line for line in named.splitlines() if line.startswith(f"| `{name}` |"))
        found = usual[name][0], others[name][0]
        assert line.split("|")[2].strip() == f"{found[0]} + {found[1]}"
        where = "the seven weeks of the perpetuals" if sum(found) >= 20 else "all recordings: "
        assert line.split("|")[4].strip().startswith(where)


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
    entries, symbols, trades, bare_entries, bare_trades, *held = (int(c) for c in row[2:-1])
    assert 0 < bare_trades <= bare_entries
    assert trades <= entries < bare_entries
    assert entries + sum(held) == bare_entries
    assert symbols <= 1
