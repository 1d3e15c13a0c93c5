"""Entries, additions and parts of one account at an exchange."""

from __future__ import annotations

import pytest

from tests.trading.simulation.test_account import FALL, GRID, run_always
from trading.positions.exit_rules import Addition, ExitRules
from trading.simulation.account.simulation import ExchangeProfile, SymbolFilters


def test_after_an_addition_the_ladder_begins_at_its_first_step():
    """Every trade begins with a ladder of which nothing is sold."""
    cycle = [98.0, 97.0, 98.2, 99.6, 100.5, 103.0, 104.0]
    rules = ExitRules(
        stop_loss=0.2,
        take_profit=0.05,
        half_close=0.9,
        exit_after_half=True,
        partials=((0.01, 0.5), (0.02, 0.25)),
        additions=(Addition(0.01, 1.0, 0.2),),
    )
    prices = [*FALL[:3], *cycle, 100.5, 99.0, *cycle]
    options = {"filters": GRID, "profile": ExchangeProfile(1), "compiled": False}
    run = run_always(prices, rules, **options)
    assert run.fills is not None
    assert run.fills.reason.tolist() == 2 * [
        "",
        "add_first",
        "return_to_initial",
        "partial_take_profit",
    ]
    entered, sold = run.fills.quantity[[0, 4]], run.fills.quantity[[3, 7]]
    assert (sold == -entered).all()


@pytest.mark.parametrize(("least", "added"), [(19.0, True), (21.0, False)])
def test_an_addition_below_the_least_notional_is_not_made(least, added):
    """Of about 980 at the entry, an addition of a fiftieth is worth nearly 20."""
    rules = ExitRules(stop_loss=0.2, additions=(Addition(0.01, 0.02, 0.2),))
    filters = {"BTCUSDT": SymbolFilters(step=0.001, tick=0.1, min_notional=least)}
    options = {"filters": filters, "profile": ExchangeProfile(1), "compiled": False}
    run = run_always([*FALL[:3], 97.5, 97.0, 97.0], rules, **options)
    assert run.fills is not None
    assert ("add_first" in run.fills.reason.tolist()) is added
