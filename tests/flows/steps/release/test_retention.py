"""A release that an order or a position names is never removed."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from executor.ledger.migrations import migrate
from flows.steps.release.retention import prune_releases
from flows.steps.reporting.export_ledger import export_ledger
from lake.ledger_database import LedgerSource
from lake.releases import publish
from lake.releases.reader import release_ids
from lake.store import Lake
from tests.flows.steps.reporting.test_export_ledger import insert
from tests.lake.builders import AS_OF, WALL, candidate, entry
from trading.errors import DataError

LATER = WALL + timedelta(days=400)
KEEP = {"now": LATER, "keep_days": 30, "keep_last": 1}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake with five old releases."""
    lake = Lake(tmp_path / "lake")
    for day in range(5):
        made = candidate(entry(0.4 + day / 100), as_of=AS_OF + timedelta(days=day))
        publish(lake.published, made, WALL)
    return lake


def write_ledger(path: Path, order_release: str, position_release: str) -> Path:
    database = sqlite3.connect(path)
    migrate(database)
    moment = round(datetime(2025, 6, 21, tzinfo=UTC).timestamp() * 1000)
    order = {"client_id": "a", "release_id": order_release, "created_at": moment}
    insert(database, "orders", order | {"quantity": "0.015"})
    position = {"id": 1, "release_id": position_release, "opened_at": moment}
    insert(database, "positions", position | {"quantity": "0.015", "realized_pnl": "1"})
    database.commit()
    database.close()
    return path


def test_without_a_ledger_only_age_counts(lake: Lake, tmp_path: Path) -> None:
    ids = release_ids(lake.published)
    found = prune_releases(lake, LedgerSource(str(tmp_path / "none.sqlite")), **KEEP)
    assert list(found.removed) == ids[:-1]


def test_what_an_order_or_a_position_names_stays(lake: Lake, tmp_path: Path) -> None:
    ids = release_ids(lake.published)
    ledger = write_ledger(tmp_path / "ledger.sqlite", ids[0], ids[2])
    prune_releases(lake, LedgerSource(str(ledger)), **KEEP)
    assert release_ids(lake.published) == [ids[0], ids[2], ids[4]]


def test_the_copy_of_a_ledger_in_the_lake_counts_too(lake: Lake, tmp_path: Path) -> None:
    ids = release_ids(lake.published)
    ledger = write_ledger(tmp_path / "ledger.sqlite", ids[1], ids[1])
    export_ledger(lake, LedgerSource(str(ledger)), as_of=datetime(2025, 7, 1, tzinfo=UTC))
    ledger.unlink()
    prune_releases(lake, LedgerSource(str(ledger)), **KEEP)
    assert release_ids(lake.published) == [ids[1], ids[4]]


def test_a_ledger_that_cannot_be_read_stops_the_removal(lake: Lake, tmp_path: Path) -> None:
    ids = release_ids(lake.published)
    ledger = tmp_path / "ledger.sqlite"
    ledger.write_bytes(b"no database" * 100)
    with pytest.raises(DataError, match="releases that it may name are not removed"):
        prune_releases(lake, LedgerSource(str(ledger)), **KEEP)
    assert release_ids(lake.published) == ids
