"""The lake in SQL: an in-memory DuckDB with every table as a view, optionally under ``as_of``.

Two names exist in two layers: ``candles`` is the checked table (``raw_candles`` the raw one), and
``equity`` is the ledger's (``research_equity`` holds that of back-tests).
"""

from __future__ import annotations

import re
from datetime import datetime

import duckdb
import pyarrow as pa

from lake.partitions import iso
from lake.store import FILE_NAME, Lake
from lake.tables import TABLES, Table
from trading.errors import DataError

_SQL_TYPES = {
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("ms", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}
# Milliseconds of an interval's name: a candle counts once it has closed.
_INTERVAL_MS = (
    'cast(left("interval", -1) as bigint) * case right("interval", 1) when \'s\' then 1000'
    " when 'm' then 60000 when 'h' then 3600000 when 'd' then 86400000 when 'w' then 604800000 end"
)

_EXPLAIN = re.compile(
    r"\s*explain\b\s*(?:analyze\b)?\s*(?:\(\s*(?:analyze|format)\b[^()]*\))?\s*", re.IGNORECASE
)


def open_catalog(lake: Lake, as_of: datetime | None = None) -> duckdb.DuckDBPyConnection:
    """Return a connection with every table of `lake.tables.TABLES` as a view; close it after use.

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


def view_statements(lake: Lake, as_of: datetime | None = None) -> list[str]:
    """Return the CREATE VIEW statements, which the plain ``duckdb`` command line accepts too."""
    if not lake.root.is_dir():
        raise DataError(
            f"the lake {lake.root} does not exist; run `nocturne demo`, import into it, "
            "or name another one with --lake"
        )
    return [
        f"CREATE VIEW {table.view} AS {_select(lake, table, as_of)}" for table in TABLES.values()
    ]


def _select(lake: Lake, table: Table, as_of: datetime | None) -> str:
    folder = lake.root / table.layer / table.name
    depth = "/".join("*" for _ in table.partition)
    if not next(folder.glob(f"{depth}/{FILE_NAME}"), None):
        return f"SELECT {_empty_columns(table)} WHERE false"
    # DuckDB reads the path as a glob pattern without an escape character; brackets quote one.
    place = "".join(f"[{char}]" if char in "*?[" else char for char in folder.as_posix())
    types = ", ".join(f"{_quoted(name)}: VARCHAR" for name in table.partition)
    source = (
        f"read_parquet({_text(f'{place}/{depth}/{FILE_NAME}')}, hive_partitioning = true, "
        f"hive_types = {{{types}}}, union_by_name = {str(table.extra != 'none').lower()})"
    )
    condition = "" if as_of is None else f" WHERE {_known(table, as_of)}"
    return f"SELECT * FROM {source}{condition}"


def _known(table: Table, as_of: datetime) -> str:
    moment = f"TIMESTAMPTZ {_text(iso(as_of))}"
    if table.known == "before":
        return f"{_quoted(table.time)} < {moment}"
    if table.known == "upto":
        return f"{_quoted(table.time)} <= {moment}"
    # The first comparison prunes row groups; the second is exact.
    return (
        f"{_quoted(table.time)} < {moment} AND "
        f"epoch_ms({_quoted(table.time)}) + {_INTERVAL_MS} <= epoch_ms({moment})"
    )


def _empty_columns(table: Table) -> str:
    columns = [(field.name, _SQL_TYPES[field.type]) for field in table.schema]
    columns += [(name, "VARCHAR") for name in table.partition]
    return ", ".join(f"CAST(NULL AS {kind}) AS {_quoted(name)}" for name, kind in columns)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


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
