"""Every strategy declares what it declared when its rules were last read."""

from __future__ import annotations

import pytest

from tests.trading.recorded.declarations import declarations
from tests.trading.recorded.markets import load
from trading.strategies.registry import strategy_names

RECORDED = load("declarations")


@pytest.mark.parametrize("name", strategy_names())
def test_declarations_are_those_recorded(name: str) -> None:
    assert declarations(name) == RECORDED[name]
