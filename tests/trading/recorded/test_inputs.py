"""Raw candles, correlations, funding and margins give what they gave when last read."""

from __future__ import annotations

import pytest

from tests.trading.recorded.inputs import CASES, lines_of
from tests.trading.recorded.markets import load

RECORDED = load("inputs")


@pytest.mark.parametrize("name", CASES)
def test_inputs_are_those_recorded(name: str) -> None:
    assert lines_of(name) == RECORDED[name]
