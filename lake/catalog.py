"""The lake in SQL: an in-memory DuckDB with the views of `lake.views`."""

from __future__ import annotations

import re
from datetime import datetime

import duckdb
import pyarrow as pa

from lake.store import Lake
from lake.views import view_statements
from trading.errors import DataError

_EXPLAIN = re.compile(
    r"\s*explain\b\s*(?:analyze\b)?\s*(?:\(\s*(?:analyze|format)\b[^()]*\))?\s*", re.IGNORECASE
)


def open_catalog(lake: Lake, as_of: datetime | None = None) -> duckdb.DuckDBPyConnection:
    """Return a connection with the lake's views; close it after use.

    A table without partitions is an empty view with the contract's columns. With ``as_of``, the
    views hide rows that were not known then. Times print in UTC. Raises `DataError` if the lake
    does not exist.
    """
    connection = duckdb.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in view_statements(lake, as_of):
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def query(lake: Lake, sql: str, as_of: datetime | None = None) -> pa.Table:
    """Return the result of one read-only statement.

    Raises `DataError`, in one sentence, for anything that DuckDB refuses and for statements that
    would write (COPY, CREATE, ATTACH …).
    """
    statements = split(sql)
    if len(statements) != 1:
        raise DataError(f"one SQL statement is expected, {len(statements)} were given")
    _check_reads(statements[0])
    connection = open_catalog(lake, as_of)
    try:
        return fetch(connection, statements[0])
    finally:
        connection.close()


def split(sql: str) -> list[str]:
    """Return the single statements of a text; `DataError` if it does not parse."""
    return [statement.query for statement in _parse(sql)]


def ends_statement(text: str) -> bool:
    """Tell whether a text ends with ``;`` outside quotes and comments."""
    places = [place for place, kind in duckdb.tokenize(text) if kind != duckdb.token_type.comment]
    return bool(places) and text.encode()[places[-1] :][:1] == b";"


def columns_of_views(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Return the columns of every view of an open catalog."""
    found: dict[str, list[str]] = {}
    rows = connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
        " ORDER BY table_name, column_index"
    ).fetchall()
    for view, column in rows:
        found.setdefault(view, []).append(column)
    return found


def fetch(connection: duckdb.DuckDBPyConnection, statement: str) -> pa.Table:
    """Run one read-only statement on an open catalog; raises what `query` raises."""
    _check_reads(statement)
    try:
        return connection.sql(statement).to_arrow_table()
    except duckdb.Error as error:
        raise DataError(_sentence(error)) from error


def _parse(sql: str) -> list[duckdb.Statement]:
    try:
        return list(duckdb.extract_statements(sql))
    except duckdb.Error as error:
        raise DataError(_sentence(error)) from error


def _check_reads(statement: str) -> None:
    """Refuse a statement that writes, also behind EXPLAIN ANALYZE, which runs it."""
    body, kind = statement, _parse(statement)[0].type
    if kind == duckdb.StatementType.EXPLAIN or (
        kind == duckdb.StatementType.MULTI and _EXPLAIN.match(statement)
    ):
        body = _EXPLAIN.sub("", statement, count=1)
        parts = _parse(body)
        kind = parts[0].type if len(parts) == 1 else kind
    if kind == duckdb.StatementType.SELECT:
        return
    # PIVOT runs as several statements. So do COPY and CREATE of a PIVOT, which are no subqueries.
    if kind == duckdb.StatementType.MULTI and _is_subquery(body):
        return
    word = body.split()[0].upper() if kind == duckdb.StatementType.MULTI else kind.name
    raise DataError(f"the lake is read-only here, {word} is not possible; use SELECT")


def _is_subquery(statement: str) -> bool:
    ends = [
        place
        for place, kind in duckdb.tokenize(statement)
        if kind == duckdb.token_type.operator and statement.encode()[place : place + 1] == b";"
    ]
    text = statement.encode()[: ends[0] if ends else None].decode()
    try:
        parts = duckdb.extract_statements(f"SELECT * FROM (\n{text}\n)")
    except duckdb.Error:
        return False
    return len(parts) == 1 and parts[0].type == duckdb.StatementType.MULTI


def _sentence(error: duckdb.Error) -> str:
    return f"SQL: {str(error).strip().splitlines()[0]}"
