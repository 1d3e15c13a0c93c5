"""The statistics of research give on fixed returns what they gave when they were last read."""

from __future__ import annotations

import pytest

from tests.trading.recorded.markets import load
from tests.trading.recorded.statistics import CASES, lines_of

RECORDED = load("statistics")


@pytest.mark.parametrize("name", CASES)
def test_statistics_are_those_recorded(name: str) -> None:
    assert lines_of(name) == RECORDED[name]
