"""An alert is said once, then counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from executor.bus.events import EventType
from executor.notifications.counted import QUIET_S, CountedAlerts
from tests.executor.fakes import FakeVenue, executor_on, settled, signal


class Said(list[tuple[str, dict[str, object]]]):
    def send(self, title: str, **fields: object) -> None:
        self.append((title, fields))


def test_repetitions_are_counted_and_said_with_the_next_one() -> None:
    said, clock = Said(), [0.0]
    alerts = CountedAlerts(said, lambda: clock[0])
    for _ in range(39):
        alerts.send("no confirmed stop in time: closing", symbol="BTCUSDT")
        clock[0] += 0.5
    alerts.send("no confirmed stop in time: closing", symbol="ETHUSDT")
    assert [fields["symbol"] for _, fields in said] == ["BTCUSDT", "ETHUSDT"]
    clock[0] += QUIET_S
    alerts.send("no confirmed stop in time: closing", symbol="BTCUSDT")
    assert said[-1][1] == {"symbol": "BTCUSDT", "times before": 38}


def test_every_opened_and_closed_position_is_reported() -> None:
    said = Said()
    alerts = CountedAlerts(said)
    for _ in range(3):
        alerts.send("position closed", symbol="BTCUSDT", side="long")
    assert len(said) == 3


@pytest.mark.parametrize("crash", [False, True])
async def test_an_alert_is_of_the_same_transaction_as_its_trade(
    tmp_path: Path, crash: bool
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue) as executor:
        ledger = executor.services.ledger

        def write(_event: object) -> None:
            ledger.outbox.add(1, "opened", {})

        executor.services.at_once(EventType.POSITION_OPENED, write)
        if crash:
            executor.portfolio.subscribe(_fails)
        signal(executor)
        if not crash:
            await settled(executor)
        else:
            for _ in range(3):
                await venue_heard(executor)
        counts = [
            ledger._db.execute(f"select count(*) from {table}").fetchone()[0]
            for table in ("fills", "alerts")
        ]
        assert counts == ([0, 0] if crash else [1, 1])


def _fails(_symbol: object, _cause: object) -> None:
    raise RuntimeError("killed here")


async def venue_heard(executor: object) -> None:
    """Let the first reports be applied."""
    import asyncio

    await asyncio.sleep(0.05)
    del executor
