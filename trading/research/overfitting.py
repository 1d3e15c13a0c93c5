"""Statistics of overfitting: how much of the best result of a search is luck.

All functions use returns per period (a UTC day in this system) and Sharpe ratios per period, *not*
annualised; matrices are ``[trial, period]``. Sources:

- deflated Sharpe ratio: Bailey and López de Prado, "The Deflated Sharpe Ratio", J. Portfolio
  Management 40(5), 2014; the standard error of a Sharpe ratio in it: Mertens 2002
- probability of back-test overfitting by CSCV: Bailey, Borwein, López de Prado and Zhu, "The
  Probability of Backtest Overfitting", J. Computational Finance 20(4), 2015
- circular block bootstrap: Politis and Romano 1992
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from trading.errors import DataError
from trading.research.row_blocks import blocks_of

FloatArray = NDArray[np.float64]

EULER_MASCHERONI = 0.5772156649015329
_NORMAL = NormalDist()
_BATCH = 512


@dataclass(frozen=True, slots=True)
class DeflatedSharpe:
    """``probability`` that the true Sharpe ratio exceeds the best expected without skill.

    ``sharpe`` and ``benchmark`` are per period; ``trials`` counts all trials, ``effective_trials``
    the independent ones, which deflate.
    """

    probability: float
    sharpe: float
    benchmark: float
    trials: int
    effective_trials: float
    observations: int
    skewness: float
    kurtosis: float


@dataclass(frozen=True, slots=True)
class Overfitting:
    """Result of CSCV over ``splits`` ways to halve the history.

    ``probability`` (PBO) is the share in which the in-sample best is in the lower half
    out-of-sample, ``loss_probability`` the share in which it loses money there. ``degradation`` is
    the slope of its Sharpe ratio out-of-sample over that in-sample, by least squares: below 0, the
    better it looked, the worse it did. It is 0 if all choices looked equally good.
    """

    probability: float
    loss_probability: float
    degradation: float
    splits: int
    blocks: int


@dataclass(frozen=True, slots=True)
class Plateau:
    """``score``: share of the winner's grid neighbours that keep enough of its objective."""

    score: float
    neighbours: int


def sharpe_ratios(returns: FloatArray) -> FloatArray:
    """Return the Sharpe ratio per period of every row of ``returns`` ``[trial, period]`` (ddof 1).

    A row without variation (a trial that never traded) shows no skill: 0.
    """
    deviation = np.asarray(returns.std(axis=1, ddof=1))
    mean = np.asarray(returns.mean(axis=1))
    moves = np.ptp(returns, axis=1) > 0.0
    ratios: FloatArray = np.divide(
        mean, deviation, out=np.zeros_like(mean), where=moves & (deviation > 0.0)
    )
    return ratios


def expected_maximum_sharpe(trials: float, deviation: float) -> float:
    """Return the expected best Sharpe ratio of ``trials`` independent trials without skill.

    ``deviation`` is the standard deviation of the Sharpe ratios of the trials, in the same unit.
    One trial is no selection: 0.
    """
    if trials <= 1.0:
        return 0.0
    first = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    second = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    maximum = (1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second
    return deviation * max(maximum, 0.0)


def probabilistic_sharpe(
    sharpe: float, benchmark: float, observations: int, skewness: float, kurtosis: float
) -> float:
    """Return the probability that the true Sharpe ratio exceeds ``benchmark``.

    Both are per period; a normal distribution has a kurtosis of 3.
    """
    variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    if variance <= 0.0:
        # Only the moments of a few observations do this; they prove nothing either way.
        return 0.5
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt(observations - 1) / math.sqrt(variance))


def deflated_sharpe(
    returns: FloatArray, trial_sharpes: FloatArray, effective_trials: float | None = None
) -> DeflatedSharpe:
    """Deflate the Sharpe ratio of the chosen ``returns`` by the trials that were made to find them.

    ``trial_sharpes`` are the per-period Sharpe ratios of all trials, including the chosen one.
    Without ``effective_trials`` every trial counts as independent, the strictest reading.
    """
    observations = len(returns)
    if observations < 3 or len(trial_sharpes) == 0:
        raise DataError(
            f"the deflated Sharpe ratio needs 3 periods and 1 trial, was {observations} periods and"
            f" {len(trial_sharpes)} trials; use a longer span"
        )
    trials = len(trial_sharpes)
    effective = float(trials) if effective_trials is None else effective_trials
    spread = float(np.std(trial_sharpes, ddof=1)) if trials > 1 else 0.0
    benchmark = expected_maximum_sharpe(effective, spread)
    sharpe = float(sharpe_ratios(returns.reshape(1, -1))[0])
    skewness, kurtosis = _moments(returns)
    # Constant returns have no Sharpe ratio: they are no evidence at all, not even odds.
    moves = float(np.ptp(returns)) > 0.0
    probability = (
        probabilistic_sharpe(sharpe, benchmark, observations, skewness, kurtosis) if moves else 0.0
    )
    return DeflatedSharpe(
        probability, sharpe, benchmark, trials, effective, observations, skewness, kurtosis
    )


def _moments(returns: FloatArray) -> tuple[float, float]:
    """Return skewness and kurtosis (not excess); those of the normal for a constant series."""
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    if variance == 0.0 or float(np.ptp(returns)) == 0.0:
        return 0.0, 3.0
    return (
        float(np.mean(centred**3)) / math.pow(variance, 1.5),
        float(np.mean(centred**4)) / (variance * variance),
    )


def effective_trials(returns: FloatArray, correlation: float = 0.7) -> int:
    """Count the clusters of correlated trials in ``returns`` ``[trial, period]``.

    Leader clustering is a simple method without randomness: from the best Sharpe ratio down, each
    trial joins the first leader with which its correlation is at least ``correlation``, or leads a
    new cluster. Leaders are less correlated with each other, so chains of similar trials do not
    reduce the count. Trials with constant returns form one cluster.
    """
    moving = returns[np.ptp(returns, axis=1) > 0.0]
    idle = 1 if len(moving) < len(returns) else 0
    if len(moving) == 0:
        return idle
    order = np.argsort(-sharpe_ratios(moving), kind="stable")
    centred = moving[order] - moving[order].mean(axis=1, keepdims=True)
    unit = centred / np.sqrt(np.sum(centred * centred, axis=1, keepdims=True))
    leaders = np.empty((0, unit.shape[1]))
    # Batches need one matrix product each, instead of a pass over all trials for each leader.
    for start in range(0, len(unit), _BATCH):
        batch = unit[start : start + _BATCH]
        batch = batch[~np.any(batch @ leaders.T >= correlation, axis=1)]
        close = batch @ batch.T >= correlation
        chosen: list[int] = []
        for place in range(len(batch)):
            if not close[place, chosen].any():
                chosen.append(place)
        leaders = np.concatenate((leaders, batch[chosen]))
    return len(leaders) + idle


def backtest_overfitting(
    returns: FloatArray, blocks: int = 16, max_cells: int = 4_000_000
) -> Overfitting:
    """Estimate the probability of back-test overfitting of ``returns`` ``[trial, period]`` by CSCV.

    The periods are cut into ``blocks`` equal blocks (an even number; a remainder of the oldest
    periods is left out). Each choice of half of the blocks is in-sample once: its best trial by
    Sharpe ratio (the first of equals) is ranked out-of-sample on the other half; ties share their
    mean rank. ``max_cells`` limits the memory, not the result.
    """
    trials, periods = returns.shape
    if blocks < 2 or blocks % 2:
        raise DataError(f"CSCV needs an even number of blocks of at least 2, was {blocks}")
    length = periods // blocks
    if length < 2 or trials < 2:
        raise DataError(
            f"CSCV needs 2 trials and 2 periods a block, was {trials} trials and {periods} periods"
            f" in {blocks} blocks; use a longer span or fewer blocks"
        )
    sums, squares = np.empty((blocks, trials)), np.empty((blocks, trials))
    still = np.empty(trials, np.bool_)
    for rows in blocks_of(trials):
        cut = returns[rows, periods - length * blocks :].reshape(-1, blocks, length)
        sums[:, rows] = cut.sum(axis=2).T
        squares[:, rows] = (cut * cut).sum(axis=2).T
        # Constant trials show a rounding residue instead of a zero deviation: their ratio is 0.
        still[rows] = np.ptp(cut, axis=2).max(axis=1) == 0.0
    halves = np.array(list(itertools.combinations(range(blocks), blocks // 2)), dtype=np.int64)
    step = max(1, max_cells // (trials * blocks))
    ranks, inside, outside = (np.empty(len(halves)) for _ in range(3))
    for start in range(0, len(halves), step):
        split = slice(start, start + step)
        found = _evaluate_splits(halves[split], sums, squares, still, length)
        ranks[split], inside[split], outside[split] = found
    # logit(rank) <= 0 in the paper is rank <= 1/2
    below, losing = int(np.sum(ranks <= 0.5)), int(np.sum(outside < 0.0))
    slope = _slope(inside, outside)
    return Overfitting(below / len(halves), losing / len(halves), slope, len(halves), blocks)


def _slope(inside: FloatArray, outside: FloatArray) -> float:
    """Return the slope of ``outside`` over ``inside`` by least squares, 0 if that never varies."""
    if float(np.ptp(inside)) == 0.0:
        return 0.0
    away = inside - inside.mean()
    return float(np.sum(away * (outside - outside.mean())) / np.sum(away * away))


def _evaluate_splits(
    chosen: NDArray[np.int64],
    sums: FloatArray,
    squares: FloatArray,
    still: NDArray[np.bool_],
    length: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the winner's relative rank, its Sharpe ratio in-sample and that out-of-sample.

    ``chosen`` has the in-sample blocks of each split, ``[split, block]``.
    """
    blocks, trials = sums.shape
    mask = np.ones((len(chosen), blocks), dtype=np.bool_)
    mask[np.arange(len(chosen))[:, None], chosen] = False
    others = np.nonzero(mask)[1].reshape(len(chosen), blocks // 2)
    inside = _block_sharpes(chosen, sums, squares, still, length)
    outside = _block_sharpes(others, sums, squares, still, length)
    winner = np.argmax(inside, axis=1)
    own = outside[np.arange(len(chosen)), winner]
    worse = np.sum(outside < own[:, None], axis=1)
    equal = np.sum(outside == own[:, None], axis=1)
    relative_rank = (worse + (equal + 1) / 2.0) / (trials + 1)
    return relative_rank, inside[np.arange(len(chosen)), winner], own


def _block_sharpes(
    chosen: NDArray[np.int64],
    sums: FloatArray,
    squares: FloatArray,
    still: NDArray[np.bool_],
    length: int,
) -> FloatArray:
    """Return the Sharpe ratio of every trial over the blocks of each row, ``[split, trial]``."""
    count = chosen.shape[1] * length
    # Sum by block, not by matrix product: equal trials must stay equal to the last bit.
    total = sums[chosen].sum(axis=1)
    square = squares[chosen].sum(axis=1)
    mean = total / count
    variance = np.maximum(square - total * mean, 0.0) / (count - 1)
    noise = 1e-14 * square / count
    moves = (variance > noise) & ~still
    ratios: FloatArray = np.divide(mean, np.sqrt(variance), out=np.zeros_like(mean), where=moves)
    return ratios


def plateau(
    combinations: Sequence[Mapping[str, float | int | str]],
    objective: Sequence[float],
    winner: int,
    keep: float = 0.5,
) -> Plateau:
    """Measure whether the winner of a grid stands on a plateau or is an isolated peak.

    Neighbours are the combinations at most one grid step away in every parameter (diagonals count);
    the values of text parameters have no order: all are neighbours. A neighbour supports the winner
    if it reaches ``keep`` of the winner's objective. Without profit or neighbours the score is 0.
    """
    names = list(combinations[winner])
    axes = [_axis({combination[name] for combination in combinations}) for name in names]
    centre = [axis[combinations[winner][name]] for axis, name in zip(axes, names, strict=True)]
    best = objective[winner]
    neighbours = supporting = 0
    for index, combination in enumerate(combinations):
        if index == winner:
            continue
        places = (axis[combination[name]] for axis, name in zip(axes, names, strict=True))
        if all(abs(place - own) <= 1 for place, own in zip(places, centre, strict=True)):
            neighbours += 1
            supporting += objective[index] >= keep * best
    score = supporting / neighbours if neighbours and best > 0.0 else 0.0
    return Plateau(score, neighbours)


def _axis(values: set[float | int | str]) -> dict[float | int | str, int]:
    """Return the place of every value on its axis, one per grid step."""
    numbers = sorted(value for value in values if not isinstance(value, str))
    places: dict[float | int | str, int] = {value: place for place, value in enumerate(numbers)}
    places.update({value: 0 for value in values if isinstance(value, str)})
    return places


def bootstrap_p_value(
    returns: FloatArray,
    generator: np.random.Generator,
    samples: int = 2_000,
    block: int | None = None,
) -> float:
    """Return the one-sided p-value of "the mean return is not above zero".

    A circular block bootstrap keeps the serial dependence of the returns; the length of a block is
    the cube root of the periods unless ``block`` sets it. The returns are centred, so the resampled
    means show luck alone: p = (1 + means that reach the observed one) / (1 + samples).
    """
    periods = len(returns)
    if periods < 2:
        raise DataError(f"the bootstrap needs 2 periods, was {periods}; use a longer span")
    length = max(1, round(math.pow(periods, 1.0 / 3.0))) if block is None else block
    if not 1 <= length <= periods:
        raise DataError(f"a bootstrap block of {length} periods does not fit {periods} periods")
    observed = float(returns.mean())
    # The sum of a block is a difference of cumulative sums over the series, repeated once.
    wrapped = np.concatenate(([0.0], np.cumsum(np.concatenate((returns, returns)) - observed)))
    full, rest = divmod(periods, length)
    starts = generator.integers(0, periods, size=(samples, full + (1 if rest else 0)))
    lengths = np.full(starts.shape[1], length)
    if rest:
        lengths[-1] = rest
    means = (wrapped[starts + lengths] - wrapped[starts]).sum(axis=1) / periods
    return float((1 + np.sum(means >= observed)) / (1 + samples))
