"""How much of a search's best result is luck.

Everything here works on returns per period (a UTC day in this system) and on Sharpe ratios per
period, *not* annualised; matrices are ``[trial, period]``. Sources:

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

FloatArray = NDArray[np.float64]

EULER_MASCHERONI = 0.5772156649015329
_NORMAL = NormalDist()
_BATCH = 512


@dataclass(frozen=True, slots=True)
class DeflatedSharpe:
    """``probability`` that the true Sharpe ratio exceeds what the best of the trials shows by luck.

    ``sharpe`` and ``benchmark`` are per period; ``trials`` counts what was tried,
    ``effective_trials`` what of it was independent and deflates.
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
    """Answer of CSCV over ``splits`` ways to halve the history.

    ``probability`` (PBO) is the share in which the in-sample best is in the lower half
    out-of-sample, ``loss_probability`` the share in which it loses money there.
    """

    probability: float
    loss_probability: float
    splits: int
    blocks: int


@dataclass(frozen=True, slots=True)
class Plateau:
    """``score``: share of the winner's grid neighbours that keep enough of its objective."""

    score: float
    neighbours: int


def sharpe_ratios(returns: FloatArray) -> FloatArray:
    """Sharpe ratio per period of every row of ``returns`` ``[trial, period]`` (ddof 1).

    A row without variation (a trial that never traded) has 0: it shows no skill.
    """
    deviation = np.asarray(returns.std(axis=1, ddof=1))
    mean = np.asarray(returns.mean(axis=1))
    moves = np.ptp(returns, axis=1) > 0.0
    ratios: FloatArray = np.divide(
        mean, deviation, out=np.zeros_like(mean), where=moves & (deviation > 0.0)
    )
    return ratios


def expected_maximum_sharpe(trials: float, deviation: float) -> float:
    """Expected best Sharpe ratio of ``trials`` independent trials without skill.

    ``deviation`` is the standard deviation of the trials' Sharpe ratios; the unit is theirs. One
    trial is no selection: 0.
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
    """Probability that the true Sharpe ratio exceeds ``benchmark`` (both per period; kurtosis 3 =
    normal)."""
    variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    if variance <= 0.0:
        # Only moments of a handful of observations do this; they prove nothing either way.
        return 0.5
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt(observations - 1) / math.sqrt(variance))


def deflated_sharpe(
    returns: FloatArray, trial_sharpes: FloatArray, effective_trials: float | None = None
) -> DeflatedSharpe:
    """Deflate the Sharpe ratio of the chosen trial's ``returns`` by what was tried to find it.

    ``trial_sharpes``: per-period Sharpe ratios of all trials, the chosen one among them. Without
    ``effective_trials`` every trial counts as independent (the strictest reading).
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
    # Returns that never move have no Sharpe ratio: no evidence, which is not even odds.
    moves = float(np.ptp(returns)) > 0.0
    probability = (
        probabilistic_sharpe(sharpe, benchmark, observations, skewness, kurtosis) if moves else 0.0
    )
    return DeflatedSharpe(
        probability, sharpe, benchmark, trials, effective, observations, skewness, kurtosis
    )


def _moments(returns: FloatArray) -> tuple[float, float]:
    """Skewness and kurtosis (not excess); those of the normal where the series does not move."""
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    if variance == 0.0 or float(np.ptp(returns)) == 0.0:
        return 0.0, 3.0
    return (
        float(np.mean(centred**3)) / math.pow(variance, 1.5),
        float(np.mean(centred**4)) / (variance * variance),
    )


def effective_trials(returns: FloatArray, correlation: float = 0.7) -> int:
    """Number of clusters of correlated trials in ``returns`` ``[trial, period]``.

    Leader clustering, a simple method without randomness: trials are taken from the best Sharpe
    ratio down; each joins the first leader with which it is correlated by at least ``correlation``,
    or leads a cluster of its own. Leaders are less correlated than that with each other, so the
    number is not made small by chains of similar trials. Trials that never moved are one cluster
    together.
    """
    moving = returns[np.ptp(returns, axis=1) > 0.0]
    idle = 1 if len(moving) < len(returns) else 0
    if len(moving) == 0:
        return idle
    order = np.argsort(-sharpe_ratios(moving), kind="stable")
    centred = moving[order] - moving[order].mean(axis=1, keepdims=True)
    unit = centred / np.sqrt(np.sum(centred * centred, axis=1, keepdims=True))
    leaders = np.empty((0, unit.shape[1]))
    # In batches: one matrix product instead of a pass over all trials for each leader.
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
    """Probability of back-test overfitting of a search, ``returns`` ``[trial, period]``, by CSCV.

    The periods are cut into ``blocks`` equal blocks (an even number; the oldest periods that do not
    fill one are left out). Each choice of half of them is in-sample once: its best trial by Sharpe
    ratio (the first of equals) is ranked out-of-sample on the other half; ties share their mean
    rank. ``max_cells`` bounds the numbers held at once, not the answer.
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
    cut = returns[:, periods - length * blocks :].reshape(trials, blocks, length)
    sums = cut.sum(axis=2).T
    squares = (cut * cut).sum(axis=2).T
    # Trials that hold still show rounding residue instead of a zero deviation; 0 is their Sharpe
    # ratio.
    still = np.ptp(cut, axis=2).max(axis=1) == 0.0
    halves = np.array(list(itertools.combinations(range(blocks), blocks // 2)), dtype=np.int64)
    step = max(1, max_cells // (trials * blocks))
    below = losing = 0
    for start in range(0, len(halves), step):
        chunk = halves[start : start + step]
        lower, lost = _judge_splits(chunk, sums, squares, still, length)
        below += lower
        losing += lost
    return Overfitting(below / len(halves), losing / len(halves), len(halves), blocks)


def _judge_splits(
    chosen: NDArray[np.int64],
    sums: FloatArray,
    squares: FloatArray,
    still: NDArray[np.bool_],
    length: int,
) -> tuple[int, int]:
    """Of the splits ``chosen`` ``[split, block]``: how many winners rank in the lower half, and
    lose."""
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
    # logit(rank) <= 0 in the paper is rank <= 1/2
    return int(np.sum(relative_rank <= 0.5)), int(np.sum(own < 0.0))


def _block_sharpes(
    chosen: NDArray[np.int64],
    sums: FloatArray,
    squares: FloatArray,
    still: NDArray[np.bool_],
    length: int,
) -> FloatArray:
    """Sharpe ratio of every trial over each row's blocks, ``[split, trial]``."""
    count = chosen.shape[1] * length
    # Added block by block, not by a matrix product: equal trials must stay equal to the last bit.
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
    """Whether the winner of a grid stands on a plateau or is a lonely peak.

    Neighbours are the combinations at most one grid step away in every parameter (diagonals count);
    parameters with text values have no order: all their values are neighbours. A neighbour
    supports the winner when it reaches ``keep`` of the winner's objective. A winner without profit
    or without neighbours scores 0.
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
    """Place of every value on its axis, one a grid step."""
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
    """One-sided p-value of "the mean return is not above zero", by a circular block bootstrap.

    Blocks keep the serial dependence of the returns; their length is the cube root of the periods
    unless ``block`` gives it. The returns are centred, so the resampled means show what luck alone
    does; p = (1 + means that reach the observed one) / (1 + samples).
    """
    periods = len(returns)
    if periods < 2:
        raise DataError(f"the bootstrap needs 2 periods, was {periods}; use a longer span")
    length = max(1, round(math.pow(periods, 1.0 / 3.0))) if block is None else block
    if not 1 <= length <= periods:
        raise DataError(f"a bootstrap block of {length} periods does not fit {periods} periods")
    observed = float(returns.mean())
    # A block's sum is looked up, not summed again: the series is wrapped around once.
    wrapped = np.concatenate(([0.0], np.cumsum(np.concatenate((returns, returns)) - observed)))
    full, rest = divmod(periods, length)
    starts = generator.integers(0, periods, size=(samples, full + (1 if rest else 0)))
    lengths = np.full(starts.shape[1], length)
    if rest:
        lengths[-1] = rest
    means = (wrapped[starts + lengths] - wrapped[starts]).sum(axis=1) / periods
    return float((1 + np.sum(means >= observed)) / (1 + samples))
