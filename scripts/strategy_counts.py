"""Entries of every strategy over a folder of 1-minute candles, as the table of docs/strategies.md.

python scripts/strategy_counts.py [FOLDER] [--write] [--strategy NAME ...]

FOLDER holds SYMBOL.parquet files; the default is the 18 perpetuals of ``../shared/data`` if it
exists, else the bundled sample. An entry is a signal to enter, whether or not a position is open;
trades are those of a back-test of the defaults, without costs. Filters apply in order and the first
that objects holds the entry, so the entries plus those held by each filter equal the entries
without filters. A strategy that enters once a day is held on a day without an entry, by what held
the day's first signal. A strategy that learns is fitted on the first half of a series and counted
on the second. Strategies with fewer than 20 entries are also counted on the other recordings of
``../shared/data``. ``--write`` puts the tables into docs/strategies.md.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cli.inputs.candle_files import read_candles  # noqa: E402
from trading.candles import DAY_MS, CandleColumns, Floats  # noqa: E402
from trading.jit.compiler import enable  # noqa: E402
from trading.simulation import Costs, backtest  # noqa: E402
from trading.simulation.backtest import decide  # noqa: E402
from trading.strategies.base import Strategy  # noqa: E402
from trading.strategies.filters import (  # noqa: E402
    BELOW_TREND,
    FALLING_ADX,
    LOW_ADX,
    LOW_VOLATILITY,
    WARMING_UP,
)
from trading.strategies.layout import ACTION, ENTER, REASON  # noqa: E402
from trading.strategies.parameters import Value  # noqa: E402
from trading.strategies.registry import get_strategy, strategy_names  # noqa: E402
from trading.strategies.technical import breakout  # noqa: E402

SHARED = ROOT.parent / "shared" / "data" / "candles_1m" / "usdm"
OTHERS = (SHARED.parent / "spot", SHARED.parent / "upbit")
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm"
DOCUMENT = ROOT / "docs" / "strategies.md"
BEGIN, END = "<!-- counts: begin -->", "<!-- counts: end -->"

SETTINGS: tuple[Mapping[str, Value], ...] = ({}, {"filters": "off"})
HEADER = ("strategy", "entries", "symbols", "trades", "entries, no filters", "trades, no filters")
WANTED = 20
"""Entries that each strategy should have."""
HELD = {
    WARMING_UP: "held: warming up",
    LOW_VOLATILITY: "ATR low",
    BELOW_TREND: "below EMA50",
    LOW_ADX: "ADX low",
    FALLING_ADX: "ADX falling",
}
"""The filters' reasons in the order in which they apply, and their columns."""
OWN_MEAN = {"breakout": breakout.BELOW_MEAN}
"""Reasons of strategies that apply their own EMA50 together with the filters."""
ONCE_A_DAY = ("breakout",)
"""Strategies that enter at most once a UTC day, so that held signals repeat within a day."""


def halved(
    strategy: Strategy, candles: CandleColumns, params: dict[str, Value]
) -> tuple[CandleColumns, dict[str, Value]]:
    """Return the second half of the candles, and the parameters fitted on the first."""
    middle = len(candles) // 2
    fitted = strategy.learn(candles.rows(0, middle), strategy.resolve(params))
    return candles.rows(middle, len(candles)), {**params, **fitted}


@dataclass
class Counts:
    """Counts of one strategy and one set of parameters; ``held`` counts the entries per filter."""

    entries: int = 0
    symbols: int = 0
    trades: int = 0
    held: Counter[int] = field(default_factory=Counter)


def held_of(name: str, candles: CandleColumns, decisions: Floats) -> Counter[int]:
    """Count the reasons of one series, of a strategy that enters once a day by the day."""
    codes = decisions[:, REASON].astype(int)
    if name in OWN_MEAN:
        codes[codes == OWN_MEAN[name]] = BELOW_TREND
    if name not in ONCE_A_DAY:
        return Counter(codes.tolist())
    days = candles.open_time // DAY_MS
    entered = days[decisions[:, ACTION] == ENTER]
    rows = np.flatnonzero(np.isin(codes, list(HELD)) & ~np.isin(days, entered))
    firsts = rows[np.unique(days[rows], return_index=True)[1]]
    return Counter(codes[firsts].tolist())


def count(name: str, series: Sequence[CandleColumns], values: Mapping[str, Value]) -> Counts:
    """Count entries and trades over all the series."""
    strategy = get_strategy(name)
    params = strategy.accepted(values)
    counts = Counts()
    for candles in series:
        if strategy.learns:
            candles, params = halved(strategy, candles, params)
        decisions = decide(strategy, candles, params)
        found = int(np.count_nonzero(decisions[:, ACTION] == ENTER))
        counts.entries += found
        counts.symbols += found > 0
        counts.held.update(held_of(name, candles, decisions))
        counts.trades += len(backtest(strategy, candles, params, Costs(fee_bps=0)).trades)
    return counts


def table(found: Mapping[str, tuple[Counts, Counts]]) -> list[str]:
    """Return the Markdown table of the counts with and without filters."""
    header = (*HEADER, *HELD.values())
    rows = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    for name, (counts, bare) in found.items():
        strategy = get_strategy(name)
        filtered = strategy.filters_on(strategy.resolve({}))
        numbers = (counts.entries, counts.symbols, counts.trades, bare.entries, bare.trades)
        held = [str(counts.held[reason]) if filtered else "–" for reason in HELD]
        rows.append("| " + " | ".join([f"`{name}`", *map(str, numbers), *held]) + " |")
    return rows


def counted(
    names: Sequence[str], series: Sequence[CandleColumns]
) -> dict[str, tuple[Counts, Counts]]:
    """Return the counts of each strategy with its defaults, and without filters."""
    with_filters, without = SETTINGS
    return {n: (count(n, series, with_filters), count(n, series, without)) for n in names}


def span_of(series: Sequence[CandleColumns]) -> str:
    """Return the first and the last day of all series."""
    edges = (
        min(int(candles.open_time[0]) for candles in series),
        max(int(candles.open_time[-1]) for candles in series),
    )
    first, last = (np.datetime64(edge, "ms").astype("datetime64[D]") for edge in edges)
    return f"{first} to {last}"


def main() -> None:
    """Print the table, and write it into the document with ``--write``."""
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
    found = counted(given.strategy or strategy_names(), series)
    title = f"{len(files)} symbols of `{folder.name}`, {span_of(series)}, 1-minute candles."
    lines = [title, "", *table(found)]
    few = [name for name, (counts, _) in found.items() if counts.entries < WANTED]
    if folder == SHARED and few:
        more = [read_candles(path) for other in OTHERS for path in sorted(other.glob("*.parquet"))]
        where = " and ".join(f"`{other.name}`" for other in OTHERS)
        there = f"{len(more)} symbols of {where}, {span_of(more)}"
        lines += ["", f"Those with fewer than {WANTED}, on {there}:", ""]
        lines += table(counted(few, more))
    print("\n".join(lines))
    if given.write:
        text = DOCUMENT.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        tail = rest.split(END)[1]
        body = "\n".join(["", "", *lines, "", ""])
        DOCUMENT.write_text(f"{head}{BEGIN}{body}{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
