"""What models cost to train and gate, and how much planted drift is found within a day.

Three parts: ``speed`` (18 symbols on two cores; growth with symbols and with days), ``budget`` (the
minutes of a search on the real clock) and ``drift``.

    python benchmarks/models.py [--part PART] [--candles FOLDER]

``--candles FOLDER`` takes the minutes of other Parquet files than the bundled ones. Where there
are fewer files than symbols, their prices come again under other names, begun days later.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from _model_drift import error_drift, feature_drift
from _model_lake import SAMPLES, VENUE, build, candles_of, load
from _model_speed import Taken, trained
from _targets import Targets

from flows.steps.models.settings import TrainSettings, search_share
from flows.steps.models.train import train

DRIFTING = 2
SYMBOLS = 18
BUDGET_MINUTES = 2.0
HISTORIES = (180, 270, 360)
"""Days; training has grown to its longest window before the first of them ends."""


def speed_part(targets: Targets, folder: Path) -> None:
    """Train and gate 18 symbols; compare with a third of them, and a long history with shorter."""
    names = [candles_of(folder, number)[0] for number in range(SYMBOLS)]
    third = SYMBOLS // 3
    with tempfile.TemporaryDirectory() as place:
        lake, as_of = build(Path(place), folder, SYMBOLS)
        few = trained(lake.root, as_of, names[:third])
        rest = trained(lake.root, as_of, names[third:])
    all_of_them = Taken(few.wall + rest.wall, few.processor + rest.processor)
    targets.at_most("18 symbols, clock", all_of_them.wall, 60.0, "s")
    targets.at_most("18 symbols, processors", all_of_them.processor, 120.0, "s")
    per_symbol = (rest.processor / (SYMBOLS - third)) / (few.processor / third)
    targets.at_most("cost of a symbol among 12, by among 6", per_symbol, 1.15, "x")

    costs = []
    for days in HISTORIES:
        with tempfile.TemporaryDirectory() as place:
            lake, as_of = build(Path(place), folder, 1, days)
            costs.append(trained(lake.root, as_of, names[:1]).processor)
        print(f"  one symbol, {days} days: {costs[-1]:.1f} s of the processor")
    later, earlier = costs[2] - costs[1], costs[1] - costs[0]
    targets.at_most("90 days more after 270, by after 180", later / earlier, 1.25, "x")


def budget_part(targets: Targets, folder: Path) -> None:
    """Search the recipes of two symbols, one after the other, within two minutes."""
    names = [candles_of(folder, number)[0] for number in range(DRIFTING)]
    with tempfile.TemporaryDirectory() as place:
        lake, as_of = build(Path(place), folder, DRIFTING)
        settings = replace(TrainSettings(), search_seconds=search_share(BUDGET_MINUTES, DRIFTING))
        begin = time.monotonic()
        found = train(lake, as_of=as_of, symbols=names, settings=settings)
        taken = (time.monotonic() - begin) / (60.0 * BUDGET_MINUTES)
    tried = [f"{model.scores['trials']:.0f}" for model in found.models]
    print(f"  recipes tried for each model: {', '.join(tried)}")
    targets.at_most("search, training and gate, by the budget", taken, 1.05, "x")
    targets.at_least("the same, at least", 100.0 * taken, 95.0, "%")


def drift_part(targets: Targets, folder: Path) -> None:
    """Plant drift into two symbols, and count false alarms."""
    with tempfile.TemporaryDirectory() as place:
        lake, as_of = build(Path(place), folder, DRIFTING)
        for number in range(DRIFTING):
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


PARTS = {"speed": speed_part, "budget": budget_part, "drift": drift_part}


def main() -> None:
    """Print the figures and check their targets."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--candles", type=Path, default=SAMPLES)
    options = parser.parse_args()
    targets = Targets()
    for name in [options.part] if options.part else PARTS:
        PARTS[name](targets, options.candles)
    targets.finish()


if __name__ == "__main__":
    main()
