"""The limits before an entry, by the process that comes after a crash; and their ceilings."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from executor.builder import Executor
from executor.settings import RiskSettings
from tests.executor.fakes import (
    BTCUSDT,
    ETHUSDT,
    MINUTE,
    FakeVenue,
    executor_on,
    reasons,
    settled,
    signal,
)


async def close(executor: Executor) -> None:
    holding = executor.portfolio.holding(BTCUSDT)
    assert holding is not None
    executor.closer.close(holding, "test", None)
    await settled(executor)


@pytest.mark.parametrize(
    ("risk", "stays_open", "reason"),
    [
        ({"max_concurrent": 1}, True, "1 positions open, at most 1"),
        ({"max_exposure": "0.01"}, True, "exposure 1000.00 is at its limit"),
        ({"max_entries_per_day": 1}, False, "1 entries today, at most 1"),
        ({"max_orders_per_minute": 3}, False, "orders in the last minute"),
    ],
    ids=["positions", "exposure", "entries of a day", "orders of a minute"],
)
async def test_a_limit_counts_what_the_process_before_did(
    tmp_path: Path, risk: dict[str, object], stays_open: bool, reason: str
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        if not stays_open:
            await close(executor)
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        other = ETHUSDT if stays_open else BTCUSDT
        signal(executor, symbol=other, bar_time=2 * MINUTE)
        await settled(executor)
        assert any(reason in found for found in reasons(executor)), reasons(executor)
        held = executor.portfolio.holding(BTCUSDT)
        assert (held is not None) == stays_open, "nothing but the entry is refused"


async def test_what_the_process_before_reserved_is_no_free_balance(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        used = executor.entry_handler._check._account.state(ETHUSDT)
    async with executor_on(tmp_path, venue) as executor:
        again = executor.entry_handler._check._account.state(ETHUSDT)
        assert again.available == used.available < again.wallet
        assert again.exposure == used.exposure > 0


@pytest.mark.parametrize(
    ("name", "beyond"),
    [
        ("max_order_notional", 1_000_001),
        ("max_orders_per_minute", 601),
        ("max_concurrent", 51),
        ("max_exposure", 21),
        ("max_position_share", "1.01"),
        ("daily_loss_limit", "1.01"),
        ("max_price_deviation", "0.21"),
    ],
)
def test_a_setting_beyond_its_ceiling_is_refused(name: str, beyond: object) -> None:
    with pytest.raises(ValidationError, match=name):
        RiskSettings.model_validate({name: beyond})
