"""docs/ict.md tells how often the ICT strategies trade, in the order of their character."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm" / "BTCUSDT.parquet"


def numbers_of(text: str) -> dict[str, tuple[float, ...]]:
    """Return the numbers of each strategy of the table."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {name.strip("`"): tuple(map(float, cells[:3])) for name, *cells in lines}


def test_the_conservative_strategy_trades_least_and_the_aggressive_one_most() -> None:
    page = (ROOT / "docs" / "ict.md").read_text(encoding="utf-8")
    found = numbers_of(page.split("<!-- counts: begin -->")[1].split("<!-- counts: end -->")[0])
    assert "18 symbols" in page
    few, between, many = (
        found[name] for name in ("ict_conservative", "ict_mixed", "ict_aggressive")
    )
    assert few[1] < between[1] < many[1]
    assert few[2] < between[2] < many[2]


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_the_script_counts_a_folder_of_candles(tmp_path: Path) -> None:
    pq.write_table(pq.read_table(SAMPLE).slice(0, 20_160), tmp_path / "BTCUSDT.parquet")
    script = ROOT / "scripts" / "ict_counts.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=400,
        check=True,
    )
    assert list(numbers_of(done.stdout)) == ["ict_conservative", "ict_mixed", "ict_aggressive"]
