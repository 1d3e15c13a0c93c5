"""The gate of entries passes a planted edge and refuses noise, and training never sees a test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flows.steps.entries import walk
from flows.steps.entries.evaluation import evaluate_entries
from flows.steps.entries.rows import EntryRows
from flows.steps.entries.walk import chances_of, daily_net, taken, walk_entries
from flows.steps.models.settings import ModelLook, TrainSettings
from flows.steps.models.split import SplitSettings
from tests.flows.steps.entries.made_entries import made_entries
from trading.candles import DAY_MS, HOUR_MS
from trading.errors import DataError
from trading.models.calibration import ChanceModel
from trading.models.families import Recipe

TARGET = "entry_breakout"
SETTINGS = TrainSettings(families={TARGET: "logistic"})


def test_only_entries_that_ended_before_the_embargo_teach(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, seen = made_entries(1), []

    def spy(train: EntryRows, recipe: Recipe) -> ChanceModel | None:
        assert recipe.family == "logistic"
        seen.append((int(train.known_at.max()), int(train.decided_at.min())))
        return None

    monkeypatch.setattr(walk, "learned", spy)
    folds = walk_entries(rows, Recipe("logistic"), SplitSettings())
    assert len(folds) == len(seen) > 3
    for fold, (ended, first) in zip(folds, seen, strict=True):
        assert ended <= fold.fold.test_start - HOUR_MS
        assert first >= fold.fold.train_start
        tested = rows.decided_at[fold.tested]
        assert ((tested >= fold.fold.test_start) & (tested < fold.fold.test_end)).all()
        assert (fold.chance == fold.usual).all()  # nothing is known: all are taken
    assert taken(folds).all()


def promoted(seeds: range, lift: float, cost: float, days: int) -> int:
    """Return how many sets of entries pass every gate at a third of the budget."""
    strict = replace(SETTINGS, looks={TARGET: ModelLook(alpha=0.05 / 3)})
    passed = 0
    for seed in seeds:
        rows = made_entries(seed, lift=lift, each_day=24, days=days, cost=cost)
        found = evaluate_entries(rows, TARGET, strict, lambda: (0, 4, ()))
        passed += all(verdict.passed for verdict in found.verdicts)
    return passed


def test_a_planted_edge_is_promoted_and_noise_is_not() -> None:
    assert promoted(range(2), lift=0.35, cost=0.002, days=45) == 2
    assert promoted(range(100, 103), lift=0.0, cost=0.0, days=45) == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_planted_edges_are_promoted_and_one_noise_of_twenty_at_most() -> None:
    assert promoted(range(10), lift=0.35, cost=0.002, days=60) >= 9
    assert promoted(range(100, 120), lift=0.0, cost=0.0, days=60) <= 1


def test_a_feature_that_knows_the_outcome_raises_the_alarm_and_is_refused() -> None:
    rows = made_entries(5)
    for number, own in enumerate(rows.bars):
        mine = rows.symbols == number
        own.x[rows.places[mine], 0] = np.sign(rows.net[mine])
    found = evaluate_entries(rows, TARGET, SETTINGS, lambda: (4, 4, ("tells",)))
    alarm = found.verdicts[0]
    assert (alarm.name, alarm.passed) == ("leak_alarm", False)
    assert "4 of 4 recomputed rows differ in 'tells'" in alarm.text
    unasked = evaluate_entries(rows, TARGET, SETTINGS).verdicts[0]
    assert not unasked.passed


def test_scores_are_those_of_the_taken_entries_beside_all() -> None:
    rows = made_entries(3, lift=0.3)
    found = evaluate_entries(rows, TARGET, SETTINGS, lambda: (0, 4, ()))
    chosen = taken(found.folds)
    tested = np.concatenate([one.tested for one in found.folds])
    assert found.scores["trades"] == chosen.sum() < len(tested) == found.scores["test_rows"]
    assert found.scores["net_bp"] == pytest.approx(1e4 * rows.net[tested[chosen]].mean())
    assert found.scores["net_bp_take_all"] == pytest.approx(1e4 * rows.net[tested].mean())
    daily = daily_net(rows, found.folds, chosen)
    assert daily.sum() == pytest.approx(rows.net[tested[chosen]].sum() / 2)
    spans = found.folds[-1].fold.test_end - found.folds[0].fold.test_start
    assert len(daily) == pytest.approx(spans / DAY_MS, abs=1)
    chances = np.concatenate([one.bars[0][1] for one in found.folds])
    assert (chances == chances_of(None, rows.features, rows.bars[0].x, 0.5)[0]).mean() < 0.5


def test_too_few_entries_are_refused_with_what_to_do() -> None:
    rows = made_entries(2, days=30)
    with pytest.raises(DataError, match="1 entries are too few to test"):
        evaluate_entries(rows.take(np.arange(1)), TARGET, SETTINGS)
