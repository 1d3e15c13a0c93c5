"""Data sets whose truth is known: noise, planted edges, leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flows.steps.models.dataset import BAR_MS, HORIZON_MS, Dataset
from trading.models.linear import HAR_FEATURES

FIRST = 1_746_000_000_000 // HORIZON_MS * HORIZON_MS


def noise(days: int = 20, seed: int = 1, features: int = 6) -> Dataset:
    """Return a data set without anything to predict, with the columns that the baselines read."""
    random = np.random.default_rng(seed)
    rows = days * 96
    names = (*HAR_FEATURES, "ret_4", *(f"noise_{i}" for i in range(features)))
    return Dataset(
        symbol="BTCUSDT",
        features=names,
        times=FIRST + np.arange(rows) * BAR_MS,
        x=random.normal(size=(rows, len(names))),
        log_volatility=random.normal(size=rows),
        log_return=random.normal(0, 0.004, size=rows),
        symbols=np.zeros(rows, dtype=np.int64),
    )


def planted(days: int = 130, seed: int = 1, *, gross: float = 0.003, share: float = 1.0) -> Dataset:
    """Return data whose last column says the sign of a return of ``gross`` in a share of hours.

    In the other hours it is 0.
    """
    data = noise(days, seed)
    some_hours = np.random.default_rng([seed, 5]).random(len(data.times)) < share
    sign = np.sign(data.x[:, -1]) * some_hours
    x = data.x.copy()
    x[:, -1] = sign
    some = np.arange(0, len(x), 500)
    return replace(
        data,
        x=x,
        log_return=data.log_return + gross * sign,
        recompute=lambda: (some, x[some]),
    )


def centred(days: int = 60, seed: int = 1) -> Dataset:
    """Return data whose last column is a mean over the hour before and the hour to come."""
    data = noise(days, seed)
    x = data.x.copy()
    honest = data.x.copy()
    x[:, -1] = 0.5 * data.log_return + np.random.default_rng(seed).normal(0, 0.002, len(x))
    some = np.arange(100, len(x), 400)
    return replace(data, x=x, recompute=lambda: (some, honest[some]))


def label_inside(days: int = 60, seed: int = 1) -> Dataset:
    """Return data whose last column holds the label itself."""
    data = centred(days, seed)
    x = data.x.copy()
    x[:, -1] = data.log_return
    return replace(data, x=x)
