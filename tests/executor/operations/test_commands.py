"""The operator's commands on limits, strategies and foreign positions."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.ledger import sqlite
from executor.ledger.store import Ledger
from executor.model import Balance
from executor.operations.commands import OperatorCommands
from executor.operations.status import Status
from tests.executor.fakes import (
    BTCUSDT,
    MINUTE,
    USDT,
    FakeVenue,
    closed_positions,
    executor_on,
    reasons,
    settled,
    signal,
)


async def command(executor: Executor, name: str, **arguments: str) -> dict[str, object]:
    """Run one command."""
    commands = OperatorCommands(
        executor, Status(executor), lambda: None, lambda _by: {}, lambda *_: {}
    )
    return await commands.by_name[name](arguments)


async def lost(executor: Executor, bar: int) -> None:
    """Enter and close: the fees make it a loss."""
    signal(executor, bar_time=bar * MINUTE)
    await settled(executor)
    holding = executor.portfolio.holding(BTCUSDT)
    assert holding is not None
    executor.closer.close(holding, "stop_loss", None)
    await settled(executor)


# Limits


async def test_a_reset_forgets_pauses_and_counts_after_a_backup_of_the_ledger(
    tmp_path: Path,
) -> None:
    venue = FakeVenue()
    risk = {"losses_before_pause": 1, "max_entries_per_day": 1, "stop_pause_minutes": 60}
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        await lost(executor, 1)
        signal(executor, bar_time=2 * MINUTE)
        await settled(executor)
        assert [reason.partition(",")[0] for reason in reasons(executor)] == [
            "1 entries today",
            "pause after losses",
            "cools down after a stop",
        ]
        executor.services.clock.observe(4 * MINUTE)
        answer = await command(executor, "reset-limits")
        assert answer["reset"] is True
    # A restart forgets nothing of the reset.
    async with executor_on(tmp_path, venue, risk=risk) as executor:
        executor.services.clock.observe(5 * MINUTE)
        signal(executor, bar_time=4 * MINUTE)
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is not None
    with sqlite3.connect(str(answer["backup"])) as backup:
        assert backup.execute("select count(*) from positions").fetchone() == (1,)
        assert backup.execute("pragma integrity_check").fetchone() == ("ok",)


async def test_without_a_backup_nothing_is_reset(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue(), risk={"max_entries_per_day": 1}) as executor:
        await lost(executor, 1)
        (tmp_path / "backups").write_text("a file where the folder should be")
        answer = await command(executor, "reset-limits")
        assert "no backup of the ledger" in str(answer["error"])
        signal(executor, bar_time=2 * MINUTE)
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is None


async def test_a_reset_lifts_no_daily_loss_limit(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        executor.daily_loss.check_all()
        executor.portfolio.balances[USDT] = Balance(Decimal(9_000), Decimal(9_000))
        executor.daily_loss.check_all()
        await command(executor, "reset-limits")
        assert executor.daily_loss.reached("USDT")


# Strategies


async def test_a_strategy_that_is_off_enters_nothing_until_it_is_on_again(tmp_path: Path) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        off = await command(executor, "strategy", strategy="breakout", state="off")
        assert off == {
            "strategy": "breakout",
            "on": False,
            "why": "strategy breakout is switched off",
        }
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.protected, "what it holds goes on"
        executor.closer.close(holding, "strategy_exit", None)
        await settled(executor)
    async with executor_on(tmp_path, venue) as executor:  # a restart does not lift it
        signal(executor, bar_time=2 * MINUTE)
        await settled(executor)
        assert reasons(executor) == ["strategy breakout is switched off"]
        signal(executor, bar_time=3 * MINUTE, strategy="rsi_bollinger")
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None, "the others trade"
        executor.closer.close(holding, "strategy_exit", None)
        await settled(executor)
        await command(executor, "strategy", strategy="breakout", state="on")
        signal(executor, bar_time=4 * MINUTE)
        await settled(executor)
        assert executor.portfolio.holding(BTCUSDT) is not None


async def test_a_strategy_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        answer = await command(executor, "strategy", strategy="brekout", state="off")
        assert "brekout" in str(answer["error"])
        answer = await command(executor, "strategy", strategy="breakout", state="perhaps")
        assert "'on' or 'off'" in str(answer["error"])
        assert executor.trading_state.off == frozenset()


# Foreign positions


async def foreign(executor: Executor, venue: FakeVenue, quantity: str) -> None:
    """A position that somebody opened by hand halts its symbol."""
    venue.held[BTCUSDT] = Decimal(quantity)
    venue.entry[BTCUSDT] = Decimal(49_000)
    await executor.reconciler.run_once()
    await settled(executor)
    assert executor.portfolio.slot(BTCUSDT).halted == f"foreign position of {quantity}"


@pytest.mark.parametrize(("quantity", "stop"), [("0.5", 45_000), ("-0.5", 55_000)])
async def test_a_foreign_position_is_ours_with_its_stop_until_it_is_closed(
    tmp_path: Path, quantity: str, stop: int
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await foreign(executor, venue, quantity)
        answer = await command(executor, "adopt", symbol="BTCUSDT", stop=str(stop))
        assert answer == {"adopted": BTCUSDT, "position": 1, "stop": float(stop)}
        await settled(executor)
        (resting,) = [o for o in venue.orders.values() if o.kind == "STOP_MARKET" and o.resting]
        assert resting.trigger_price == stop
        assert executor.portfolio.slot(BTCUSDT).halted is None
    async with executor_on(tmp_path, venue) as executor:
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.protected
        assert holding.row.quantity == Decimal("0.5")
        executor.closer.close(holding, "operator", None)
        await settled(executor)
        assert venue.held[BTCUSDT] == 0
        (closed,) = closed_positions(executor)
        assert (closed.strategy, closed.quantity, closed.entry_price) == ("adopted", 0, 49_000.0)
    assert resting.close_position


@pytest.mark.parametrize(
    ("quantity", "stop", "why"),
    [
        ("0.5", "50001", "the stop 50001 must lie below the price, now 50000"),
        ("-0.5", "49999", "the stop 49999 must lie above the price, now 50000"),
        ("0.5", "-1", "the stop -1 must lie below the price, now 50000"),
        ("0.5", "soon", "the stop 'soon' is not a price"),
        ("0.5", "nan", "the stop 'nan' is not a price"),
    ],
)
async def test_a_stop_on_the_wrong_side_adopts_nothing(
    tmp_path: Path, quantity: str, stop: str, why: str
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        await foreign(executor, venue, quantity)
        assert await command(executor, "adopt", symbol="BTCUSDT", stop=stop) == {"error": why}
        assert executor.portfolio.holding(BTCUSDT) is None
        assert venue.orders == {}


async def test_only_what_is_foreign_can_be_adopted(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        nothing = await command(executor, "adopt", symbol="BTCUSDT", stop="45000")
        assert "there is no position in" in str(nothing["error"])
        signal(executor)
        await settled(executor)
        ours = await command(executor, "adopt", symbol="BTCUSDT", stop="45000")
        assert "has a position of ours" in str(ours["error"])
        unknown = await command(executor, "adopt", symbol="NOSUCH", stop="1")
        assert "no one instrument is named 'NOSUCH'" in str(unknown["error"])


async def test_the_loop_goes_on_while_the_ledger_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    went_on, copy = threading.Event(), sqlite.copy_file

    def slow(ledger: str, file: Path) -> None:
        assert went_on.wait(10), "the event loop stood still"
        copy(ledger, file)

    monkeypatch.setattr(sqlite, "copy_file", slow)
    async with executor_on(tmp_path, FakeVenue()) as executor:
        asyncio.get_running_loop().call_soon(went_on.set)
        answer = await command(executor, "reset-limits")
        assert answer["reset"] is True


async def test_a_backup_of_a_ledger_never_replaces_a_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.set_meta("name", "value")
    await ledger.backup(tmp_path / "copy.sqlite")
    with pytest.raises(Exception, match="no backup of the ledger"):
        await ledger.backup(tmp_path / "copy.sqlite")
    ledger.close()
