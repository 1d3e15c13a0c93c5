"""The largest share of the account that an entry may take, candle by candle."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.trading import engines
from tests.trading.account_runs import run_account
from trading.errors import ParameterError
from trading.simulation import Costs
from trading.simulation.account import decisions
from trading.simulation.account.simulation import (
    AccountLimits,
    ExchangeProfile,
    SymbolFilters,
    TradedStrategy,
)
from trading.strategies.layout import CONFIDENCE
from trading.strategies.technical.rsi_bollinger import RsiBollinger

SETTINGS = engines.REVERSION | {"max_position_size": 0.2}
GRID = {"BTCUSDT": SymbolFilters(step=0.000001, tick=0.1)}
ROWS = 2_000
PROFILES = [None, ExchangeProfile()]


def traded_with(rules: str = "fixed") -> TradedStrategy:
    return TradedStrategy(
        engines.with_rules(RsiBollinger, engines.RULES[rules], 1), "BTCUSDT", SETTINGS
    )


def run(bitcoin, shares, profile=None, *, rules="fixed", compiled=True, impact=0.0):
    """One strategy per share, on the first candles."""
    candles = bitcoin.rows(0, ROWS)
    return run_account(
        [traded_with(rules)] * (1 if shares is None else len(shares)),
        {"BTCUSDT": candles},
        Costs(5),
        AccountLimits(max_exposure=100.0, daily_loss=1.0, impact=impact),
        filters=GRID,
        profile=profile,
        shares=shares,
        compiled=compiled,
    )


def always(share: float):
    return np.full(ROWS, share)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_share_above_the_strategys_own_changes_nothing(bitcoin, profile):
    free = run(bitcoin, None, profile)
    for share in (0.2, math.inf):
        held = run(bitcoin, [always(share)], profile)
        assert held.equity.tobytes() == free.equity.tobytes()
    assert len(free) >= 5
    assert free.refused["ensemble"] == 0


@pytest.mark.parametrize("profile", PROFILES)
def test_an_entry_takes_the_share_of_the_candle_that_decided_it(bitcoin, profile):
    free = run(bitcoin, None, profile)
    entered = int(np.searchsorted(bitcoin.open_time, free.entry_time[0]))
    shares = always(0.2)
    shares[entered - 1] = 0.05
    held = run(bitcoin, [shares], profile)
    assert held.quantity[0] == pytest.approx(free.quantity[0] / 4, rel=1e-4)
    assert held.quantity[1] == pytest.approx(free.quantity[1], rel=0.01)


@pytest.mark.parametrize("profile", PROFILES)
def test_without_a_share_nothing_enters_and_the_refusals_are_counted(bitcoin, profile):
    none = run(bitcoin, [always(0.0)], profile)
    assert len(none) == 0
    assert none.refused["ensemble"] >= 5
    assert none.wallet == 10_000


@pytest.mark.parametrize("profile", PROFILES)
def test_a_share_holds_for_the_entry_with_all_its_additions(bitcoin, profile):
    held = run(bitcoin, [always(0.1)], profile, rules="additions")
    planned = 1.0 + sum(addition.weight for addition in engines.ADDITIONS)
    entries = held.quantity * held.entry_price / (0.1 * 10_000 / planned)
    steps = np.cumsum([1.0, *(addition.weight for addition in engines.ADDITIONS)])
    gaps = np.abs(entries[:, None] - steps).min(axis=1)
    assert (gaps < 0.02 * steps[-1]).all()
    assert entries.max() > 2.0  # additions were made
    assert entries.max() < planned * 1.01


def test_a_signal_without_a_share_leaves_the_entry_to_a_weaker_one(bitcoin, monkeypatch):
    free, decide, rates = run(bitcoin, None), decisions.decide, iter([0.9, 0.5])

    def rated(*arguments, **options):
        stream = decide(*arguments, **options)
        stream[:, CONFIDENCE] = next(rates)
        return stream

    monkeypatch.setattr(decisions, "decide", rated)
    held = run(bitcoin, [always(0.0), always(0.2)])
    assert set(held.place.tolist()) == {1}
    assert held.profit.tobytes() == free.profit.tobytes()


@pytest.mark.parametrize("profile", PROFILES)
def test_both_backends_respect_the_same_shares(bitcoin, profile):
    shares = [0.1 * (np.arange(ROWS) % 4), 0.1 * (np.arange(ROWS) // 100 % 3)]
    impact = 0.01 if profile is None else 0.0
    runs = [
        run(bitcoin, shares, profile, compiled=compiled, impact=impact)
        for compiled in (True, False)
    ]
    assert runs[0].equity.tobytes() == runs[1].equity.tobytes()
    assert runs[0].refused == runs[1].refused
    assert runs[0].refused["ensemble"] > 0
    assert len(runs[0]) >= 3


@pytest.mark.parametrize("wrong", [np.zeros(ROWS - 1), always(-0.1), always(math.nan)])
def test_invalid_shares_are_refused(bitcoin, wrong):
    with pytest.raises(ParameterError, match="shares are needed of 0 or more for each of the 2000"):
        run(bitcoin, [wrong])
