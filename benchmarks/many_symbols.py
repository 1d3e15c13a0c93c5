"""Time and memory of 150 symbols x 1 year of 1m candles x 440 combinations, one symbol at a time.

Run from the root of the repository: ``python benchmarks/many_symbols.py`` (``--symbols 10`` for a
short run). The bundled real candles are repeated until they are a year long, each symbol from
another day and at another price, in a Parquet file that is written in row groups: at most one
symbol is in memory. Time may grow no faster than the number of symbols, and memory not at all: the
whole run is compared with its first third.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _targets import Targets
from _year import FEE_BPS, NO_FILTERS, YEAR, the_grid

from cli.inputs.candle_files import read_candles
from trading.candles import DAY_MS, MINUTE_MS, CandleColumns
from trading.jit import compiler
from trading.simulation import Costs, SearchResult, search
from trading.strategies.registry import get_strategy

SAMPLES = Path(__file__).parents[1] / "data_lake/sample/candles_1m/usdm"
COLUMNS = ("open", "high", "low", "close", "volume")
DAY_ROWS = DAY_MS // MINUTE_MS
MEMORY_LIMIT_GB = 2.0
LINEAR = 1.15
"""Largest time per symbol of the whole run, relative to its first third."""
ROW_GROUP = 100_000


def tile(folder: Path, number: int) -> Path:
    """Write the year of symbol ``number`` to Parquet: real minutes, another start and price."""
    names = sorted(SAMPLES.glob("*.parquet"))
    source = pq.read_table(names[number % len(names)], columns=["open_time", *COLUMNS])
    start = int(source["open_time"].cast("int64")[0].as_py()) // DAY_MS * DAY_MS
    shift = number // len(names) * DAY_ROWS % source.num_rows
    scale = 1.0 + 0.001 * number
    path = folder / f"SYM{number:03}.parquet"
    schema = pa.schema(
        [("open_time", pa.timestamp("ms", "UTC")), *((name, pa.float64()) for name in COLUMNS)]
    )
    values = {name: source[name].to_numpy() for name in COLUMNS}
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for first in range(0, YEAR, ROW_GROUP):
            rows = np.arange(first, min(first + ROW_GROUP, YEAR))
            picked = (rows + shift) % source.num_rows
            columns = [pa.array(start + MINUTE_MS * rows).cast(pa.timestamp("ms", "UTC"))]
            columns += [
                pa.array(values[name][picked] * (1.0 if name == "volume" else scale))
                for name in COLUMNS
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return path


def peak_gb() -> float:
    """Return the peak memory of this process (GB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


class Taken(NamedTuple):
    """Seconds for one symbol: wall-clock to load and to search it, and processor time."""

    load: float
    search: float
    processor: float


def search_symbol(path: Path, work: Callable[[CandleColumns], SearchResult]) -> Taken:
    """Load one symbol and search it; compiling does not count."""
    started, begun = time.perf_counter(), time.process_time()
    candles = read_candles(path)
    loaded = time.perf_counter()
    found = work(candles)
    seconds = time.perf_counter() - loaded - found.seconds_compile
    used = time.process_time() - begun - found.seconds_compile
    return Taken(loaded - started, seconds, used)


def evaluate(taken: list[Taken], peaks: list[float]) -> None:
    """Print how time and memory grew from the first third of the symbols to all of them."""
    targets, count, third = Targets(), len(taken), len(taken) // 3
    clock = [one.load + one.search for one in taken]
    processor = [one.processor for one in taken]
    for what, values in (("clock", clock), ("processor", processor)):
        growth = sum(values) / sum(values[:third])
        print(
            f"{third} symbols {sum(values[:third]):.2f} s, {count} symbols {sum(values):.2f} s"
            f" by the {what}: {growth:.2f} x for {count / third:.2f} x the symbols"
        )
        targets.at_most(f"time / symbols, by the {what}", growth * third / count, LINEAR, "x")
    print(f"peak memory after {third} symbols {peaks[third - 1]:.2f} GB")
    targets.at_most(f"peak memory after {count} symbols", peaks[-1], MEMORY_LIMIT_GB, "GB")
    targets.finish()


def main() -> None:
    """Print seconds and their growth, and the peak of memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=150, help="number of symbols, at least 6")
    count = max(6, parser.parse_args().symbols)
    compiler.enable()
    strategy, costs, grid = get_strategy("breakout"), Costs(FEE_BPS), the_grid()
    taken, peaks = [], []
    with tempfile.TemporaryDirectory() as folder:
        # The first symbol also loads what is loaded once (Parquet's reader, compiled code).
        for number in (0, *range(count)):
            path = tile(Path(folder), number)
            taken.append(
                search_symbol(path, lambda c: search(strategy, c, grid, NO_FILTERS, costs))
            )
            peaks.append(peak_gb())
            path.unlink()
    taken, peaks = taken[1:], peaks[1:]
    searches = sum(one.search for one in taken)
    print(
        f"{count} symbols x {len(grid)} combinations x {YEAR:,} candles:"
        f" {sum(one.load for one in taken):.2f} s of loading, {searches:.2f} s of searching"
        f" ({searches / count / len(grid) * 1e3:.4f} ms a combination)"
    )
    evaluate(taken, peaks)


if __name__ == "__main__":
    main()
