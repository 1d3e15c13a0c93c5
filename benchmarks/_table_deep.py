"""LSTM and SAC beside their opponents, in the interpreter of the extra `deep`: rows as JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _policy import policy_rows

from trading.models.lstm import (
    AgainstPersistence,
    LstmSettings,
    against_persistence,
    fit_lstm,
)

SEEDS = (7, 8, 9)
EVERY = 15
TRAINED = 0.7


def main() -> None:
    """Print the rows of the price of the next quarter of an hour."""
    found: list[list[AgainstPersistence]] = []
    for seed in SEEDS:
        one = []
        for file in sorted(Path(sys.argv[1]).glob("*.parquet"))[:2]:
            close = pq.read_table(file)["close"].to_numpy()[EVERY - 1 :: EVERY]
            cut = round(TRAINED * len(close))
            model = fit_lstm(close[:cut], replace(LstmSettings(), seed=seed))
            one.append(against_persistence(close[cut:], model.predict(close[cut:])))
        found.append(one)
    skill = [float(np.mean([symbol.skill for symbol in one])) for one in found]
    score = [float(np.mean([symbol.auc for symbol in one])) for one in found]
    rows = sum(symbol.rows for symbol in found[0])
    task = "price in 15 min"
    print(
        json.dumps(
            [
                [task, "last price", "–", "–", "–", "skill 0", *["–"] * 4, str(rows), "1"],
                [
                    task, "LSTM", "–", "–",
                    f"{np.mean(score):.3f} ± {np.std(score, ddof=1):.3f}",
                    f"skill {np.mean(skill):+.2f} ± {np.std(skill, ddof=1):.2f}",
                    *["–"] * 4, str(rows), str(len(SEEDS)),
                ],
                *policy_rows(Path(sys.argv[1])),
            ]
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
