"""Evaluate the model of a strategy's entries: against taking all of them, and none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite

import numpy as np

from flows.steps.entries.rows import EntryRows
from flows.steps.entries.walk import EntryFold, daily_net, lifts, taken, walk_entries
from flows.steps.models.dataset import Floats
from flows.steps.models.gate import Superiority, direction_verdicts
from flows.steps.models.leakage import LONGER_PURGE_MS, LeakAnswers
from flows.steps.models.scores import TradeScore
from flows.steps.models.settings import FoldScore, ModelLook, TrainSettings
from flows.steps.models.superiority import loss_probability, superiority
from trading.errors import DataError
from trading.models.calibration import expected_calibration_error
from trading.models.families import Recipe
from trading.models.ranks import auc
from trading.research.gates import GateVerdict

Scores = dict[str, float | None]
Recompute = Callable[[], tuple[int, int, tuple[str, ...]]]
"""How many rows differ from what was known at their time, of how many, and in which features."""
_BP = 10_000.0
_SHUFFLES = 5


@dataclass(frozen=True)
class EvaluatedEntries:
    """Scores, verdicts and daily results out-of-sample, and the chances behind them."""

    folds: tuple[EntryFold, ...]
    scores: Scores
    fold_scores: tuple[FoldScore, ...]
    verdicts: tuple[GateVerdict, ...]
    daily: tuple[float, ...]


def evaluate_entries(
    rows: EntryRows,
    target: str,
    settings: TrainSettings,
    recompute: Recompute | None = None,
) -> EvaluatedEntries:
    """Walk forward, score the entries that are taken, and apply the gate.

    The opponents are every entry and none. Raises `DataError` when nothing can be tested.
    """
    recipe = settings.recipe(target)
    folds = walk_entries(rows, recipe, settings.split)
    chosen = taken(folds)
    every = np.ones(len(chosen), dtype=bool)
    own = _score(rows, folds, chosen)
    rival = _score(rows, folds, every)
    scores = _scores(rows, folds) | {"trials": 1.0}
    each = [_scores(rows, [one]) for one in folds if len(one.tested)]
    positive = float(np.mean([(one["total_return"] or 0.0) > 0.0 for one in each]))
    look = settings.looks.get(target, ModelLook())
    opponents = {"flat": np.zeros(len(own.daily)), "take_all": rival.daily}
    if look.p_values is None:
        p_value = superiority(own.daily, opponents, look.alpha)
    else:
        p_value = look.p_values.get("POOL", float("nan"))
    name, best = max((("flat", 0.0), ("take_all", rival.total)), key=lambda pair: pair[1])
    verdicts = direction_verdicts(
        leak=_leak(rows, recipe, settings, scores["auc"], recompute),
        score=own,
        best_baseline=best,
        baseline=name,
        positive_folds=positive,
        superiority=Superiority(p_value, look.alpha, loss_probability(own.daily), look.taken),
        limits=settings.limits,
    )
    scores |= {"positive_folds": positive, "p_value": _known(p_value)}
    return EvaluatedEntries(
        tuple(folds), scores, _fold_scores(rows, folds), verdicts, tuple(map(float, own.daily))
    )


def _score(rows: EntryRows, folds: Sequence[EntryFold], chosen: np.ndarray) -> TradeScore:
    tested = np.concatenate([one.tested for one in folds])
    return TradeScore(rows.net[tested[chosen]], daily_net(rows, folds, chosen), "entries taken")


def _scores(rows: EntryRows, folds: Sequence[EntryFold]) -> Scores:
    tested = np.concatenate([one.tested for one in folds])
    chance = np.concatenate([one.chance for one in folds])
    chosen, won = taken(folds), rows.won[tested]
    net = rows.net[tested]
    return {
        "test_rows": float(len(tested)),
        "auc": _known(auc(won, lifts(folds))),
        "ece": _known(expected_calibration_error(chance, won.astype(np.float64))),
        "trades": float(chosen.sum()),
        "net_bp": _mean_bp(net[chosen]),
        "net_bp_take_all": _mean_bp(net),
        "net_bp_flat": 0.0,
        "total_return": float(net[chosen].sum()),
        "learned_folds": float(np.mean([one.learned for one in folds])),
    }


def _fold_scores(rows: EntryRows, folds: Sequence[EntryFold]) -> tuple[FoldScore, ...]:
    shown = ("test_rows", "trades", "net_bp", "net_bp_take_all", "total_return")
    found = []
    for number, one in enumerate(folds):
        scores = _scores(rows, [one]) if len(one.tested) else {"test_rows": 0.0}
        kept = {name: scores[name] for name in shown if name in scores}
        fold = one.fold
        found.append(
            FoldScore(
                number, fold.train_start, fold.train_end, fold.test_start, fold.test_end, kept
            )
        )
    return tuple(found)


def _leak(
    rows: EntryRows,
    recipe: Recipe,
    settings: TrainSettings,
    found: float | None,
    recompute: Recompute | None,
) -> GateVerdict:
    """Ask the questions of a leak where the AUC is above the alarm; see `leak_verdict`."""
    alarm = settings.limits.direction_leak
    if found is None:
        return GateVerdict("leak_alarm", False, None, alarm, "no AUC could be measured: not passed")
    text = f"out-of-sample AUC {found:.3f}"
    if found <= alarm:
        return GateVerdict("leak_alarm", True, found, alarm, f"{text}: no alarm below {alarm:g}")
    differ, recomputed, named = (None, 0, ()) if recompute is None else recompute()
    answers = LeakAnswers(
        shuffled=float(
            np.mean([_auc(rows, recipe, settings, shuffle=n) for n in range(1, _SHUFFLES + 1)])
        ),
        purge_drop=found - _auc(rows, recipe, settings, purge_ms=LONGER_PURGE_MS),
        differ=differ,
        recomputed=recomputed,
        features=named,
    )
    sentence = f"{text} raised the alarm at {alarm:g}: {answers.sentence}"
    return GateVerdict("leak_alarm", answers.honest, found, alarm, sentence)


def _auc(
    rows: EntryRows,
    recipe: Recipe,
    settings: TrainSettings,
    *,
    shuffle: int = 0,
    purge_ms: int = 0,
) -> float:
    """Return the AUC of a changed training; a few hundred entries need several shuffles."""
    change = partial(_shuffled, shuffle) if shuffle else None
    try:
        folds = walk_entries(rows, recipe, settings.split, change=change, purge_ms=purge_ms)
    except DataError:
        return float("nan")
    tested = np.concatenate([one.tested for one in folds])
    return auc(rows.won[tested], lifts(folds))


def _shuffled(seed: int, train: EntryRows) -> EntryRows:
    order = np.random.default_rng(seed).permutation(len(train))
    return replace(train, net=train.net[order])


def _mean_bp(net: Floats) -> float | None:
    return float(net.mean()) * _BP if len(net) else None


def _known(value: float) -> float | None:
    return value if isfinite(value) else None
