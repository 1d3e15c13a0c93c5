"""Ensembles, regimes and the maker grid give what they gave when last read."""

from __future__ import annotations

import pytest

from tests.trading.recorded.markets import load
from tests.trading.recorded.portfolios import CASES, lines_of

RECORDED = load("portfolios")


@pytest.mark.parametrize("name", CASES)
def test_portfolios_are_those_recorded(name: str) -> None:
    assert lines_of(name) == RECORDED[name]
