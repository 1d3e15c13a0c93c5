"""SQL for an untrusted caller: the lake's files only, few rows, little time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from lake.catalog import fetch, open_catalog, split
from lake.store import Lake
from trading.errors import DataError

MOST_ROWS = 500
MOST_SECONDS = 20.0
MEMORY = "1GB"


def guarded_query(root: Path, sql: str, limit: int = 100) -> dict[str, Any]:
    """Return columns and at most ``limit`` rows of one statement that reads.

    The connection may open files of the lake alone: no other file, no network, no extension.
    Raises `DataError` for anything else, for a statement that writes, and when time is up.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise DataError(f"limit {limit} is not possible; give 1 to {MOST_ROWS}")
    statements = split(sql)
    if len(statements) != 1:
        raise DataError(f"one SQL statement is expected, {len(statements)} were given")
    body = statements[0].rstrip().rstrip(";")
    connection = open_catalog(Lake(root))
    interrupt = threading.Timer(MOST_SECONDS, connection.interrupt)
    try:
        folder = str(root.resolve()).replace("'", "''")
        for guard in (
            f"SET memory_limit = '{MEMORY}'",
            f"SET allowed_directories = ['{folder}/']",
            "SET temp_directory = ''",  # nothing is written beside the ledger
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            connection.execute(guard)
        interrupt.start()
        table = fetch(connection, f"SELECT * FROM (\n{body}\n) LIMIT {limit + 1}")
    finally:
        interrupt.cancel()
        connection.close()
    rows = table.slice(0, limit).to_pylist()
    return {
        "columns": table.column_names,
        "rows": [{name: plain(value) for name, value in row.items()} for row in rows],
        "cut": table.num_rows > limit,
    }


def plain(value: Any) -> Any:
    """Return what JSON can hold: numbers and texts stay, times and the rest become texts."""
    if isinstance(value, float) and value != value:
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    return str(value)
