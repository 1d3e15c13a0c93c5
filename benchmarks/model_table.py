"""Every task of learning × every model, out-of-sample: skill, result after costs, and luck.

    python benchmarks/model_table.py [--candles FOLDER] [--symbols 2] [--write]

The folds are those of the nightly training (purged walk-forward), costs those of the settings.
Models with a seed are fitted with five. ``--write`` puts the table into docs/learning.md. With the
extra `deep` (``make test-deep`` makes its interpreter) the LSTM stands beside the last value, and
SAC beside holding and flat; without it these rows stay as they stand. ``--only deep`` measures them
alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from _model_lake import SAMPLES, build, candles_of
from _table_rows import HEADER, Scored, table
from _table_tasks import Job, Place, jobs
from _targets import Targets

from trading.model_targets import DIRECTION, MODEL_TARGETS, VOLATILITY

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "learning.md"
DEEP = ROOT / ".venv-deep" / "bin" / "python"
BEGIN, END = "<!-- learning: tasks -->", "<!-- learning: end of tasks -->"
WORKERS = 2
ORDER = {name: place for place, name in enumerate(MODEL_TARGETS)}


def measured(folder: Path, symbols: int) -> list[Scored]:
    """Build features of ``symbols`` and evaluate every model on them."""
    with tempfile.TemporaryDirectory() as place:
        lake, as_of = build(Path(place), folder, symbols)
        names = tuple(candles_of(folder, number)[0] for number in range(symbols))
        todo = jobs(Place(lake.root, as_of), names)
        with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
            found = [row for rows in pool.map(_run, todo) for row in rows]
    return sorted(found, key=lambda row: ORDER.get(row.task, 2))


def _run(job: Job) -> list[Scored]:
    function, arguments = job
    return function(*arguments)


def deep_rows(folder: Path) -> list[tuple[str, ...]]:
    """Return the rows of LSTM and SAC; without the extra `deep` those that stand in the table."""
    if not DEEP.exists():
        print("LSTM and SAC not taken: `make test-deep` makes the interpreter of the extra deep")
        return [row for row in standing() if is_deep(row)]
    ran = subprocess.run(
        [DEEP, ROOT / "benchmarks" / "_table_deep.py", folder],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return [tuple(row) for row in json.loads(ran.stdout.splitlines()[-1])]


def is_deep(row: tuple[str, ...]) -> bool:
    """Whether a row is one of the extra `deep`."""
    return row[0].startswith(("price in ", "policy"))


def standing() -> list[tuple[str, ...]]:
    """Return the rows of the table as it stands in the document."""
    text = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    lines = [line.strip("|").split("|") for line in text.split("\n") if line][2:]
    return [tuple(cell.strip() for cell in line) for line in lines]


def check(found: Sequence[Scored], targets: Targets) -> None:
    """Hold the figures that are expected of honest models against what was found."""
    for symbol in sorted({row.symbol for row in found}):
        own = [row for row in found if row.symbol == symbol]
        r2 = {row.model: row.r2 for row in own if row.task == VOLATILITY}
        targets.at_least(
            f"{symbol}: R² of LightGBM − HAR", 100 * (r2["lightgbm"] - r2["har"]), -2.0, "%"
        )
        highest = max(row.auc for row in own if row.task == DIRECTION and row.auc == row.auc)
        targets.at_most(f"{symbol}: highest AUC of a direction", highest, 0.56, "")


def write(rows: Sequence[tuple[str, ...]]) -> None:
    """Replace the table in docs/learning.md."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{DOCUMENT} has no place for the table; put {BEGIN} and {END} there")
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "| --- | --- |" + " ---: |" * (len(rows[0]) - 2))
    DOCUMENT.write_text(
        f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}", encoding="utf-8"
    )


def main() -> None:
    """Measure, print, check, and with ``--write`` keep the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--candles", type=Path, default=SAMPLES)
    parser.add_argument("--symbols", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", choices=("deep",), help="measure these rows, keep the others")
    options = parser.parse_args()
    if options.only:
        others = [HEADER, *(row for row in standing() if not is_deep(row))]
        rows = [*others, *deep_rows(options.candles)]
        print(*rows, sep="\n")
        if options.write:
            write(rows)
        return
    found = measured(options.candles, options.symbols)
    rows = [*table(found), *deep_rows(options.candles)]
    assert all(len(row) == len(HEADER) for row in rows)
    for row in rows:
        print(*row, sep="  ")
    if options.write:
        write(rows)
    targets = Targets()
    check(found, targets)
    targets.finish()


if __name__ == "__main__":
    main()
