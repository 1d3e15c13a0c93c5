"""What stands between the decision of an entry and its request."""

from __future__ import annotations

from pathlib import Path

import pytest

from executor.ledger.sqlite import SqliteConnection
from executor.model import NewOrder, VenueOrder
from tests.executor.fakes import FakeVenue, executor_on, settled, signal


class Recording(FakeVenue):
    """Notes how many commits came before each request."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.before: list[int] = []

    async def place(self, order: NewOrder) -> VenueOrder:
        self.before.append(self.commits)
        return await super().place(order)


async def test_an_entry_waits_for_one_commit_of_its_position_and_its_intent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue, commit = Recording(), SqliteConnection.commit

    def counted(connection: SqliteConnection) -> None:
        venue.commits += connection.current.in_transaction
        commit(connection)

    async with executor_on(tmp_path, venue) as executor:
        executor.daily_loss.check_all()
        executor.services.ledger.flush()
        monkeypatch.setattr(SqliteConnection, "commit", counted)
        signal(executor)
        await settled(executor)
        assert venue.before[0] == 1
        (held,) = executor.portfolio.holdings()
        assert held.protected
