"""The budget of looks: what a test of a strategy may spend of the chance of ever being wrong.

One hypothesis is one strategy with its rules and its grid; symbols are chosen inside. All looks
that are ever taken share one chance of error, ``alpha``: first every strategy gets a share of it,
then each of its looks spends a part of that share. The parts of all looks of a strategy add up to
its share, so that however many nights pass, noise is proven with a probability of at most
``alpha`` (Bonferroni's inequality: it holds whatever the tests have to do with each other). A
hypothesis that is tested every night at the full ``alpha`` would be proven by chance within a year
with a probability of 25 % on a growing window, and of 88 % on the last 30 days.
"""

from __future__ import annotations

from trading.errors import DataError

NEW_DAYS = 30
"""Days of new data after which the same hypothesis may be looked at again."""
FIRST_SHARE = 0.8
"""Part of the budget for the strategies of the first night; the rest waits for later ones."""


def share_of_budget(alpha: float, spent: float, opening: int, configured: int) -> float:
    """Share of ``alpha`` for each of ``opening`` strategies that have none yet.

    ``spent`` is the sum of the shares given before, ``configured`` the number of strategies that
    compete tonight: a late one gets no more than it would have got with the others.
    """
    if not 0.0 < alpha < 1.0:
        raise DataError(f"alpha is a chance between 0 and 1, was {alpha:g}")
    left = max(0.0, alpha - spent) * FIRST_SHARE / max(1, opening)
    return min(left, alpha * FIRST_SHARE / max(1, configured))


def spent_by_look(share: float, look: int) -> float:
    """What look number ``look`` (from 1 on) of a strategy spends of its ``share``.

    A half, a sixth, a twelfth …: 1/(k·(k + 1)) of the share, which add up to all of it. Later looks
    see more days, and so need less of it.
    """
    if look < 1:
        raise DataError(f"looks are counted from 1, was {look}")
    return share / (look * (look + 1))
