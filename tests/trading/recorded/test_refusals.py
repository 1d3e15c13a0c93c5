"""Parameters, rules and accounts are refused with the words of when they were last read."""

from __future__ import annotations

import pytest

from tests.trading.recorded.markets import load
from tests.trading.recorded.refusals import CASES, lines_of

RECORDED = load("refusals")


@pytest.mark.parametrize("name", CASES)
def test_refusals_are_those_recorded(name: str) -> None:
    assert lines_of(name) == RECORDED[name]
