"""Every strategy decides on recorded candles what it decided when its rules were last read."""

from __future__ import annotations

import pytest

from tests.trading.recorded.decisions import Case, decisions
from tests.trading.recorded.markets import load
from trading.strategies.registry import get_strategy, strategy_names

RECORDED = load("decisions")


@pytest.mark.parametrize("name", RECORDED)
def test_decisions_are_those_recorded(name: str) -> None:
    recorded = dict(RECORDED[name])
    lines = recorded.pop("lines")
    assert decisions(Case(**recorded)) == lines


def test_every_strategy_is_recorded_with_entries() -> None:
    entered = {
        case["strategy"]
        for case in RECORDED.values()
        if any(line.startswith("action 1 ") for line in case["lines"])
    }
    assert entered == set(strategy_names())
    assert all(get_strategy(case["strategy"]) for case in RECORDED.values())
