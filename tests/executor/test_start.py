"""Start and scheduled work: neither may leave open positions without protection."""

from __future__ import annotations

from pathlib import Path

import pytest

from executor.model import KeyPermissions
from executor.operations.key_check import check_key
from executor.operations.scheduler import Scheduler
from executor.operations.status import Status
from executor.venues.faults import OutcomeUnknown
from tests.executor.fakes import BTCUSDT, VENUE, FakeVenue, executor_on, settled, signal
from trading.errors import SettingsError

LIVE = {"mode": "live", "venue": {"rest_url": "https://exchange.test", "ws_url": "wss://x.test"}}


async def test_a_failing_job_is_reported_once_and_ends_nothing(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        periodic = Scheduler(executor, Status(executor))

        async def fails() -> None:
            raise OSError("no space left on device")

        await periodic.once("status", fails)
        await periodic.once("status", fails)
        executor.services.ledger.flush()
        rows = executor.services.ledger._db.execute(
            "select data from events where type = 'system_error'"
        ).fetchall()
        assert [row["data"] for row in rows] == [
            '{"task":"status","error":"OSError: no space left on device"}'
        ]


async def test_every_period_of_the_settings_has_its_own_job(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        periodic = Scheduler(executor, Status(executor))
        for name, every_s, job in periodic.jobs():
            assert every_s > 0
            if name != "release poll":
                await job()
        assert executor.reconciler.rounds == 2


class Permitted(FakeVenue):
    """An exchange that shows what the key may do."""

    allowed: KeyPermissions | None = None
    problem: Exception | None = None

    async def key_permissions(self) -> KeyPermissions | None:  # type: ignore[override]
        if self.problem is not None:
            raise self.problem
        return self.allowed


async def test_a_key_that_can_withdraw_ends_the_start(tmp_path: Path) -> None:
    venue = Permitted()
    venue.allowed = KeyPermissions(True, True, False, True)
    async with executor_on(tmp_path, venue, **LIVE) as executor:
        with pytest.raises(SettingsError, match="can withdraw"):
            await check_key(
                executor.services, executor.services.venues[VENUE], executor.trading_state
            )


@pytest.mark.parametrize("problem", [None, OutcomeUnknown("time-out")])
async def test_in_live_unknown_permissions_mean_no_entries_also_after_a_resume(
    tmp_path: Path, problem: Exception | None
) -> None:
    venue = Permitted()
    venue.problem = problem
    async with executor_on(tmp_path, venue, **LIVE) as executor:
        await check_key(executor.services, executor.services.venues[VENUE], executor.trading_state)
        executor.trading_state.resume()
        assert executor.trading_state.why == "the key's permissions at binance_usdm are not known"


async def test_on_a_test_network_unknown_permissions_are_no_obstacle(tmp_path: Path) -> None:
    async with executor_on(tmp_path, Permitted()) as executor:
        await check_key(executor.services, executor.services.venues[VENUE], executor.trading_state)
        assert executor.trading_state.entries


async def test_a_start_that_took_long_does_not_close_what_is_protected(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        # As after a start without the exchange: loaded long ago, nothing listed yet.
        holding.protected, holding.since = False, holding.since - 60
        executor.watchdog.begin()
        executor.watchdog.check(holding)
        await settled(executor)
        assert holding.protected
        assert venue.held[BTCUSDT] > 0
