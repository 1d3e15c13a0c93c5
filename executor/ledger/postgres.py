"""The ledger in PostgreSQL, for several executors that share a database.

Reads go to a copy in memory. A transaction is executed there first; `commit` sends its statements
to the server in one round trip, as one numbered batch behind a fence: the server refuses a batch
of a process that lost the lease, and one that it has stored already. So an unknown outcome of a
commit is repeated safely.

The lease is a lock of the session, and a token in the table ``leases``. The lock goes with the
connection, so a killed executor can be started again at once. The token changes with each process:
one that was cut off from the server cannot write after another has taken over.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sqlite3
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg

from executor.ledger.connection import OpenTransaction, Statement
from executor.ledger.postgres_schema import (
    ALREADY_APPLIED,
    LEASE_LOST,
    SCHEMA,
    LedgerTable,
    ledger_in_memory,
    prepare,
    use,
)
from executor.runtime.database_url import shown
from trading.errors import DataError, SettingsError

log = logging.getLogger(__name__)

CONNECT_WITHIN_S = 5
LEASE_WITHIN_S = 3.0
"""A server needs a moment to see that the connection of a killed process is closed."""
CHECK_EVERY_S = 5.0
UNREAD = frozenset({"events", "equity", "received_candles"})
"""Tables that an executor writes and never reads: their old rows are not loaded."""


class PostgresConnection:
    """The rows of one executor in a database, with its lease.

    Raises:
        SettingsError: the server cannot be reached, or another process holds the lease.
    """

    def __init__(self, url: str, executor: str, password: str | None = None) -> None:
        self._url, self._executor, self._password = url, executor, password
        self._token = secrets.token_hex(16)
        self._lost = ""
        self._open = OpenTransaction()
        self._batches: deque[list[Statement]] = deque()
        self._batch = 0
        """Number of the last batch that the server has stored."""
        self._checked = time.monotonic()
        self._connecting: Future[psycopg.Connection[Any]] | None = None
        self._helper = ThreadPoolExecutor(1, "ledger-connect")
        self.problem = ""
        self.current, self._tables = ledger_in_memory()
        try:
            self._server: psycopg.Connection[Any] | None = self._connect()
            self._take_lease(self._server)
            _load(self._server, self.current, self._tables, UNREAD)
        except psycopg.Error as error:
            raise SettingsError(
                f"ledger {self.name} cannot be used ({_first_line(error)}); see [ledger] url"
            ) from error

    @property
    def name(self) -> str:
        """The database."""
        return shown(self._url)

    @property
    def durable(self) -> bool:
        """Whether everything that was committed is stored by the server."""
        return not self._batches and not self._lost

    def lease_lost(self) -> str:
        """Say who took the account over; a silent connection is looked at now and then."""
        if not self._lost and time.monotonic() - self._checked > CHECK_EVERY_S:
            self._checked = time.monotonic()
            if self._server is not None and not self._open.statements:
                self._batches.append([])
                self._send()
        return self._lost

    def write(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Execute in memory; the server gets it with the commit."""
        return self._open.execute(self.current, sql, values)

    def commit(self) -> None:
        """Store the transaction, or keep it for later."""
        if not self.current.in_transaction:
            return
        self.current.execute("commit")
        self._batches.append(self._open.end())
        self._send()

    def rollback(self) -> None:
        """Drop the open transaction."""
        self._open.roll_back(self.current)

    async def checkpoint(self) -> None:
        """Leave it to the server."""

    def recover(self) -> bool:
        """Connect again in the background, then store what waits."""
        if self._lost:
            return False
        if self._server is None and not self._reconnected():
            return False
        self._send()
        return self.durable

    def close(self) -> None:
        """Store what waits, give the lease back and close."""
        self.commit()
        if self._server is None and not self._lost:
            try:
                self._server = self._resumed(self._connect())
            except psycopg.Error as error:
                self.problem = _first_line(error)
        self._send()
        if self._batches:
            log.critical("%d transactions of the ledger could not be saved", len(self._batches))
        self._drop_server()
        self._helper.shutdown(wait=False)
        self.current.close()

    def _send(self) -> None:
        """Send the batches that wait, the oldest first."""
        server = self._server
        while self._batches and server is not None and not self._lost:
            try:
                self._store(server, self._batches[0])
            except psycopg.Error as error:
                if error.sqlstate == LEASE_LOST:
                    self._lose(_first_line(error))
                elif error.sqlstate == ALREADY_APPLIED:
                    self._stored()
                    continue
                else:
                    self._leave(error)
                return
            self._stored()

    def _stored(self) -> None:
        self._batch += 1
        self._batches.popleft()
        self._checked = time.monotonic()
        if self.problem and not self._batches:
            log.warning("the ledger is written again")
            self.problem = ""

    def _store(self, server: psycopg.Connection[Any], batch: list[Statement]) -> None:
        """One batch, one transaction, one round trip."""
        with server.pipeline(), server.transaction():
            server.execute(
                f"select {SCHEMA}.fence(%s, %s, %s)",
                (self._executor, self._token, self._batch + 1),
            )
            for sql, values in batch:
                server.execute(_translated(sql), [_storable(value) for value in values])

    def _leave(self, error: psycopg.Error) -> None:
        """Go on in memory; the connection may be half alive, so it is dropped."""
        if not self.problem:
            log.critical("the ledger cannot be written (%s): going on in memory, no entries", error)
        self.problem = _first_line(error)
        self._drop_server()

    def _lose(self, why: str) -> None:
        self._lost = f"the lease of account '{self._executor}' in {self.name} is lost: {why}"
        self.problem = self._lost
        log.critical("%s", self._lost)
        self._drop_server()

    def _drop_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _reconnected(self) -> bool:
        """Whether a connection with the lease is there; connecting never blocks the caller."""
        if self._connecting is None:
            self._connecting = self._helper.submit(self._connect)
            return False
        if not self._connecting.done():
            return False
        waiting, self._connecting = self._connecting, None
        try:
            self._server = self._resumed(waiting.result())
        except psycopg.Error as error:
            self.problem = _first_line(error)
        return self._server is not None

    def _resumed(self, server: psycopg.Connection[Any]) -> psycopg.Connection[Any] | None:
        """The connection, if the lease is still this process's."""
        found = server.execute(
            f"select token, holder from {SCHEMA}.leases where executor = %s", (self._executor,)
        ).fetchone()
        if found is None or found[0] != self._token:
            self._lose("nobody holds it" if found is None else f"it is held by {found[1]}")
        elif self._locked(server):
            return server
        else:
            self.problem = "the session before still holds the lease"
        server.close()
        return None

    def _connect(self) -> psycopg.Connection[Any]:
        server = connect(self._url, self._password)
        try:
            prepare(server)
            use(server, self._tables, self._executor)
            # Each statement is parsed once a session.
            server.prepare_threshold = 0
        except BaseException:
            server.close()
            raise
        return server

    def _locked(self, server: psycopg.Connection[Any]) -> bool:
        row = server.execute(
            "select pg_try_advisory_lock(hashtextextended(%s, 0))", (f"nocturne {self._executor}",)
        ).fetchone()
        return row is not None and bool(row[0])

    def _take_lease(self, server: psycopg.Connection[Any]) -> None:
        deadline = time.monotonic() + LEASE_WITHIN_S
        while not self._locked(server):
            if time.monotonic() > deadline:
                holder = server.execute(
                    f"select holder from {SCHEMA}.leases where executor = %s", (self._executor,)
                ).fetchone()
                server.close()
                raise SettingsError(
                    f"an executor already trades account '{self._executor}' in {self.name}"
                    f" ({holder[0] if holder else 'unknown'}); stop it first, or give this one"
                    " another `account`"
                )
            time.sleep(0.05)
        me = f"process {os.getpid()} on {socket.gethostname()}"
        server.execute(
            f"insert into {SCHEMA}.leases values (%s, %s, %s, now(), 0) on conflict (executor)"
            " do update set token = excluded.token, holder = excluded.holder,"
            " taken_at = excluded.taken_at, batch = 0",
            (self._executor, self._token, me),
        )


def connect(url: str, password: str | None) -> psycopg.Connection[Any]:
    """A session whose commits are durable, and which a dead peer cannot hold for long."""
    server = psycopg.connect(
        url,
        password=password,
        autocommit=True,
        application_name="nocturne",
        connect_timeout=CONNECT_WITHIN_S,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=5_000,
    )
    for setting in (
        "synchronous_commit = on",
        "statement_timeout = '5s'",
        "lock_timeout = '5s'",
        "tcp_keepalives_idle = 5",
        "tcp_keepalives_interval = 2",
        "tcp_keepalives_count = 3",
        "client_min_messages = warning",
    ):
        server.execute(f"set {setting}")
    return server


def read_copy(url: str, executor: str | None, password: str | None) -> sqlite3.Connection:
    """The whole ledger of an executor in memory; of the only one, where none is named.

    Raises:
        DataError: the server cannot be reached, or it does not hold such a ledger.
    """
    memory, tables = ledger_in_memory()
    try:
        with connect(url, password) as server:
            prepare(server)
            use(server, tables, executor or _only_executor(server, url))
            _load(server, memory, tables, frozenset())
    except psycopg.Error as error:
        memory.close()
        raise DataError(f"ledger {shown(url)} cannot be read ({_first_line(error)})") from error
    return memory


def _only_executor(server: psycopg.Connection[Any], url: str) -> str:
    found = [row[0] for row in server.execute(f"select executor from {SCHEMA}.leases order by 1")]
    if len(found) != 1:
        known = ", ".join(found) or "none"
        raise DataError(f"{shown(url)} has the ledgers of {known}; name one with --account")
    return str(found[0])


def _load(
    server: psycopg.Connection[Any],
    memory: sqlite3.Connection,
    tables: Sequence[LedgerTable],
    without: frozenset[str],
) -> None:
    memory.execute("begin")
    for table in tables:
        if table.name in without:
            continue
        marks = ", ".join("?" for _ in table.columns)
        rows = server.execute(f"select {table.names} from {table.name}")
        memory.executemany(f"insert into {table.name} ({table.names}) values ({marks})", rows)
    memory.execute("commit")


def _translated(sql: str) -> str:
    """SQLite's marks as those of psycopg; no text of the ledger's statements has either sign."""
    return sql.replace("%", "%%").replace("?", "%s")


def _storable(value: Any) -> Any:
    """PostgreSQL has no NUL in text; an unreadable answer of a venue may bring one."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
