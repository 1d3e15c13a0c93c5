"""Time and memory of 150 symbols x 1 year of 1m candles x 440 combinations, one symbol at a time.

Run from the root of the repository: ``python benchmarks/many_symbols.py`` (``--symbols 10`` for a
short run). The bundled real candles are laid end to end until they are a year long, each symbol
from another day on and at another price, in a Parquet file that is written in row groups: no more
than one symbol is ever in memory. What counts is that time grows with symbols and memory does not.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _year import FEE_BPS, LETTER, YEAR, the_grid

from cli.candle_files import read_candles
from trading import compiled
from trading.candles import DAY_MS
from trading.simulation import Costs, search
from trading.strategies.registry import get_strategy

SAMPLES = Path(__file__).parents[1] / "data_lake/sample/candles_1m/usdm"
COLUMNS = ("open", "high", "low", "close", "volume")
DAY_ROWS = DAY_MS // 60_000
MEMORY_LIMIT_GB = 2.0
ROW_GROUP = 100_000


def tile(folder: Path, number: int) -> Path:
    """The year of symbol ``number`` as a Parquet file: real minutes, another start and price."""
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
            columns = [pa.array(start + 60_000 * rows).cast(pa.timestamp("ms", "UTC"))]
            columns += [
                pa.array(values[name][picked] * (1.0 if name == "volume" else scale))
                for name in COLUMNS
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return path


def peak_gb() -> float:
    """The most memory that this process has held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> None:
    """Print seconds by symbol for the first and the last quarter, and the peak of memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=150, help="number of symbols, at least 4")
    count = max(4, parser.parse_args().symbols)
    compiled.enable()
    strategy, costs, grid = get_strategy("breakout"), Costs(FEE_BPS), the_grid()
    loads, searches, peaks = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            path = tile(Path(folder), number)
            started = time.perf_counter()
            candles = read_candles(path)
            loads.append(time.perf_counter() - started)
            started = time.perf_counter()
            found = search(strategy, candles, grid, LETTER, costs)
            searches.append(time.perf_counter() - started - found.seconds_compile)
            peaks.append(peak_gb())
            path.unlink()
    quarter = count // 4
    early, late = (float(np.median(part)) for part in (searches[:quarter], searches[-quarter:]))
    print(
        f"{count} symbols x {len(grid)} combinations x {YEAR:,} candles:"
        f" {sum(loads):.2f} s of loading, {sum(searches):.2f} s of searching"
        f" ({sum(searches) / count / len(grid) * 1e3:.4f} ms a combination)"
    )
    print(
        f"a symbol takes {early:.4f} s at the beginning and {late:.4f} s at the end:"
        f" x {late / early:.2f}"
    )
    reached = "reached" if peaks[-1] <= MEMORY_LIMIT_GB else "missed"
    print(
        f"peak memory {peaks[quarter - 1]:.2f} GB after {quarter} symbols, {peaks[-1]:.2f} GB after"
        f" {count} (limit {MEMORY_LIMIT_GB:g} GB: {reached})"
    )


if __name__ == "__main__":
    main()
