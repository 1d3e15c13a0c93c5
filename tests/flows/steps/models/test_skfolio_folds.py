"""The purged walk-forward has the rows of skfolio `WalkForward(480, 960, purged_size=8)`."""

from __future__ import annotations

import numpy as np

from flows.steps.models.split import SplitSettings, walk_forward
from tests.flows.steps.models.made_data import noise

SKFOLIO = [(0, 959, 968, 1447), (480, 1439, 1448, 1927), (960, 1919, 1928, 2407)]
"""Of version 1.12.2: first and last row of training and test.

960 and 480 quarters of an hour are 10 and 5 days.
"""


def test_purged_folds_are_those_of_skfolio() -> None:
    data = noise(36)
    # A purge of one hour and an embargo of one: eight rows.
    settings = SplitSettings(train_days=10, test_days=5, window_days=10, embargo_hours=1.0)
    found = []
    for split in walk_forward(data, settings):
        train, test = np.flatnonzero(split.train), np.flatnonzero(split.test)
        assert (np.diff(train) == 1).all()
        assert (np.diff(test) == 1).all()
        found.append((train[0], train[-1], test[0], test[-1]))
    assert found[:3] == SKFOLIO
