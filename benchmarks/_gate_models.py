"""Models on data whose truth is known: what their gate promotes, and what it refuses as a leak."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

from flows.steps.models.dataset import BAR_MS, HORIZON_MS, Dataset
from flows.steps.models.settings import TrainSettings
from flows.steps.models.split import SplitSettings

WORKERS = 2
DAYS = 160

SHAPES: dict[str, tuple[float, tuple[float, float, float]]] = {
    "every hour": (1.0, (0.0010, 0.0020, 0.0040)),
    "10 % of hours": (0.10, (0.0020, 0.0030, 0.0060)),
    "5 % of hours": (0.05, (0.0040, 0.0060, 0.0090)),
}
"""Share of the hours with an edge, and the edge net of costs, in three strengths."""
SETTINGS = TrainSettings(split=SplitSettings(train_days=40, test_days=39))
_FEATURES = ("log_rv_4", "log_rv_16", "log_rv_96", "log_rv_288", "ret_4")


@dataclass(frozen=True, slots=True)
class ModelCase:
    """One data set: ``share`` of the hours earn ``net`` after costs in a known direction.

    A ``leak`` knows the coming hour instead, and its features change when they are recomputed.
    """

    target: str
    seed: int
    share: float = 0.0
    net: float = 0.0
    leak: bool = False


def promoted(case: ModelCase) -> bool:
    """Evaluate one model with its gate at alpha 5 %."""
    from flows.steps.models.evaluation import evaluate_target

    found = evaluate_target(data_of(case), case.target, SETTINGS)
    return all(verdict.passed for verdict in found.verdicts)


def data_of(case: ModelCase) -> Dataset:
    """Draw the data set of a case."""
    rng = np.random.default_rng([case.seed, round(case.net * 1e6), round(case.share * 100)])
    rows = DAYS * 96
    names = (*_FEATURES, *(f"noise_{number}" for number in range(10)), "known")
    x = rng.standard_normal((rows, len(names)))
    returns = rng.normal(0.0, 0.004, rows)
    honest = x.copy()
    if case.leak:
        x[:, -1] = returns + rng.normal(0.0, 0.004, rows)
    elif case.share:
        side = np.sign(x[:, -1]) * (rng.random(rows) < case.share)
        x[:, -1] = honest[:, -1] = side
        returns = returns + (case.net + SETTINGS.round_trip_bp / 10_000.0) * side
    some = np.arange(100, rows, 1_000)
    data = Dataset(
        symbol="BTCUSDT",
        features=names,
        times=1_746_000_000_000 // HORIZON_MS * HORIZON_MS + np.arange(rows) * BAR_MS,
        x=x,
        log_volatility=rng.standard_normal(rows),
        log_return=returns,
        symbols=np.zeros(rows, dtype=np.int64),
    )
    return replace(data, recompute=lambda: (some, honest[some]))


def count(cases: list[ModelCase]) -> int:
    """Return how many of the cases are promoted, on two processes."""
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(promoted, cases, chunksize=2))
