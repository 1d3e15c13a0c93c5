"""How much planted drift is found within a day, and how often calm days alarm.

Run from the root of the repository: ``python benchmarks/models.py``; ``--candles FOLDER`` takes the
minutes of other Parquet files than the bundled ones.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from _model_drift import error_drift, feature_drift
from _model_lake import SAMPLES, VENUE, build, candles_of, load
from _targets import Targets

SYMBOLS = 2


def main() -> None:
    """Print the figures and check their targets."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--candles", type=Path, default=SAMPLES)
    folder = options.parse_args().candles
    targets = Targets()
    with tempfile.TemporaryDirectory() as place:
        lake, as_of = build(Path(place), folder, SYMBOLS)
        for number in range(SYMBOLS):
            name, _ = candles_of(folder, number)
            data = load(lake, VENUE, name, as_of)
            errors, false_errors = error_drift(data)
            moved, alone, wild, false_features = feature_drift(data)
            targets.at_least(f"{name}: outcomes twice as wild", 100.0 * errors, 95.0, "% found")
            targets.at_most(f"{name}: false alarms", false_errors, 1.0, "a month")
            targets.at_least(f"{name}: all means + 1 sd", 100.0 * moved, 95.0, "% found")
            targets.at_most(f"{name}: false alarms, features", false_features, 1.0, "a month")
            print(
                f"  {name}: single features that are found alone {alone:.0%}; features twice as"
                f" wild {wild:.0%}"
            )
    targets.finish()


if __name__ == "__main__":
    main()
