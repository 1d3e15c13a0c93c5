"""The ICT structures of recorded candles are those found when the rules were last read."""

from __future__ import annotations

import pytest

from tests.trading.recorded.markets import load
from tests.trading.recorded.structures import CASES, structures

RECORDED = load("structures")


@pytest.mark.parametrize("name", RECORDED)
def test_structures_are_those_recorded(name: str) -> None:
    assert structures(CASES[name]) == RECORDED[name]


def test_every_case_is_recorded() -> None:
    assert set(CASES) == set(RECORDED)
