"""Is a score too good to be true? Questions that an honest edge answers and a leak does not.

A direction with an AUC above the alarm is asked three: is there still a score when the training's
labels are shuffled (the split leaks)? Does the score fall when more time is left between training
and test (labels reach over)? Do features change when the data ends at their own time (they know the
future)? A question that cannot be asked counts as answered badly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flows.steps.models.dataset import Dataset, Floats
from flows.steps.models.split import Split, SplitSettings, walk_forward
from trading.candles import DAY_MS
from trading.models.ranks import auc
from trading.research.gates import GateVerdict

SHUFFLED_MOST = 0.05
"""Distance of the AUC from one half that shuffled labels may leave, by chance alone."""
PURGE_DROP_MOST = 0.05
"""Fall of the AUC with a day more between training and test that less data explains."""
LONGER_PURGE_MS = DAY_MS
_SEED = 3
_EQUAL = 1e-9

Forecast = Callable[[Dataset, Dataset], Floats]
"""From training and test rows to forecasts of the test rows."""


@dataclass(frozen=True, slots=True)
class LeakAnswers:
    """AUC on shuffled labels, fall of the AUC with a longer purge, and recomputed rows that differ.

    ``differ`` is None where nothing was recomputed; ``features`` are those that differed.
    """

    shuffled: float
    purge_drop: float
    differ: int | None
    recomputed: int
    features: tuple[str, ...] = ()

    @property
    def honest(self) -> bool:
        """Whether every answer is that of an honest edge."""
        return (
            abs(self.shuffled - 0.5) <= SHUFFLED_MOST
            and self.purge_drop <= PURGE_DROP_MOST
            and self.differ == 0
        )

    @property
    def sentence(self) -> str:
        """The answers in one line."""
        rows = (
            "no feature was recomputed"
            if self.differ is None
            else f"{self.differ} of {self.recomputed} recomputed rows differ"
        )
        if self.features:
            named = ", ".join(f"'{name}'" for name in self.features[:3])
            more = len(self.features) - 3
            rows += f" in {named}" + (f" and {more} more" if more > 0 else "")
        return (
            f"{self.shuffled:.3f} on shuffled labels, {self.purge_drop:+.3f} lost with a day more"
            f" of purge, {rows}"
        )


def leak_verdict(
    data: Dataset, split: SplitSettings, forecast: Forecast, found: float, alarm: float
) -> GateVerdict:
    """Ask the questions of an AUC above ``alarm``; an AUC below needs none."""
    text = f"out-of-sample AUC {found:.3f}"
    if not np.isfinite(found):
        return GateVerdict("leak_alarm", False, None, alarm, "no AUC could be measured: not passed")
    if found <= alarm:
        return GateVerdict("leak_alarm", True, found, alarm, f"{text}: no alarm below {alarm:g}")
    answers = ask(data, walk_forward(data, split), forecast, found)
    sentence = f"{text} raised the alarm at {alarm:g}: {answers.sentence}"
    return GateVerdict("leak_alarm", answers.honest, found, alarm, sentence)


def ask(data: Dataset, splits: Sequence[Split], forecast: Forecast, found: float) -> LeakAnswers:
    """Ask the three questions of one model; deterministic."""
    differ, recomputed, features = _changed(data)
    return LeakAnswers(
        shuffled=_score(data, splits, forecast, _shuffled),
        purge_drop=found - _score(data, splits, forecast, _purged),
        differ=differ,
        recomputed=recomputed,
        features=features,
    )


def _score(
    data: Dataset,
    splits: Sequence[Split],
    forecast: Forecast,
    change: Callable[[Dataset, Dataset], Dataset],
) -> float:
    """AUC over all folds with a changed training."""
    forecasts, outcomes = [], []
    for split in splits:
        train, test = data.take(split.train), data.take(split.test)
        changed = change(train, test)
        if len(changed.times) < 2:
            continue
        forecasts.append(forecast(changed, test))
        outcomes.append(test.log_return > 0)
    if not forecasts:
        return float("nan")
    return auc(np.concatenate(outcomes), np.concatenate(forecasts))


def _shuffled(train: Dataset, test: Dataset) -> Dataset:
    del test
    order = np.random.default_rng(_SEED).permutation(len(train.times))
    return replace(
        train, log_return=train.log_return[order], log_volatility=train.log_volatility[order]
    )


def _purged(train: Dataset, test: Dataset) -> Dataset:
    return train.take(train.times < int(test.times[0]) - LONGER_PURGE_MS)


def _changed(data: Dataset) -> tuple[int | None, int, tuple[str, ...]]:
    """Rows whose features change when they are computed from what was known, and which do."""
    if data.recompute is None:
        return None, 0, ()
    rows, known = data.recompute()
    stored = data.x[rows]
    same = (np.abs(stored - known) <= _EQUAL * (1.0 + np.abs(stored))) | (
        np.isnan(stored) & np.isnan(known)
    )
    changed = np.flatnonzero(~same.all(axis=0))
    named = tuple(data.features[place] for place in changed)
    return int((~same.all(axis=1)).sum()), len(rows), named
