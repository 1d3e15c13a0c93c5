"""Sizes of the older systems by name: what an entry buys in the executor."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.executor.fakes import BTCUSDT, FakeVenue, executor_on, settled, signal
from trading.strategies.registry import get_strategy

BREAKOUT = get_strategy("breakout")


@pytest.mark.parametrize(
    ("values", "share"),
    [
        # A unit of 1 % over twice the ATR, though the stop is nearer.
        ({"sizing": "turtle", "unit_risk": 0.01, "atr_multiplier": 2.0}, 0.01 / 2_000.0),
        ({"sizing": "turtle", "unit_risk": 0.02, "atr_multiplier": 4.0}, 0.02 / 4_000.0),
        # An ATR moves 1 %.
        ({"sizing": "volatility", "volatility_target": 0.01}, 0.01 / 1_000.0),
    ],
)
async def test_a_size_by_atr_does_not_follow_the_stop(
    values: dict[str, str | float], share: float, tmp_path: Path
) -> None:
    params = BREAKOUT.resolve({"stop_loss": 0.01, "max_position_size": 1.0, **values})
    async with executor_on(tmp_path, FakeVenue()) as executor:
        equity = float(executor.portfolio.equity("USDT"))
        signal(executor, params=params, atr=1_000.0)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert float(holding.row.quantity) == pytest.approx(equity * share, rel=0.05)


async def test_without_an_atr_a_size_by_atr_is_refused(tmp_path: Path) -> None:
    params = BREAKOUT.resolve({"sizing": "turtle"})
    async with executor_on(tmp_path, FakeVenue()) as executor:
        signal(executor, params=params, atr=None)
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is None
