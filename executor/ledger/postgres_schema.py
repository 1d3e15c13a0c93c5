"""Tables of the ledger in PostgreSQL, made from those of SQLite by one list of migrations.

Every table has a column ``executor`` before the others, and it begins the primary key: several
executors share a database. A session sees its own rows only, through temporary views that have the
names and columns of the SQLite tables; the default of ``executor`` fills the column of new rows.

A migration after `BASELINE` may only add tables and columns: those appear here by themselves.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from executor.ledger.migrations import MIGRATIONS, migrate
from trading.errors import SettingsError

if TYPE_CHECKING:
    import psycopg

SCHEMA = "nocturne"
BASELINE = "0004_venues"
"""The last migration whose changes of rows no PostgreSQL ledger can need: there was none."""
LEASE_LOST = "NL001"
ALREADY_APPLIED = "NL002"
"""SQLSTATEs of the fence."""

_TYPES = {"TEXT": "text", "INTEGER": "bigint", "REAL": "double precision"}

_LEASES = f"""
create schema if not exists {SCHEMA};
create table if not exists {SCHEMA}.migrations (
    name text primary key, applied_at timestamptz not null default now()
);
create table if not exists {SCHEMA}.leases (
    executor text primary key,
    token text not null,
    holder text not null,
    taken_at timestamptz not null,
    batch bigint not null
);
create or replace function {SCHEMA}.fence(who text, mine text, next bigint) returns void
language plpgsql as $$
declare held {SCHEMA}.leases%rowtype;
begin
    select * into held from {SCHEMA}.leases where executor = who for update;
    if held.token is distinct from mine then
        raise exception 'the lease is held by %', coalesce(held.holder, 'nobody')
            using errcode = '{LEASE_LOST}';
    elsif held.batch >= next then
        raise exception 'batch % is stored', next using errcode = '{ALREADY_APPLIED}';
    end if;
    update {SCHEMA}.leases set batch = next where executor = who;
end $$;
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a SQLite table."""

    name: str
    kind: str
    required: bool
    default: str | None
    key: int
    """Position in the primary key, from 1; 0 for others."""

    @property
    def declared(self) -> str:
        """The column as PostgreSQL declares it."""
        default = "" if self.default is None else f" default {self.default}"
        return f"{self.name} {_TYPES[self.kind]}{' not null' if self.required else ''}{default}"


@dataclass(frozen=True, slots=True)
class LedgerTable:
    """A SQLite table."""

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> str:
        """The names of the columns, in their order."""
        return ", ".join(column.name for column in self.columns)


def tables_of(database: sqlite3.Connection) -> list[LedgerTable]:
    """The tables of a migrated ledger, without the list of migrations."""
    found = database.execute(
        "select name from sqlite_master where type = 'table' and name <> 'migrations'"
        " and name not like 'sqlite_%' order by name"
    ).fetchall()
    return [LedgerTable(row[0], _columns(database, row[0])) for row in found]


def _columns(database: sqlite3.Connection, table: str) -> tuple[Column, ...]:
    rows = database.execute(f"select * from pragma_table_info('{table}')").fetchall()
    return tuple(
        Column(row["name"], row["type"].upper(), bool(row["notnull"]), row["dflt_value"], row["pk"])
        for row in rows
    )


def ledger_in_memory() -> tuple[sqlite3.Connection, list[LedgerTable]]:
    """An empty ledger of this version, and its tables."""
    memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    memory.row_factory = sqlite3.Row
    migrate(memory)
    return memory, tables_of(memory)


def prepare(server: psycopg.Connection[Any]) -> None:
    """Bring the tables of the server up to date, in one transaction.

    Raises:
        SettingsError: the ledger was written by a newer version.
    """
    known = [name for name, _ in MIGRATIONS]
    with server.transaction():
        # Executors that start together change the tables one after the other.
        server.execute("select pg_advisory_xact_lock(hashtextextended('nocturne schema', 0))")
        server.execute(_LEASES)
        applied = {row[0] for row in server.execute(f"select name from {SCHEMA}.migrations")}
        strangers = sorted(applied - set(known))
        if strangers:
            raise SettingsError(
                f"the ledger was written by a newer version (migration {strangers[0]}); update"
                " Nocturne"
            )
        if applied == set(known):
            return
        local, tables = ledger_in_memory()
        for table in tables:
            _make(server, table)
        for script in _indexes(local):
            server.execute(script)
        for name in known:
            server.execute(
                f"insert into {SCHEMA}.migrations (name) values (%s) on conflict do nothing",
                (name,),
            )


def _make(server: psycopg.Connection[Any], table: LedgerTable) -> None:
    key = [column.name for column in sorted(table.columns, key=lambda c: c.key) if column.key]
    primary = f", primary key ({', '.join(['executor', *key])})" if key else ""
    declared = ", ".join(column.declared for column in table.columns)
    statements = [
        f"create table if not exists {SCHEMA}.{table.name} (executor text not null"
        f" default current_setting('nocturne.executor'), {declared}{primary})"
    ]
    statements += [
        f"alter table {SCHEMA}.{table.name} add column if not exists {column.declared}"
        for column in table.columns
    ]
    for statement in statements:
        server.execute(statement)


def _indexes(local: sqlite3.Connection) -> list[str]:
    """The indexes of SQLite, each with the executor first; unique ones stay unique."""
    found = local.execute(
        'select m.tbl_name, l.name, l."unique" from sqlite_master m,'
        " pragma_index_list(m.name) l where m.type = 'table' and m.name <> 'migrations'"
        " and l.origin <> 'pk' order by l.name"
    ).fetchall()
    scripts = []
    for table, name, unique in found:
        rows = local.execute(f"select name from pragma_index_info('{name}') order by seqno")
        columns = ", ".join(["executor", *(row[0] for row in rows.fetchall())])
        plain = name.removeprefix("sqlite_autoindex_")
        kind = "unique index" if unique else "index"
        scripts.append(
            f"create {kind} if not exists {plain}_of_executor on {SCHEMA}.{table} ({columns})"
        )
    return scripts


def use(server: psycopg.Connection[Any], tables: list[LedgerTable], executor: str) -> None:
    """Make this session see the rows of one executor under the names of the SQLite tables."""
    server.execute("select set_config('nocturne.executor', %s, false)", (executor,))
    for table in tables:
        view = (
            f"create temporary view {table.name} as select {table.names} from"
            f" {SCHEMA}.{table.name} where executor = current_setting('nocturne.executor')"
        )
        server.execute(view)
