"""Entries that carry a confidence: which of several at the same moment the account takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from tests.trading.account_runs import FREE, run_account
from trading.candles import MINUTE_MS, CandleColumns
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.simulation import Costs
from trading.simulation.account.simulation import AccountLimits, TradedStrategy
from trading.strategies.base import (
    Strategy,
)
from trading.strategies.layout import (
    ACTION,
    CONFIDENCE,
    ENTER,
    OWN,
)
from trading.strategies.parameters import (
    Parameter,
    Value,
)


@kernel
def enter_step(
    state: Buffer,  # noqa: ARG001 - every step has the same arguments
    par: Buffer,
    out: Buffer,
    bar: Bar,  # noqa: ARG001
) -> None:
    out[ACTION] = ENTER
    out[CONFIDENCE] = par[OWN]


class Confident(Strategy):
    """Enters on every candle with the same confidence."""

    own = (Parameter("confidence", "float", 0.5, 0.0, 1.0),)
    defaults: ClassVar[Mapping[str, Value]] = {"filters": "off", "signal_tf": "1m"}
    step = staticmethod(enter_step)

    def state_size(self, params: Mapping[str, Value]) -> int:
        del params
        return 0

    def warmup(self, params: Mapping[str, Value]) -> int:
        del params
        return 1


def entering(name: str, confidence: float, symbol: str = "BTCUSDT") -> TradedStrategy:
    strategy = type(name, (Confident,), {"name": name})()
    return TradedStrategy(strategy, symbol, {"confidence": confidence, "max_position_size": 0.2})


def first_entries(*traded: TradedStrategy, limits: AccountLimits = FREE) -> set[str]:
    """Return the strategies that enter at the first moment at which any does."""
    prices = np.full(6, 100.0)
    flat = CandleColumns.of(MINUTE_MS * np.arange(6), *[prices] * 4, prices)
    candles = {one.symbol: flat for one in traded}
    run = run_account(traded, candles, Costs(0), limits, compiled=False)
    entered = run.place[run.entry_time == run.entry_time.min()]
    return {traded[place].strategy.name for place in entered.tolist()}


def test_only_the_most_confident_entry_on_a_symbol_is_taken():
    weak = entering("ict_conservative", 0.6)
    strong = entering("ict_aggressive", 0.8)
    other = entering("ict_mixed", 0.1, "ETHUSDT")
    assert first_entries(weak, strong, other) == {"ict_aggressive", "ict_mixed"}


def test_equally_confident_entries_are_ranked_conservative_mixed_aggressive():
    names = ["ict_aggressive", "ict_mixed", "ict_conservative"]
    while names:
        assert first_entries(*(entering(name, 0.8) for name in names)) == {names.pop()}


def test_one_position_at_a_time_unless_there_is_room_for_more():
    first, second = entering("ict_mixed", 1.0), entering("ict_aggressive", 0.8, "ETHUSDT")
    one = AccountLimits(max_positions=1, max_exposure=100.0, daily_loss=1.0)
    assert first_entries(first, second, limits=one) == {"ict_mixed"}
    assert first_entries(first, second) == {"ict_mixed", "ict_aggressive"}
