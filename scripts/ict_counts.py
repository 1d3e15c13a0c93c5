"""Entries a day and win rate of the ICT strategies, as the table of docs/ict.md.

python scripts/ict_counts.py [FOLDER] [--write]

FOLDER holds SYMBOL.parquet files; the default is the 18 perpetuals of ``../shared/data`` if it
exists, else the bundled sample. A signal is a decision to enter, whether or not a position is open;
an entry is a trade of a back-test of the defaults with the default costs. A day is one symbol's
day. ``--write`` puts the table into docs/ict.md.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cli.inputs.candle_files import read_candles  # noqa: E402
from trading.candles import DAY_MS, CandleColumns  # noqa: E402
from trading.defaults import FEE_BPS, SLIPPAGE_BPS  # noqa: E402
from trading.jit.compiler import enable  # noqa: E402
from trading.simulation import Costs, backtest  # noqa: E402
from trading.simulation.backtest import decide  # noqa: E402
from trading.strategies.layout import ACTION, ENTER  # noqa: E402
from trading.strategies.registry import get_strategy  # noqa: E402

SHARED = ROOT.parent / "shared" / "data" / "candles_1m" / "usdm"
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm"
DOCUMENT = ROOT / "docs" / "ict.md"
BEGIN, END = "<!-- counts: begin -->", "<!-- counts: end -->"
NAMES = ("ict_conservative", "ict_mixed", "ict_aggressive")
LETTER = "A by its three conditions alone: `min_confidence` = 0"
HEADER = ("strategy", "signals a day", "entries", "entries a day", "win rate")


@dataclass
class Counts:
    """What one strategy did on all series."""

    signals: int = 0
    entries: int = 0
    wins: int = 0


def count(name: str, series: list[CandleColumns], **params: float) -> Counts:
    """Return the counts of a strategy, with its defaults but for ``params``."""
    strategy, counts = get_strategy(name), Counts()
    for candles in series:
        decided = decide(strategy, candles, params)
        counts.signals += int(np.count_nonzero(decided[:, ACTION] == ENTER))
        trades = backtest(strategy, candles, params, Costs(FEE_BPS, SLIPPAGE_BPS)).trades
        counts.entries += len(trades)
        counts.wins += int(np.count_nonzero(trades.net_return > 0.0))
    return counts


def row(name: str, counts: Counts, days: float) -> str:
    """Return the row of one strategy; ``name`` is the first cell."""
    rate = f"{counts.wins / counts.entries:.0%}" if counts.entries else "–"
    numbers = (f"{counts.signals / days:.3f}", str(counts.entries), f"{counts.entries / days:.3f}")
    return "| " + " | ".join((name, *numbers, rate)) + " |"


def main() -> None:
    """Print the table, and write it into the document with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    folder = given.folder or (SHARED if SHARED.is_dir() else SAMPLE)
    files = sorted(folder.glob("*.parquet"))
    if not files:
        parser.error(f"there is no SYMBOL.parquet in {folder}")
    enable()
    series = [read_candles(path) for path in files]
    days = sum(len(candles) * candles.interval_ms for candles in series) / DAY_MS
    lines = [
        f"{len(files)} symbols of `{folder.name}`, {days:.0f} days of 1-minute candles in all:",
        "",
        "| " + " | ".join(HEADER) + " |",
        "| --- |" + " ---: |" * (len(HEADER) - 1),
        *(row(f"`{name}`", count(name, series), days) for name in NAMES),
        row(LETTER, count(NAMES[0], series, min_confidence=0.0), days),
    ]
    print("\n".join(lines))
    if given.write:
        text = DOCUMENT.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        body = "\n".join(["", "", *lines, "", ""])
        DOCUMENT.write_text(f"{head}{BEGIN}{body}{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
