"""Archive files to checked candles, against a bare loop that reads and writes the same files.

Run from the root of the repository: ``python benchmarks/checks.py``. The bundled monthly archives
of FILUSDT stand under twelve names: 24 files, a million rows. The bare loop reads each CSV with
polars and writes it as Parquet: no checksum, no types, no checks. Great Expectations is imported
before the clock starts, as a night does once.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import polars
from _targets import Targets

import flows.steps.data.checks.expectations  # noqa: F401  # the import of the library is not measured
from flows.steps.data.validate import validate_symbol
from lake.ingest.importer import import_folder
from lake.store import Lake

SAMPLE = Path(__file__).parents[1] / "data_lake/sample/binance_archive/futures/um/monthly/klines"
SOURCE = "FILUSDT"
SYMBOLS = tuple(f"SYM{number:02}USDT" for number in range(12))
AS_OF = datetime(2023, 10, 1, tzinfo=UTC)
ROUNDS = 5
THREADS = 2


def write_archives(folder: Path) -> int:
    """Write the archives of every symbol with their checksums; return the number of rows."""
    rows = 0
    for source in sorted((SAMPLE / SOURCE / "1m").glob("*.zip")):
        with zipfile.ZipFile(source) as archive:
            text = archive.read(archive.namelist()[0])
        rows += (text.count(b"\n") - 1) * len(SYMBOLS)
        for symbol in SYMBOLS:
            name = source.name.replace(SOURCE, symbol)
            path = folder / "futures" / "um" / "monthly" / "klines" / symbol / "1m" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(name.replace(".zip", ".csv"), text)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            path.with_name(f"{name}.CHECKSUM").write_text(f"{digest}  {name}\n")
    return rows


def bare(archives: Path, target: Path) -> None:
    """Read every CSV and write it as Parquet."""
    target.mkdir()
    for path in sorted(archives.rglob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            frame = polars.read_csv(io.BytesIO(archive.read(archive.namelist()[0])))
        frame.write_parquet(target / f"{path.stem}.parquet")


def imported(archives: Path, target: Path) -> None:
    """Import: checksum, types, one partition a month."""
    report = import_folder(Lake(target), archives, AS_OF, venue="binance_usdm", symbols=SYMBOLS)
    assert not report.failed


def checked(archives: Path, target: Path) -> None:
    """Import, and check every symbol as a night does: Great Expectations, models, quarantine."""
    imported(archives, target)
    lake = Lake(target)

    def check(symbol: str) -> bool:
        return validate_symbol(lake, "binance_usdm", symbol, AS_OF).ok

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(check, SYMBOLS))


def seconds(archives: Path, folder: Path) -> dict[str, tuple[float, float]]:
    """Return the wall-clock and processor seconds of each work, of its fastest run.

    The runs take turns, so that a load that comes and goes meets all of them.
    """
    found: dict[str, tuple[float, float]] = {}
    for number in range(ROUNDS):
        for work in (bare, imported, checked):
            name = work.__name__
            target = folder / f"{name}-{number}"
            started, begun = time.perf_counter(), time.process_time()
            work(archives, target)
            taken = time.perf_counter() - started, time.process_time() - begun
            best = found.get(name, taken)
            found[name] = min(best[0], taken[0]), min(best[1], taken[1])
            shutil.rmtree(target)
    return found


def main() -> None:
    """Print the rates, and their ratio to the bare loop."""
    targets = Targets()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = write_archives(folder / "archives")
        found = seconds(folder / "archives", folder)
        for name, (wall, used) in found.items():
            print(
                f"{name:<10} {rows / wall / 1e6:6.2f} M rows/s,"
                f" {wall:6.2f} s wall, {used:6.2f} s processor"
            )
    for name, least in (("imported", 1.0), ("checked", 0.6)):
        for which, what in enumerate(("wall", "processor")):
            ratio = found["bare"][which] / found[name][which]
            targets.at_least(f"{name} / bare loop, {what}", ratio, least)
    targets.finish()


if __name__ == "__main__":
    main()
