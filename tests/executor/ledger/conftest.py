"""A store for a ledger: a SQLite file, and a database of a real PostgreSQL server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from executor.ledger.postgres import PostgresConnection
from executor.ledger.store import Ledger
from tests.postgres import Database, Server

ACCOUNT = "test"


class Store(Protocol):
    """Where ledgers are opened, and what another process sees there."""

    def open(self) -> Ledger:
        """Open the ledger."""
        ...

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows that are committed."""
        ...

    def empty(self) -> None:
        """Forget everything."""
        ...


class SqliteStore:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.sqlite"

    def open(self) -> Ledger:
        return Ledger(self.path)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    def empty(self) -> None:
        for path in self.path.parent.glob("ledger.sqlite*"):
            path.unlink()


class PostgresStore:
    def __init__(self, database: Database) -> None:
        self.database = database

    def open(self, account: str = ACCOUNT) -> Ledger:
        return Ledger(PostgresConnection(self.database.url, account))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.url, options="-c search_path=nocturne") as session:
            return session.execute(sql.encode()).fetchall()

    def empty(self) -> None:
        with psycopg.connect(self.database.url) as session:
            session.execute("drop schema if exists nocturne cascade")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server.running() as started:
        yield started


@pytest.fixture
def postgres(server: Server) -> Iterator[PostgresStore]:
    with server.database() as database:
        yield PostgresStore(database)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "sqlite":
        return SqliteStore(tmp_path)
    found: PostgresStore = request.getfixturevalue("postgres")
    return found
