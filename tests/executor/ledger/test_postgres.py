"""The ledger in PostgreSQL: the lease, a server that goes away, several executors, the schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from executor.ledger.migrations import MIGRATIONS
from executor.ledger.postgres import PostgresConnection
from executor.ledger.postgres_schema import BASELINE, ledger_in_memory
from executor.ledger.reader import LedgerPlace, open_reading
from executor.ledger.store import Ledger
from executor.model import OrderState
from executor.operations.scheduler import Scheduler
from executor.operations.status import Status
from executor.runtime.database_url import problem_of, shown
from tests.executor.fakes import BTCUSDT, FakeVenue, executor_on, settled, signal
from tests.executor.ledger.conftest import ACCOUNT, PostgresStore
from tests.executor.ledger.test_store import KEY, a_position, an_order
from tests.postgres import Server
from tests.waiting import until
from trading.errors import DataError, SettingsError

DEADLINE_S = 30.0


@pytest.fixture
def ledger(postgres: PostgresStore) -> Iterator[Ledger]:
    with closing(postgres.open()) as opened:
        yield opened


def test_a_second_executor_of_the_account_is_refused_with_who_holds_it(
    postgres: PostgresStore, ledger: Ledger
) -> None:
    assert ledger.durable
    with pytest.raises(SettingsError, match=r"account 'test'.*\(process \d+ on .*stop it first"):
        postgres.open()


def test_executors_of_two_accounts_share_a_database_and_see_their_own_rows(
    postgres: PostgresStore, ledger: Ledger
) -> None:
    ledger.add_intent(an_order())
    with closing(postgres.open("other")) as other:
        assert other.orders_of_key(KEY) == []
        assert other.add_intent(an_order())
        assert other.insert_position(a_position()).id == 1
    seen = postgres.rows("select executor, client_id from orders order by executor")
    assert seen == [(name, an_order().client_id) for name in ("other", ACCOUNT)]


def test_while_the_server_is_away_rows_wait_in_memory_in_order(
    server: Server, postgres: PostgresStore, ledger: Ledger
) -> None:
    ledger.add_intent(an_order())
    server.cut(postgres.database)
    ledger.update_order(an_order().client_id, status=OrderState.ACCEPTED)
    ledger.insert_position(a_position())
    ledger.flush()
    assert not ledger.durable
    assert ledger.open_orders()[0].status == OrderState.ACCEPTED
    until("recovery", ledger.recover, DEADLINE_S)
    assert ledger.durable
    assert postgres.rows("select status from orders") == [("accepted",)]
    assert postgres.rows("select id, status from positions") == [(1, "opening")]


def test_a_server_that_crashed_has_every_row_that_was_committed(
    server: Server, postgres: PostgresStore, ledger: Ledger
) -> None:
    ledger.add_intent(an_order())
    server.stop()
    server.start()
    assert postgres.rows("select status from orders") == [("intent",)]
    ledger.set_meta("halt", "entries-off")
    assert not ledger.durable
    until("recovery", ledger.recover, DEADLINE_S)
    assert postgres.rows("select value from meta where name = 'halt'") == [("entries-off",)]


def test_a_commit_whose_outcome_is_unknown_counts_once(
    server: Server, postgres: PostgresStore, ledger: Ledger
) -> None:
    server.cut(postgres.database)
    ledger.insert_position(a_position())
    ledger.flush()
    with psycopg.connect(postgres.database.url) as session:
        # As if the server had stored the batch and lost the answer.
        session.execute("update nocturne.leases set batch = batch + 1")
    until("recovery", ledger.recover, DEADLINE_S)
    assert postgres.rows("select count(*) from positions") == [(0,)]
    ledger.insert_position(replace(a_position(), key="next"))
    ledger.flush()
    assert postgres.rows("select id, key from positions") == [(2, "next")]


def test_one_that_was_cut_off_cannot_write_after_another_took_over(
    server: Server, postgres: PostgresStore
) -> None:
    first = postgres.open()
    server.cut(postgres.database)
    second = postgres.open()
    first.add_intent(an_order())
    until("end of the lease", lambda: first.recover() or first.lease_lost(), DEADLINE_S)
    assert "the lease of account 'test'" in first.lease_lost()
    assert not first.durable
    assert not first.recover()
    assert postgres.rows("select count(*) from orders") == [(0,)]
    assert second.add_intent(an_order())
    first.close()
    second.close()


async def test_a_lost_lease_stops_entries_and_is_reported_once(
    tmp_path: Path, server: Server, postgres: PostgresStore
) -> None:
    async with executor_on(tmp_path, FakeVenue(), ledger=postgres.open()) as executor:
        ledger, state = executor.services.ledger, executor.trading_state
        scheduler = Scheduler(executor, Status(executor))
        await scheduler.flush()
        assert state.entries
        server.cut(postgres.database)
        with closing(postgres.open()):
            ledger.set_meta("halt", "running")
            until("end of the lease", lambda: ledger.recover() or ledger.lease_lost(), DEADLINE_S)
            for _ in range(2):
                await scheduler.flush()
        assert "lease of account 'test'" in state.why
        state.resume()
        assert not state.entries
        said = ledger._db.execute(
            "select data from events where type = 'system_error' and data like '%\"lease\"%'"
        ).fetchall()
        assert len(said) == 1


async def test_an_entry_is_traded_and_protected_with_its_rows_in_the_database(
    tmp_path: Path, postgres: PostgresStore
) -> None:
    venue = FakeVenue()
    async with executor_on(tmp_path, venue, ledger=postgres.open()) as executor:
        signal(executor)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        assert holding.protected
    assert postgres.rows("select status from positions") == [("open",)]
    (quantity,) = postgres.rows("select quantity from positions")[0]
    assert Decimal(quantity) == venue.held[BTCUSDT]
    with open_reading(LedgerPlace(postgres.database.url)) as copy:
        types = {row["type"] for row in copy.execute("select type from events")}
    assert {"signal_generated", "order_placed", "order_filled", "position_opened"} <= types


def test_a_file_that_was_replaced_loses_the_lease(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(Ledger(path)) as ledger:
        assert ledger.lease_lost() == ""
        path.rename(tmp_path / "moved")
        assert "is gone" in ledger.lease_lost()
        path.touch()
        assert "replaced by another file" in ledger.lease_lost()


def test_both_databases_have_the_same_columns(postgres: PostgresStore) -> None:
    postgres.open().close()
    _, tables = ledger_in_memory()
    for table in tables:
        found = postgres.rows(
            "select column_name from information_schema.columns where table_schema = 'nocturne'"
            f" and table_name = '{table.name}' order by ordinal_position"
        )
        assert [row[0] for row in found] == ["executor", *(c.name for c in table.columns)]
    names = [row[0] for row in postgres.rows("select name from migrations order by name")]
    assert names == [name for name, _ in MIGRATIONS]


def test_a_migration_adds_what_an_older_database_lacks(postgres: PostgresStore) -> None:
    postgres.open().close()
    with psycopg.connect(postgres.database.url) as session:
        session.execute("alter table nocturne.positions drop column leverage")
        session.execute("drop table nocturne.alerts")
        session.execute("delete from nocturne.migrations where name = %s", (MIGRATIONS[-1][0],))
    with closing(postgres.open()) as ledger:
        assert ledger.insert_position(a_position()).leverage == 1
        ledger.outbox.add(1, "here again", {})
        ledger.flush()
    assert postgres.rows("select title from alerts") == [("here again",)]


def test_a_database_of_a_newer_version_is_refused(postgres: PostgresStore) -> None:
    postgres.open().close()
    with psycopg.connect(postgres.database.url) as session:
        session.execute("insert into nocturne.migrations values ('9999_future')")
    with pytest.raises(SettingsError, match="written by a newer version"):
        postgres.open()


def test_migrations_after_the_baseline_only_add() -> None:
    names = [name for name, _ in MIGRATIONS]
    for name, script in MIGRATIONS[names.index(BASELINE) + 1 :]:
        for statement in filter(None, map(str.strip, script.split(";"))):
            allowed = r"(?is)create (unique )?(table|index) |alter table \w+ add column "
            assert re.match(allowed, statement), f"{name} changes rows; give PostgreSQL its own"


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match=r"postgresql://127\.0\.0\.1:1/x cannot be used"):
        PostgresConnection("postgresql://me@127.0.0.1:1/x", ACCOUNT)
    with (
        pytest.raises(DataError, match="cannot be read"),
        open_reading(LedgerPlace("postgresql://me@127.0.0.1:1/x")),
    ):
        pass


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://me@host/ledger", ""),
        ("mysql://me@host/ledger", "a ledger's url is postgresql://"),
        ("postgresql://host", "a ledger's url is postgresql://"),
        ("postgresql://me:secret@host/ledger", "put it into NOCTURNE_LEDGER_PASSWORD"),
        ("postgresql://me@host/ledger?password=x", "put it into NOCTURNE_LEDGER_PASSWORD"),
    ],
)
def test_an_address_has_a_database_and_no_password(url: str, problem: str) -> None:
    assert problem in problem_of(url)
    assert bool(problem_of(url)) == bool(problem)


def test_a_shown_address_has_no_user() -> None:
    shown_url: Any = shown("postgresql://me@host:5433/ledger?sslmode=require")
    assert shown_url == "postgresql://host:5433/ledger"
