"""The deflated Sharpe ratio is that of skfolio 1.12.2, to 3e-4, on the same drawn returns.

Its figures are written down: `skfolio.measures.deflated_sharpe_ratio(returns, ratios)` of the trial
with the best ratio.
"""

from __future__ import annotations

import numpy as np
import pytest

from trading.research.overfitting import deflated_sharpe, sharpe_ratios

SKFOLIO = {
    # trials, days, mean by deviation: probability
    (200, 2000, 0.0): 0.28004709839514264,
    (20, 250, 0.05): 0.5635728339104229,
    (5, 90, 0.1): 0.8669453642746634,
    (1, 60, 0.1): 0.005992293954039309,
}


@pytest.mark.parametrize("case", SKFOLIO)
def test_the_deflated_sharpe_ratio_is_that_of_skfolio(case: tuple[int, int, float]) -> None:
    trials, days, edge = case
    drawn = np.random.default_rng(trials).standard_t(4, (trials, days)) * 0.01 + edge * 0.01
    ratios = sharpe_ratios(drawn)
    found = deflated_sharpe(drawn[int(np.argmax(ratios))], ratios)
    assert found.probability == pytest.approx(SKFOLIO[case], abs=3e-4)
