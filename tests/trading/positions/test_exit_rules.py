"""Rules of exits at the leverage of an account."""

from __future__ import annotations

import pytest

from trading.positions.exit_rules import ExitRules


@pytest.mark.parametrize("leverage", [1, 2, 5])
def test_the_leverage_of_the_account_replaces_that_of_the_strategy(leverage: int) -> None:
    guarded = ExitRules(leverage=3.0, liquidation_guard=0.2, target_volatility=0.02)
    rules = guarded.at_leverage(leverage)
    assert (rules.leverage, rules.target_volatility) == (float(leverage), 0.0)
    assert ExitRules(liquidation_guard=0.2).at_leverage(leverage).leverage == leverage
    assert ExitRules(leverage=3.0).at_leverage(leverage).leverage == leverage
    assert ExitRules().at_leverage(leverage).leverage == 1.0
