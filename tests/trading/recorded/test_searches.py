"""Grids, trials, walk-forwards, gates and probes give what they gave when last read."""

from __future__ import annotations

import pytest

from tests.trading.recorded.markets import load
from tests.trading.recorded.searches import CASES, lines_of

RECORDED = load("searches")


@pytest.mark.parametrize("name", CASES)
def test_searches_are_those_recorded(name: str) -> None:
    assert lines_of(name) == RECORDED[name]
