"""Evidence that may be looked at every day: e-processes over returns nobody had seen before.

A candidate that passed its gates is frozen and followed. If it has no edge, its wealth process
``E`` is a non-negative supermartingale that starts at one, so that the chance of it ever reaching
``1/α`` is at most ``α`` (Ville's inequality), however often one looks and however its days depend
on each other. Sources: Aaditya Ramdas, Peter Grünwald, Vladimir Vovk and Glenn Shafer,
"Game-Theoretic Statistics and Safe Anytime-Valid Inference", Statistical Science 38(4), 2023; the
detector of decay: Jaehyeok Shin, Aaditya Ramdas and Alessandro Rinaldo, "E-detectors", New England
J. Statistics in Data Science 2(2), 2024.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.errors import DataError

FloatArray = NDArray[np.float64]

WORST_DAY = 0.25
"""No day loses more than this part of what is at stake; a loss beyond it ruins the largest bets."""
CAPPED_DAY = 0.25
"""A gain beyond this counts as this much: that only makes the evidence weaker."""
MULTIPLES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Stakes of the bets, in units of one over the volatility: near the Sharpe ratio per day."""
FULL_SIZE_AT = 20.0
"""The value of E at which a proven candidate trades at its full size."""
DECAY_ALARM = 1_000.0
"""Evidence of decay that demotes: at least so many days pass, on average, before a false alarm."""


@dataclass(frozen=True, slots=True)
class Stakes:
    """Shares of the bettor's wealth put on each day, fixed before the first followed day."""

    values: tuple[float, ...]


def stakes_for(daily_returns: FloatArray, at_stake: float = 1.0) -> Stakes:
    """Stakes from the returns that chose the candidate; the followed days are not among them.

    ``daily_returns`` are net fractions of the account, ``at_stake`` the largest share of it that
    the candidate's positions take together: it bounds what a day may lose, and with it the largest
    bet that is fair. Raises `DataError` if the returns never move.
    """
    deviation = float(daily_returns.std(ddof=1)) if len(daily_returns) > 1 else 0.0
    if deviation <= 0.0:
        raise DataError(
            "the chosen candidate's daily returns never move; it has to trade before it is followed"
        )
    most = 1.0 / (WORST_DAY * at_stake)
    return Stakes(tuple(min(multiple / deviation, most) for multiple in MULTIPLES))


def bet(wealth: FloatArray, net_return: float, stakes: FloatArray) -> FloatArray:
    """Return the wealth of each stake after one more day that was bet on."""
    grown: FloatArray = wealth * np.maximum(1.0 + stakes * min(net_return, CAPPED_DAY), 0.0)
    return grown


def bet_against(
    sums: FloatArray, net_return: float, stakes: FloatArray, floor: float = 0.0
) -> FloatArray:
    """Return the sums of the e-detector after one more day; a new bet begins on each day."""
    shortfall = min(floor - net_return, CAPPED_DAY)
    grown: FloatArray = (sums + 1.0) * np.maximum(1.0 + stakes * shortfall, 0.0)
    return grown


def e_process(daily_returns: FloatArray, stakes: Stakes) -> FloatArray:
    """The evidence after each followed day, ``[day]``: the mean wealth of all stakes.

    ``daily_returns`` are net fractions of the account, oldest first. A value of ``1/α`` rejects "no
    edge" at level α at any time.
    """
    values, found = np.array(stakes.values), np.empty(len(daily_returns))
    wealth: FloatArray = np.ones(len(values))
    for day, net_return in enumerate(daily_returns.tolist()):
        wealth = bet(wealth, net_return, values)
        found[day] = wealth.mean()
    return found


def decay(daily_returns: FloatArray, stakes: Stakes, floor: float = 0.0) -> FloatArray:
    """An e-detector, after each day: evidence that the mean return fell to ``floor`` or below.

    It bets against the candidate from every day on and adds these bets up (Shiryaev–Roberts), so
    that it notices a change wherever it happens. Alarm at ``1/α``: on average at least ``1/α`` days
    pass before a false one.
    """
    values, found = np.array(stakes.values), np.empty(len(daily_returns))
    sums: FloatArray = np.zeros(len(values))
    for day, net_return in enumerate(daily_returns.tolist()):
        sums = bet_against(sums, net_return, values, floor)
        found[day] = sums.mean()
    return found


def size_share(evidence: float, probation: float) -> float:
    """Share of its limits that a proven candidate may use: from ``probation`` up to all of them.

    It grows with the logarithm of the evidence, as a bettor's knowledge does, and is whole at
    `FULL_SIZE_AT`.
    """
    if not 0.0 < probation <= 1.0:
        raise DataError(f"the probation size is a share of the limits, was {probation:g}")
    if evidence <= 1.0:
        return probation
    grown = float(np.log(evidence) / np.log(FULL_SIZE_AT))
    return min(1.0, probation + (1.0 - probation) * grown)
