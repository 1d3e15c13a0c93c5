"""Money paid in or out of a spot wallet: every list of the exchange, each row once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from executor.builder import Executor
from executor.model import AccountUpdate, Balance, Transfer, Wallet
from executor.venues.binance_spot.transfers import HELD_MS, transfers_of
from tests.executor.fakes import MINUTE, USDT, FakeVenue, executor_on, settled
from trading.candles import DAY_MS

SPOT = Wallet("binance_spot", "USDT")
NOON = 1_750_248_000_000
"""2025-06-18 12:00 UTC."""
DEPOSIT = {"id": "769", "amount": "100", "coin": "USDT", "status": 1, "insertTime": NOON}
WITHDRAWAL = {
    "id": "b6ae",
    "amount": "8.91",
    "transactionFee": "0.09",
    "coin": "USDT",
    "status": 6,
    "applyTime": "2025-06-18 12:00:00",
}


def moved(kind: str, number: int, status: str = "CONFIRMED") -> dict[str, Any]:
    """A row of the transfers between wallets, as the exchange documents it."""
    return {
        "asset": "USDT",
        "amount": "50",
        "type": kind,
        "status": status,
        "tranId": number,
        "timestamp": NOON,
    }


class Lists:
    """The three lists of the exchange."""

    def __init__(self, **rows: Any) -> None:
        self.rows = rows
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def __call__(self, endpoint: str, **params: Any) -> Any:
        self.asked.append((endpoint, params))
        if endpoint == "sapiGetCapitalDepositHisrec":
            return self.rows.get("paid_in", [])
        if endpoint == "sapiGetCapitalWithdrawHistory":
            return self.rows.get("paid_out", [])
        assert endpoint == "sapiGetAssetTransfer"
        found = [row for row in self.rows.get("moved", []) if row["type"] == params["type"]]
        return {"total": len(found), "rows": found} if found else {"total": 0}


@pytest.mark.parametrize(
    ("lists", "found"),
    [
        (Lists(), []),
        (
            Lists(paid_in=[DEPOSIT]),
            [Transfer(SPOT, Decimal(100), NOON, "in 769", late_ms=DAY_MS)],
        ),
        (Lists(paid_in=[{**DEPOSIT, "status": 0}, {**DEPOSIT, "walletType": 1}]), []),
        (Lists(paid_out=[WITHDRAWAL]), [Transfer(SPOT, Decimal(-9), NOON, "out b6ae")]),
        (Lists(paid_out=[{**WITHDRAWAL, "walletType": 1}]), []),
        (
            Lists(paid_out=[{**WITHDRAWAL, "status": 3}]),
            [
                Transfer(SPOT, Decimal(-9), NOON, "out b6ae"),
                Transfer(SPOT, Decimal(9), NOON, "back b6ae", late_ms=HELD_MS),
            ],
        ),
        (
            Lists(paid_out=[{**WITHDRAWAL, "status": 1, "completeTime": "2025-06-18 12:01:00"}]),
            [
                Transfer(SPOT, Decimal(-9), NOON, "out b6ae"),
                Transfer(SPOT, Decimal(9), NOON + MINUTE, "back b6ae", late_ms=DAY_MS),
            ],
        ),
        (
            Lists(moved=[moved("MAIN_UMFUTURE", 1), moved("FUNDING_MAIN", 2)]),
            [
                Transfer(SPOT, Decimal(-50), NOON, "moved 1"),
                Transfer(SPOT, Decimal(50), NOON, "moved 2"),
            ],
        ),
        (Lists(moved=[moved("MAIN_FUNDING", 1, "PENDING")]), []),
    ],
    ids=[
        "none",
        "deposit",
        "not credited here",
        "withdrawal",
        "not from here",
        "rejected",
        "cancelled a minute later",
        "moved",
        "pending",
    ],
)
async def test_each_row_that_changed_the_wallet_is_a_transfer(
    lists: Lists, found: list[Transfer]
) -> None:
    assert await transfers_of(lists, NOON - MINUTE) == found
    asked = dict(lists.asked)
    begin = NOON - MINUTE
    assert asked["sapiGetCapitalDepositHisrec"] == {"startTime": begin - DAY_MS}, "a day later"
    assert asked["sapiGetCapitalWithdrawHistory"] == {"startTime": begin - HELD_MS}, "or a month"


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, []),
        ({"status": 3}, [Transfer(SPOT, Decimal(9), NOON, "back b6ae", late_ms=HELD_MS)]),
    ],
    ids=["left long before", "given back weeks later"],
)
async def test_of_an_old_withdrawal_only_what_came_back_counts(
    more: dict[str, Any], found: list[Transfer]
) -> None:
    lists = Lists(paid_out=[{**WITHDRAWAL, **more}])
    assert await transfers_of(lists, NOON + 20 * DAY_MS) == found


class Confirming(FakeVenue):
    """A deposit that the network brought an hour before it is credited."""

    def __init__(self) -> None:
        super().__init__()
        self.credited = Decimal(0)

    async def balances(self) -> dict[str, Balance]:
        held = 10_000 + self.credited
        return {"USDT": Balance(held, held)}

    async def transfers(self, start_ms: int) -> list[Transfer] | None:
        del start_ms
        if not self.credited:
            return []
        return [Transfer(USDT, self.credited, MINUTE, "in 1", late_ms=DAY_MS)]


@pytest.mark.parametrize("path", ["list", "stream then list", "list then stream"])
async def test_a_deposit_that_took_long_counts_once_and_after_the_baseline(
    tmp_path: Path, path: str
) -> None:
    venue = Confirming()
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        executor.services.clock.observe(60 * MINUTE)
        executor.daily_loss.check_all()
        await executor.transfers.ask_all()
        venue.credited = Decimal(1_000)
        for step in path.split(" then "):
            if step == "list":
                await executor.transfers.ask_all()
            else:
                update = AccountUpdate(USDT, True, None, Decimal(1_000), 61 * MINUTE)
                executor.transfers.on_stream(update)
        await settled(executor)
        assert executor.daily_loss.baseline("USDT") == 11_000


class Rejecting(FakeVenue):
    """A withdrawal of 1,000 that the exchange gives back."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[Transfer] = []

    async def transfers(self, start_ms: int) -> list[Transfer] | None:
        del start_ms
        return self.listed


@pytest.mark.parametrize("streamed", [False, True], ids=["list alone", "stream first"])
async def test_a_withdrawal_that_comes_back_is_neither_a_loss_nor_a_gain(
    tmp_path: Path, streamed: bool
) -> None:
    venue, hour = Rejecting(), 60 * MINUTE
    out = Transfer(USDT, Decimal(-1_000), hour, "out 1")
    back = Transfer(USDT, Decimal(1_000), hour, "back 1", late_ms=DAY_MS)
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        executor.daily_loss.check_all()
        whole = executor.daily_loss.baseline("USDT")
        executor.services.clock.observe(hour + MINUTE)
        venue.listed = [out]
        await executor.transfers.ask_all()
        assert executor.daily_loss.baseline("USDT") == whole - 1_000
        executor.services.clock.observe(2 * hour)
        if streamed:
            executor.transfers.on_stream(
                AccountUpdate(USDT, True, None, Decimal(1_000), 2 * hour - MINUTE)
            )
        venue.listed = [out, back]
        for _ in range(2):
            await executor.transfers.ask_all()
        assert executor.daily_loss.baseline("USDT") == whole


async def test_a_list_that_names_many_transfers_again_counts_each_once(tmp_path: Path) -> None:
    venue, hour = Rejecting(), 60 * MINUTE
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        executor.daily_loss.check_all()
        whole = executor.daily_loss.baseline("USDT")
        executor.services.clock.observe(6 * hour)
        venue.listed = [
            Transfer(USDT, Decimal(-1), hour + number * MINUTE, f"out {number}")
            for number in range(250)
        ]
        for _ in range(2):
            await executor.transfers.ask_all()
            assert executor.daily_loss.baseline("USDT") == whole - 250
        executor.services.clock.observe(6 * DAY_MS)
        venue.listed = [Transfer(USDT, Decimal(-1), 6 * DAY_MS, "out 250")]
        await executor.transfers.ask_all()
        assert len(executor.transfers._seen(venue.name)) == 1, "the list reaches back no further"


@pytest.mark.parametrize("restarted", [False, True], ids=["running on", "restarted meanwhile"])
async def test_a_withdrawal_that_comes_back_after_weeks_counts_once_when_it_does(
    tmp_path: Path, restarted: bool
) -> None:
    venue, hour = Rejecting(), 60 * MINUTE
    out = Transfer(USDT, Decimal(-1_000), hour, "out 1")
    back = Transfer(USDT, Decimal(1_000), hour, "back 1", late_ms=DAY_MS)
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        executor.services.clock.observe(hour + MINUTE)
        venue.listed = [out]
        await executor.transfers.ask_all()
        executor.services.clock.observe(20 * DAY_MS + hour)
        executor.daily_loss.check_all()
        whole = executor.daily_loss.baseline("USDT")
        executor.services.clock.observe(20 * DAY_MS + 2 * hour)
        venue.listed = []
        await executor.transfers.ask_all()
        if not restarted:
            await _comes_back(executor, venue, back, whole)
    if restarted:
        async with executor_on(tmp_path, venue, mode="testnet") as executor:
            executor.services.clock.observe(20 * DAY_MS + 3 * hour)
            await _comes_back(executor, venue, back, whole)


async def _comes_back(executor: Executor, venue: Rejecting, back: Transfer, whole: Decimal) -> None:
    """List a transfer for ten more days; it counts once."""
    for day in (20, 21, 29):
        executor.services.clock.observe(day * DAY_MS + 4 * 60 * MINUTE)
        venue.listed = [back]
        await executor.transfers.ask_all()
        if day == 20:
            assert executor.daily_loss.baseline("USDT") == whole + 1_000
    assert executor.daily_loss.baseline("USDT") == whole + 1_000


@pytest.mark.parametrize("held_ms", [2 * 60 * MINUTE, 20 * DAY_MS], ids=["for hours", "for weeks"])
async def test_what_the_stream_saw_come_back_is_not_counted_from_the_list_again(
    tmp_path: Path, held_ms: int
) -> None:
    venue, hour = Rejecting(), 60 * MINUTE
    row = {**WITHDRAWAL, "applyTime": "1970-01-01 01:00:00", "status": 3}
    async with executor_on(tmp_path, venue, mode="testnet") as executor:
        came_back = hour + held_ms
        executor.services.clock.observe(came_back)
        executor.daily_loss.check_all()
        executor.transfers.on_stream(AccountUpdate(USDT, True, None, Decimal(9), came_back))
        whole = executor.daily_loss.baseline("USDT")
        # It stays in the list for a month: each of these days another transfer tidies up.
        (back,) = await transfers_of(Lists(paid_out=[row]), 2 * DAY_MS)
        for days in range(0, 30 - held_ms // DAY_MS, 5):
            now = came_back + days * DAY_MS + MINUTE
            executor.services.clock.observe(now)
            executor.daily_loss.check_all()
            venue.listed = [Transfer(USDT, Decimal(-1), now - 1, f"out {days}"), back]
            before = executor.daily_loss.baseline("USDT")
            await executor.transfers.ask_all()
            assert executor.daily_loss.baseline("USDT") == before - 1
        assert whole == 10_009
