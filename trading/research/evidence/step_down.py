"""Which trials of a search earn something, when at least one of them does.

The step-down procedure of Joseph Romano and Michael Wolf, "Stepwise Multiple Testing as Formalized
Data Snooping", Econometrica 73(4), 2005: trials beyond the critical value of the best of all are
believed, then the critical value of the best of the others is drawn, and so on. The probability
that any trial without an edge is among the believed is at most ``alpha``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.research.evidence.superior_ability import (
    FloatArray,
    block_length,
    highest_scores,
    recentred,
    tested_rows,
)

_STEPS = 10


def superior_trials(
    returns: FloatArray,
    generator: np.random.Generator,
    alpha: float,
    samples: int,
) -> NDArray[np.bool_]:
    """Return for each row of ``returns`` ``[trial, period]`` whether its mean is above zero.

    Give net returns in excess of cash; the resamples are those of `superior_ability`.
    """
    found = np.zeros(len(returns), dtype=np.bool_)
    open_rows = tested_rows(returns)
    if len(open_rows) == 0:
        return found
    length = block_length(returns[open_rows])
    seed = generator.integers(2**63)
    for _ in range(_STEPS):
        kept = returns[open_rows]
        scores, centre = recentred(kept)
        draws = highest_scores(kept, centre, np.random.default_rng(seed), samples, length)
        # With the observation itself, as in the p-value: (1 + #{T* >= T}) / (B + 1) <= alpha.
        place = int(np.floor(alpha * (samples + 1))) - 1
        if place < 0:
            break
        critical = float(np.sort(np.maximum(draws, 0.0))[::-1][place])
        believed = scores > critical
        if not believed.any():
            break
        found[open_rows[believed]] = True
        open_rows = open_rows[~believed]
        if len(open_rows) == 0:
            break
    return found
