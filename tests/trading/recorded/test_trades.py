"""Both engines trade on recorded candles what they traded when the rules were last read."""

from __future__ import annotations

import pytest

from tests.trading.recorded.markets import load
from tests.trading.recorded.trades import cases, trades

RECORDED = load("trades")
CASES = cases()


@pytest.mark.parametrize("name", RECORDED)
def test_trades_are_those_recorded(name: str) -> None:
    assert trades(CASES[name]) == RECORDED[name]


def test_every_case_is_recorded() -> None:
    assert set(CASES) == set(RECORDED)
