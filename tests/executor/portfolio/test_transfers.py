"""Money paid in or out: by whichever path it is seen, it counts once and is no result."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.ledger.store import Ledger
from executor.model import AccountUpdate, Balance, Transfer
from executor.venues.faults import Temporary
from tests.executor.fakes import MINUTE, USDT, FakeVenue, executor_on, settled

AT = 3 * MINUTE
OUT = Transfer(USDT, Decimal(-700), AT, "41")


class Paying(FakeVenue):
    """A venue whose wallet follows what was paid; ``lost`` was lost in trades."""

    lost = Decimal(0)

    async def balances(self) -> dict[str, Balance]:
        held = 10_000 + sum(transfer.amount for transfer in self.paid) - self.lost
        return {"USDT": Balance(held, held)}


def streamed(amount: int, at: int = AT) -> AccountUpdate:
    """The event of a transfer."""
    return AccountUpdate(USDT, True, None, Decimal(amount), at)


async def begun(executor: Executor) -> None:
    """Store the day's baseline."""
    executor.daily_loss.check_all()
    assert executor.daily_loss.baseline("USDT") == 10_000


async def test_a_withdrawal_while_the_stream_was_down_is_no_loss(tmp_path: Path) -> None:
    venue = Paying()
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        await begun(executor)
        venue.paid = [OUT]
        await executor.reconciler.run_once()
        executor.daily_loss.check_all()
        await settled(executor)
        assert executor.daily_loss.baseline("USDT") == 9_300
        assert not executor.daily_loss.reached("USDT")


async def test_a_withdrawal_while_no_executor_ran_is_no_loss(tmp_path: Path) -> None:
    venue = Paying()
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        await begun(executor)
    venue.paid = [OUT]
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        executor.daily_loss.check_all()
        await settled(executor)
        assert executor.daily_loss.baseline("USDT") == 9_300
        assert not executor.daily_loss.reached("USDT")


async def test_a_deposit_does_not_rescue_from_a_loss(tmp_path: Path) -> None:
    venue = Paying()
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        await begun(executor)
        venue.lost = Decimal(800)
        venue.paid = [Transfer(USDT, Decimal(1_000), AT, "42")]
        await executor.reconciler.run_once()
        executor.daily_loss.check_all()
        await settled(executor)
        assert executor.daily_loss.baseline("USDT") == 11_000
        assert executor.daily_loss.reached("USDT")


@pytest.mark.parametrize("stream_first", [True, False])
async def test_both_paths_together_count_a_transfer_once(
    tmp_path: Path, stream_first: bool
) -> None:
    venue = Paying()
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        await begun(executor)
        if stream_first:
            executor.execution_reports.push(streamed(-700))
            await settled(executor)
        venue.paid = [OUT]
        await executor.reconciler.run_once()
        for _ in range(2):  # the stream repeats itself
            executor.execution_reports.push(streamed(-700))
        await settled(executor)
        assert executor.daily_loss.baseline("USDT") == 9_300
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        executor.daily_loss.check_all()
        assert executor.daily_loss.baseline("USDT") == 9_300


async def test_two_equal_transfers_are_two(tmp_path: Path) -> None:
    venue = Paying()
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        await begun(executor)
        for at in (AT, AT + 2_000):
            executor.execution_reports.push(streamed(-700, at))
        await settled(executor)
        venue.paid = [OUT, Transfer(USDT, Decimal(-700), AT + 2_000, "43")]
        await executor.reconciler.run_once()
        assert executor.daily_loss.baseline("USDT") == 8_600


async def test_what_the_baseline_already_has_in_it_is_left_alone(tmp_path: Path) -> None:
    venue = Paying()
    venue.paid = [Transfer(USDT, Decimal(500), MINUTE, "40")]
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        executor.daily_loss.check_all()
        await executor.transfers.ask_all()
        assert executor.daily_loss.baseline("USDT") == 10_500


async def test_before_the_limit_counts_transfers_are_requested(tmp_path: Path) -> None:
    venue = Paying()
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        await begun(executor)
        # The stream shows the smaller wallet, and the list has the transfer a moment later.
        executor.portfolio.balances[USDT] = Balance(Decimal(9_300), Decimal(9_300))
        venue.paid = [OUT]
        executor.daily_loss.check_all()
        await settled(executor)
        assert not executor.daily_loss.reached("USDT")


async def test_a_loss_counts_where_transfers_cannot_be_listed(tmp_path: Path) -> None:
    class Deaf(Paying):
        async def transfers(self, start_ms: int) -> list[Transfer] | None:
            raise Temporary(f"nothing since {start_ms}")

    async with executor_on(tmp_path, Deaf(), mode="testnet") as executor:
        await begun(executor)
        executor.portfolio.balances[USDT] = Balance(Decimal(9_300), Decimal(9_300))
        executor.daily_loss.check_all()
        await settled(executor)
        assert executor.daily_loss.reached("USDT")


@pytest.mark.parametrize("request_in_progress", ["balances", "transfers"])
async def test_a_deposit_that_arrives_during_a_comparison_is_no_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_in_progress: str
) -> None:
    venue = Paying()
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        await begun(executor)
        answered = getattr(venue, request_in_progress)

        async def overtaken(*values: int) -> object:
            monkeypatch.setattr(venue, request_in_progress, answered)
            answer = await answered(*values)
            executor.execution_reports.push(
                AccountUpdate(USDT, True, Decimal(11_000), Decimal(1_000), AT)
            )
            while executor.daily_loss.baseline("USDT") != 11_000:
                await asyncio.sleep(0)
            return answer

        monkeypatch.setattr(venue, request_in_progress, overtaken)
        venue.lost = Decimal(1)  # a surprise: transfers are requested
        async with asyncio.timeout(5):
            await executor.reconciler.run_once()
        executor.daily_loss.check_all()
        await settled(executor)
        assert executor.portfolio.balance(USDT).wallet == 11_000
        assert not executor.daily_loss.reached("USDT")


async def test_a_list_that_does_not_come_delays_no_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = Paying()
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        listed = venue.transfers

        async def silent(start_ms: int) -> list[Transfer] | None:
            await asyncio.Event().wait()
            return await listed(start_ms)

        await begun(executor)
        monkeypatch.setattr(venue, "transfers", silent)
        monkeypatch.setattr("executor.reconciliation.reconciler.TRANSFERS_WITHIN_S", 0.01)
        venue.paid = [OUT]
        async with asyncio.timeout(5):
            assert await executor.reconciler.run_once()
        monkeypatch.setattr(venue, "transfers", listed)
        await executor.reconciler.run_once()
        assert executor.daily_loss.baseline("USDT") == 9_300, "asked again"


async def test_transfers_count_on_the_day_of_an_upgrade(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.set_meta("day", "0")
    ledger.set_meta("day_baseline:USDT", "10000")
    async with executor_on(tmp_path, Paying(), ledger=ledger, mode="testnet") as executor:
        await begun(executor)
        executor.execution_reports.push(streamed(-700))
        await settled(executor)
        assert executor.daily_loss.baseline("USDT") == 9_300
