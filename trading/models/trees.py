"""Trees by LightGBM: boosted ones, and random forests; no other module imports LightGBM.

A model of a level is HAR plus trees fitted to its errors: on a few weeks of data, trees alone lose
to HAR on days that are calmer or wilder than any they have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from trading.candles import Floats
from trading.models.linear import LinearModel

# One thread, a fixed seed and row-wise histograms: identical inputs give identical bytes.
_FIXED: dict[str, Any] = {
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
BOOSTED: dict[str, Any] = {
    "seed": 7,
    "objective": "l2",
    "learning_rate": 0.04,
    "rounds": 150,
    "num_leaves": 8,
    "max_bin": 63,
    "min_data_in_leaf": 80,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
}
FOREST: dict[str, Any] = {
    # A third of the features at each split, and a bootstrap's share of the rows for each tree
    # (Breiman, Random Forests, 2001).
    "seed": 7,
    "boosting": "rf",
    "objective": "l2",
    "rounds": 100,
    "num_leaves": 64,
    "max_bin": 63,
    "min_data_in_leaf": 40,
    "feature_fraction_bynode": 0.33,
    "bagging_fraction": 0.632,
    "bagging_freq": 1,
}

Stop = Callable[[], bool]
"""Whether the time for fitting is over."""


class OutOfTime(Exception):
    """Fitting was broken off because its time was over."""


@dataclass(frozen=True)
class TreeModel:
    """Trees in LightGBM's own text, over ``features``, added to ``offset`` if there is one."""

    text: str
    features: tuple[str, ...]
    offset: LinearModel | None = None

    @cached_property
    def booster(self) -> Any:
        """The trees as LightGBM holds them."""
        import lightgbm

        return lightgbm.Booster(model_str=self.text)

    def predict(self, x: Floats) -> Floats:
        """Return a forecast for each row of ``x`` [row, feature]; for a chance its log odds."""
        raw = self.booster.predict(x, num_threads=1, raw_score=True)
        trees = np.asarray(raw, dtype=np.float64) / self._divisor
        return trees if self.offset is None else trees + self.offset.predict(x, self.features)

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the total gain, largest first, without zero gains."""
        return _shares(self.booster.feature_importance("gain"), self.features)

    def attributions(self, x: Floats) -> Floats:
        """Return what each feature adds to the trees' forecast, [row, feature].

        SHAP values of trees (Lundberg, Erion, Lee, 2018), computed by LightGBM; with the mean
        forecast they add up to the trees' part.
        """
        values = self.booster.predict(x, num_threads=1, pred_contrib=True)
        return np.asarray(values, dtype=np.float64)[:, :-1] / self._divisor

    @property
    def _divisor(self) -> int:
        """What LightGBM's raw sums are divided by: a forest forecasts the mean of its trees."""
        return int(self.booster.num_trees()) if "\naverage_output\n" in self.text else 1


def fit_trees(
    x: Floats,
    y: Floats,
    features: Sequence[str],
    params: Mapping[str, Any],
    *,
    offset: LinearModel | None = None,
    stop: Stop | None = None,
) -> TreeModel:
    """Fit trees to ``y`` [row] less what ``offset`` explains; rows are in time order.

    Raises `OutOfTime` as soon as ``stop`` is true after a tree.
    """
    import lightgbm  # here, because a night that fits no tree need not wait a second for it

    chosen = dict(params) | _FIXED
    rounds = chosen.pop("rounds")
    target = y if offset is None else y - offset.predict(x, features)
    # LightGBM sizes buffers by a number of threads that is global to the process: it is one for
    # every call, so that models trained side by side cannot disturb each other.
    quiet = {"verbosity": -1, "num_threads": 1, "max_bin": chosen.get("max_bin", 255)}
    data = lightgbm.Dataset(x, label=target, feature_name=list(features), params=quiet)

    def check(_: Any) -> None:
        if stop is not None and stop():
            raise OutOfTime

    booster = lightgbm.train(
        chosen, data, num_boost_round=rounds, callbacks=[check] if stop else None
    )
    return TreeModel(booster.model_to_string(), tuple(features), offset)


def all_parameters(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return every LightGBM parameter that `fit_trees` uses for ``params``."""
    return dict(params) | _FIXED


def _shares(values: Any, features: Sequence[str]) -> dict[str, float]:
    sizes = np.asarray(values, dtype=np.float64)
    total = float(sizes.sum()) or 1.0
    order = np.argsort(-sizes, kind="stable")
    return {features[i]: round(float(sizes[i]) / total, 6) for i in order if sizes[i] > 0}
