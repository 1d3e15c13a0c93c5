"""Entries of every strategy over a folder of 1-minute candles, as the table of docs/strategies.md.

python scripts/strategy_counts.py [FOLDER] [--write] [--strategy NAME ...]

FOLDER holds SYMBOL.parquet files; without it the 18 perpetuals of ``../shared/data`` are read where
they are, else the bundled sample. An entry is a signal to enter, whether or not a position is open;
a trade is what a back-test of the defaults made of them, without costs. What a strategy fits is
fitted on the first half of a series, and counted on the second. ``--write`` puts the table
into docs/strategies.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cli.candle_files import read_candles  # noqa: E402
from trading.candles import CandleColumns  # noqa: E402
from trading.compiled import enable  # noqa: E402
from trading.simulation import Costs, backtest  # noqa: E402
from trading.simulation.run import decide  # noqa: E402
from trading.strategies.base import ACTION, ENTER, Strategy, Value  # noqa: E402
from trading.strategies.registry import get_strategy, strategy_names  # noqa: E402

SHARED = ROOT.parent / "shared" / "data" / "candles_1m" / "usdm"
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm"
DOCUMENT = ROOT / "docs" / "strategies.md"
BEGIN, END = "<!-- counts: begin -->", "<!-- counts: end -->"

SETTINGS: tuple[Mapping[str, Value], ...] = ({}, {"filters": "off"})
HEADER = ("strategy", "entries", "symbols", "trades", "entries, no filters", "trades, no filters")


def halved(
    strategy: Strategy, candles: CandleColumns, params: dict[str, Value]
) -> tuple[CandleColumns, dict[str, Value]]:
    """The second half of the candles, and the parameters fitted on the first."""
    middle = len(candles) // 2
    fitted = strategy.learn(candles.rows(0, middle), strategy.resolve(params))
    return candles.rows(middle, len(candles)), {**params, **fitted}


def count(name: str, series: Sequence[CandleColumns], values: Mapping[str, Value]) -> list[int]:
    """Entries, symbols that had any, trades."""
    strategy = get_strategy(name)
    params = strategy.accepted(values)
    entries, symbols, trades = 0, 0, 0
    for candles in series:
        if strategy.learns:
            candles, params = halved(strategy, candles, params)
        found = int(np.count_nonzero(decide(strategy, candles, params)[:, ACTION] == ENTER))
        entries += found
        symbols += found > 0
        trades += len(backtest(strategy, candles, params, Costs(fee_bps=0)).trades)
    return [entries, symbols, trades]


def table(names: Sequence[str], series: Sequence[CandleColumns]) -> list[str]:
    """The rows of the Markdown table."""
    rows = ["| " + " | ".join(HEADER) + " |", "| --- |" + " ---: |" * (len(HEADER) - 1)]
    for name in names:
        with_filters, without = (count(name, series, values) for values in SETTINGS)
        cells = [f"`{name}`", *map(str, with_filters), str(without[0]), str(without[2])]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def main() -> None:
    """Print the table; put it into the document when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--strategy", action="append", choices=strategy_names())
    given = parser.parse_args()
    folder = given.folder or (SHARED if SHARED.is_dir() else SAMPLE)
    files = sorted(folder.glob("*.parquet"))
    if not files:
        parser.error(f"there is no SYMBOL.parquet in {folder}")
    enable()
    series = [read_candles(path) for path in files]
    first, last = (
        np.datetime64(edge, "ms").astype("datetime64[D]")
        for edge in (
            min(int(candles.open_time[0]) for candles in series),
            max(int(candles.open_time[-1]) for candles in series),
        )
    )
    title = f"{len(files)} symbols of `{folder.name}`, {first} to {last}, 1-minute candles."
    lines = [title, "", *table(given.strategy or strategy_names(), series)]
    print("\n".join(lines))
    if given.write:
        text = DOCUMENT.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        tail = rest.split(END)[1]
        body = "\n".join(["", "", *lines, "", ""])
        DOCUMENT.write_text(f"{head}{BEGIN}{body}{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
