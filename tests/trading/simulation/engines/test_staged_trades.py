"""Entries that the market has passed before they are made."""

from __future__ import annotations

import math

import pytest

from trading.positions.exit_rules import ExitRules
from trading.simulation.engines.staged_trades import is_missed
from trading.simulation.layout import Signals


@pytest.mark.parametrize(
    ("side", "price", "missed"),
    [
        (1.0, 90.0, True),  # at the stop
        (1.0, 90.5, False),
        (1.0, 119.5, False),
        (1.0, 120.0, True),  # at the target
        (1.0, 80.0, True),
        (1.0, 130.0, True),
        (-1.0, 120.0, True),
        (-1.0, 119.5, False),
        (-1.0, 90.5, False),
        (-1.0, 90.0, True),
    ],
)
def test_an_entry_is_missed_beyond_its_own_stop_or_target(
    side: float, price: float, missed: bool
) -> None:
    stop, target = (90.0, 120.0) if side > 0 else (120.0, 90.0)
    other = [1.0, 1.0, 2.0]
    signals = Signals([0, 1], [math.nan] * 2, [*other, side, stop, target], [], [])
    assert is_missed(signals, 1, ExitRules().layout(), 0, price) is missed


def test_an_entry_without_levels_is_never_missed() -> None:
    signals = Signals([0], [math.nan], [], [], [])
    assert not is_missed(signals, 0, ExitRules().layout(), 0, 1e-8)
    assert not is_missed(signals, 0, ExitRules().layout(), 0, 1e8)
