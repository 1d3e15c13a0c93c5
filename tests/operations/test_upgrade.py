"""An older ledger and its settings, with an open position, go on under this version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from executor.ledger.migrations import MIGRATIONS
from tests.executor.harness import DEADLINE_S, Bench, Replay, assert_ledgers_agree
from tests.operations.open_position import (
    ONE_TRADE,
    run_until_protected,
    stop_cleanly,
    stops_rest,
    unprotected_ms,
    wall_ms,
)

OF_0_2_0 = 3
"""Migrations of version 0.2.0, the oldest that was released."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A replay in which one position is opened and closed."""
    made = Bench(tmp_path, Replay(*ONE_TRADE))
    yield made
    made.close()


def older(ledger: Path, migrations: int) -> None:
    """Turn a ledger into one that has had this many migrations, with the same rows."""
    with closing(sqlite3.connect(ledger)) as database:
        database.execute("pragma wal_checkpoint(truncate)")
        database.row_factory = sqlite3.Row
        tables = {
            name: [dict(row) for row in database.execute(f"select * from {name}")]
            for (name,) in database.execute("select name from sqlite_master where type = 'table'")
        }
    for path in ledger.parent.glob(f"{ledger.name}*"):
        path.unlink()
    with closing(sqlite3.connect(ledger)) as database:
        database.execute("create table migrations (name text primary key, applied_at text)")
        for name, script in MIGRATIONS[:migrations]:
            database.executescript(script)
            database.execute("insert into migrations values (?, datetime('now'))", (name,))
        known = [row[0] for row in database.execute("select name from sqlite_master")]
        for table, rows in tables.items():
            if table in known and table != "migrations":
                _copy(database, table, rows, plain=migrations <= OF_0_2_0)
        database.commit()


def _copy(
    database: sqlite3.Connection, table: str, rows: list[dict[str, object]], *, plain: bool
) -> None:
    columns = [row[1] for row in database.execute(f"pragma table_info({table})")]
    for row in rows:
        values = {name: row[name] for name in columns if name in row}
        if plain and table == "orders" and values["status"] == "accepted":
            values["status"] = "placed"
        if plain and table == "fills" and values["realized_pnl"] is None:
            values["realized_pnl"] = "0"
        names, marks = ", ".join(values), ", ".join("?" for _ in values)
        database.execute(
            f"insert or ignore into {table} ({names}) values ({marks})", tuple(values.values())
        )


@pytest.mark.slow
@pytest.mark.parametrize("migrations", range(OF_0_2_0, len(MIGRATIONS)))
def test_an_older_ledger_goes_on_with_its_open_position(bench: Bench, migrations: int) -> None:
    process, _ = run_until_protected(bench)
    protected = wall_ms()
    stop_cleanly(process)
    (before,) = bench.rows("select id, key, quantity from positions")
    older(bench.ledger, migrations)
    if migrations == OF_0_2_0:
        # Its settings had one venue, in a section of that name.
        text = bench.settings.read_text(encoding="utf-8")
        bench.settings.write_text(text.replace("[venues.binance_usdm]", "[venue]"))
    assert len(bench.rows("select * from migrations")) == migrations
    assert stops_rest(bench)
    bench.finish()
    bench.stop_sandbox()
    assert len(bench.rows("select * from migrations")) == len(MIGRATIONS)
    (after,) = bench.rows("select id, key, exit_reason from positions")
    assert (after["id"], after["key"]) == (before["id"], before["key"])
    assert after["exit_reason"] == "take_profit"
    assert unprotected_ms(bench, protected) == 0
    assert_ledgers_agree(bench)


@pytest.mark.slow
def test_a_ledger_of_a_newer_version_is_refused_with_what_to_do(bench: Bench) -> None:
    bench.ledger.parent.mkdir()
    with closing(sqlite3.connect(bench.ledger)) as database:
        database.execute("create table migrations (name text primary key, applied_at text)")
        database.execute("insert into migrations values ('9999_from_the_future', '')")
        database.commit()
    process = bench.start()
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2
    assert "9999_from_the_future" in errors
    assert "update Nocturne" in errors
