"""How a night grows with its symbols and years, on two cores and real candles.

Run from the root of the repository: ``python benchmarks/night.py`` (about half an hour on two idle
cores), with ``--part second`` for one part, ``--small`` for 1, 2, 4 and 8 symbol-years, and
``--symbol-years 150`` for one night of that size beside the prediction (half an hour more).

The bundled candles are chained into years under other names: each pass continues at the price
where the last one ended, so that no seam is a jump. A night is everything from the import to the
report, by the settings of the demo, with one model for all symbols as beyond 20. The cost is
processor time, which a busy machine changes little; imports of libraries are its fixed part.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _targets import Targets

from trading.candles import DAY_MS, MINUTE_MS

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data_lake" / "sample"
SOURCES = ("BTCUSDT", "ETHUSDT")
COLUMNS = ("open", "high", "low", "close", "volume")
AS_OF = datetime(2025, 6, 19, tzinfo=UTC)
YEAR_DAYS = 365
SIZES = ((5, 1), (10, 1), (10, 2), (20, 2))
"""Symbols and years: 5, 10, 20 and 40 symbol-years."""
SMALL_SIZES = ((1, 1), (2, 1), (2, 2), (4, 2))
_NO_BYTE_CODE = "PYTHONDONTWRITEBYTECODE"
STEP = re.compile(r"\[ *([\d.]+) s\] (\w[\w-]*) done in ([\d.]+) s")


@dataclass(frozen=True)
class Night:
    """What one night took: seconds of processor and wall, peak memory of a process (GB).

    ``start`` are the seconds of the processor until the first step began: Python and the engine.
    """

    processor: float
    start: float
    wall: float
    peak: float
    lines: tuple[str, ...]

    @property
    def work(self) -> float:
        """Seconds of the processor once the flow engine is up."""
        return self.processor - self.start

    @property
    def release(self) -> str:
        """Id of the release that it published."""
        found = re.search(r"release (\S+) ", self.lines[-1])
        return found[1] if found else ""

    @property
    def steps(self) -> dict[str, float]:
        """Wall seconds of each step."""
        found = [STEP.match(line) for line in self.lines]
        return {one[2]: float(one[3]) for one in found if one}


def write_symbol(folder: Path, number: int, days: int) -> str:
    """Write one symbol's candles up to `AS_OF`; each starts at another day of the sample."""
    source = pq.read_table(SAMPLE / "candles_1m" / "usdm" / f"{SOURCES[number % 2]}.parquet")
    values = {name: source[name].to_numpy() for name in COLUMNS}
    rows = np.arange(days * DAY_MS // MINUTE_MS)
    places = rows + number // 2 * (DAY_MS // MINUTE_MS)
    picked, passes = places % source.num_rows, places // source.num_rows
    end = round(AS_OF.timestamp() * 1000)
    times = end - MINUTE_MS * (len(rows) - rows)
    columns = {"open_time": pa.array(times).cast(pa.timestamp("ms", "UTC"))}
    columns |= _chained(values, picked, passes)
    path = folder / "candles_1m" / "usdm" / f"SYM{number:03}USDT.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd")
    return path.stem


def _chained(
    values: dict[str, np.ndarray], picked: np.ndarray, passes: np.ndarray
) -> dict[str, pa.Array]:
    """Return prices of the picked rows: forward passes as they are, odd ones turned over.

    An odd pass is the sample with its prices mirrored (1 / price), which begins where the pass
    before ended and ends where the next one begins: highs become lows, moves keep their size.
    """
    first, last = values["open"][0], values["close"][-1]
    mirror = passes % 2 == 1
    taken = {name: values[name][picked] for name in COLUMNS}
    turned = {name: first * last / taken[name] for name in ("open", "high", "low", "close")}
    result = {
        "open": np.where(mirror, turned["open"], taken["open"]),
        "high": np.where(mirror, turned["low"], taken["high"]),
        "low": np.where(mirror, turned["high"], taken["low"]),
        "close": np.where(mirror, turned["close"], taken["close"]),
        "volume": taken["volume"],
    }
    return {name: pa.array(column) for name, column in result.items()}


def start(
    folder: Path, symbols: list[str], lake: str, as_of: datetime = AS_OF
) -> subprocess.Popen[str]:
    """Start a night over a sample in a process of its own."""
    program = "from cli.main import main; main()"
    options = {
        "--as-of": as_of.isoformat(),
        "--lake": str(folder / lake),
        "--sample": str(folder / "sample"),
        "--symbols": ",".join(symbols),
        "--settings": str(folder / "night.toml"),
        "--server": "none",
    }
    arguments = [part for pair in options.items() for part in pair]
    own = {"PYTHONUNBUFFERED": "1", "NOCTURNE_RESEARCH_WORK": str(folder / "work")}
    # Some machines forbid byte code, and a process then compiles all that it imports.
    environment = {name: value for name, value in os.environ.items() if name != _NO_BYTE_CODE}
    return subprocess.Popen(
        [sys.executable, "-c", program, "flow", "nightly", *arguments],
        cwd=ROOT,
        env={**environment, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(folder: Path, symbols: list[str], lake: str = "lake", as_of: datetime = AS_OF) -> Night:
    """Run one night to its end."""
    began = time.perf_counter()
    process = start(folder, symbols, lake, as_of)
    assert process.stdout is not None
    lines: list[str] = []
    before = 0.0
    for line in process.stdout:
        before = before or (processor_of(process.pid) if line.startswith("[") else 0.0)
        lines.append(line.rstrip())
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError("the night failed:\n" + "\n".join(lines[-15:]))
    wall = time.perf_counter() - began
    shown = tuple(line for line in lines if line.startswith("["))
    peak = used.ru_maxrss * 1024 / 1e9
    return Night(used.ru_utime + used.ru_stime, before, wall, peak, shown)


def processor_of(pid: int) -> float:
    """Return the seconds of the processor that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def prepare(folder: Path, symbols: int, days: int, *, pool_above: int = 0) -> list[str]:
    """Write the sample and the settings of a night; return its symbols."""
    names = [write_symbol(folder / "sample", number, days) for number in range(symbols)]
    shutil.copy(SAMPLE / "instruments.json", folder / "sample")
    text = (ROOT / "config" / "presets" / "demo.toml").read_text(encoding="utf-8")
    (folder / "night.toml").write_text(f"{text}\n[training]\npool_above = {pool_above}\n")
    return names


def show(what: str, night: Night) -> None:
    """Print one night with its steps."""
    steps = ", ".join(f"{name} {seconds:.0f}" for name, seconds in night.steps.items())
    print(
        f"{what:<28} {night.processor:8.1f} s processor, {night.wall:8.1f} s wall, "
        f"{night.peak:5.2f} GB ({steps})",
        flush=True,
    )


def growth(targets: Targets, sizes: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Run a night of each size; return its fixed part and the cost of a symbol-year, in seconds."""
    years, costs, peaks = [], [], []
    for symbols, count in sizes:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            night = run(folder, prepare(folder, symbols, count * YEAR_DAYS))
        show(f"{symbols} symbols x {count} years", night)
        years.append(float(symbols * count))
        costs.append(night.processor)
        peaks.append(night.peak)
    x, y = np.array(years), np.array(costs)
    slope, fixed = np.polyfit(x, y, 1)
    left = y - (fixed + slope * x)
    share = 1.0 - float(left @ left) / float(((y - y.mean()) ** 2).sum())
    units = (y - fixed) / x
    print(f"cost of a night: {fixed:.1f} s + {slope:.2f} s a symbol-year, of the processor")
    targets.at_least("fit of a line, R² in %", 100.0 * share, 99.0, "%")
    spread = float(max(abs(units / slope - 1.0)))
    targets.at_most("unit cost, from the line", 100.0 * spread, 10.0, "%")
    memory = float(max(peaks) / min(peaks) - 1.0)
    targets.at_most("memory, largest over smallest", 100.0 * memory, 10.0, "%")
    return float(fixed), float(slope)


def second_run(targets: Targets) -> None:
    """Repeat a night of eight symbols on the same day."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        names = prepare(folder, 8, 60, pool_above=20)
        show("8 symbols x 60 days", run(folder, names))
        again = run(folder, names)
    show("the same night again", again)
    targets.at_most("second night, work of the processor", again.work, 3.0, "s")


def next_day(targets: Targets) -> None:
    """Run the night of the day before, then that of the day: what an increment costs."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        names = prepare(folder, 2, YEAR_DAYS)
        first = run(folder, names, as_of=AS_OF - timedelta(days=1))
        after = run(folder, names)
    show("2 symbols x 1 year", first)
    show("the night after", after)
    targets.below("night after / first night", after.processor / first.processor, 1.0, "x")


def killed(targets: Targets) -> None:
    """Kill a night half-way and run it again."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        names = prepare(folder, 5, 120)
        whole = run(folder, names, "undisturbed")
        process = start(folder, names, "killed")
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("[") and "optimize 5/10" in line:
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.wait()
        process.stdout.close()
        resumed = run(folder, names, "killed")
    show("killed half-way, resumed", resumed)
    same = resumed.release == whole.release
    targets.at_least("same release after a kill", float(same), 1.0, "")
    targets.at_most("resumed / undisturbed", resumed.processor / whole.processor, 1.0, "x")


def large(targets: Targets, symbol_years: int, fixed: float, slope: float) -> None:
    """Run one night of so many symbol-years, a year each, beside the prediction."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        night = run(folder, prepare(folder, symbol_years, YEAR_DAYS))
    show(f"{symbol_years} symbols x 1 year", night)
    predicted = fixed + slope * symbol_years
    print(f"predicted {predicted:.0f} s of the processor, took {night.processor:.0f} s")
    targets.at_most("took / predicted", night.processor / predicted, 1.1, "x")


PARTS: dict[str, Callable[[Targets], None]] = {
    "second": second_run,
    "killed": killed,
    "next-day": next_day,
}
"""What is measured beside the growth, by its name on the command line."""


def main() -> None:
    """Print the growth of a night, its second run, and one that was killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbol-years", type=int, default=0, help="also run one such night")
    parser.add_argument("--part", choices=[*PARTS, "growth"], action="append", help="only this")
    parser.add_argument("--small", action="store_true", help="nights of at most 8 symbol-years")
    parser.add_argument("--line", help="fixed part and cost of a symbol-year, s: no growth runs")
    options = parser.parse_args()
    targets = Targets()
    parts = options.part or ([] if options.line else [*PARTS, "growth"])
    if options.symbol_years and not (options.line or "growth" in parts):
        parser.error("--symbol-years needs a prediction: give --line, or --part growth as well")
    for name, measure in PARTS.items():
        if name in parts:
            measure(targets)
    if options.line:
        fixed, slope = (float(part) for part in options.line.split(","))
    elif "growth" in parts:
        fixed, slope = growth(targets, SMALL_SIZES if options.small else SIZES)
    if options.symbol_years:
        large(targets, options.symbol_years, fixed, slope)
    targets.finish()


if __name__ == "__main__":
    main()
