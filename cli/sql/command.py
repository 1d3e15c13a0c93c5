"""`nocturne sql`: query the lake."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.inputs.lake_choice import AS_OF_HELP, LAKE_HELP, lake_root, moment
from trading.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from lake.store import Lake

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@app.command()
def sql(
    query: str = typer.Argument(
        None, help="One SELECT; every table of the lake is a view. Without it: a shell."
    ),
    file: Path = typer.Option(
        None,
        "--file",
        help="Read the query from a .sql file instead, such as sql/reports/gaps.sql.",
    ),
    lake: Path = typer.Option(None, help=LAKE_HELP),
    as_of: str = typer.Option(None, help=AS_OF_HELP),
    format: Format = typer.Option(Format.TABLE, help="table, csv or json (a list of objects)."),
    views: bool = typer.Option(
        False, "--views", help="Print the CREATE VIEW statements, for the plain duckdb command."
    ),
    init: Path = typer.Option(
        None, "--init", help="Write the views to a script for `duckdb -init FILE`, from any folder."
    ),
) -> None:
    """Query the lake in SQL (DuckDB); nothing is written.

    Without a query, a terminal gets a shell, and a pipe is read statement by statement.

    Example: nocturne sql "select symbol, count(*) as candles from candles group by symbol"
    """
    from cli.sql import formats
    from lake.catalog import query as run
    from lake.store import Lake
    from lake.views import init_script

    root = Lake(lake_root(lake))
    known_at = moment(as_of)
    if views:
        typer.echo(init_script(root, known_at), nl=False)
        return
    if init is not None:
        init.write_text(init_script(root, known_at), encoding="utf-8")
        typer.echo(f"wrote {init}; run: duckdb -init {shlex.quote(str(init))}")
        return
    printers = {
        Format.TABLE: formats.as_table,
        Format.CSV: formats.as_csv,
        Format.JSON: formats.as_json,
    }
    show = printers[format]
    if query is None and file is None:
        _open_shell(root, known_at, show)
        return
    typer.echo(show(run(root, _text_of(query, file), known_at)), nl=False)


def _open_shell(lake: Lake, as_of: datetime | None, show: Callable[[pa.Table], str]) -> None:
    from cli.sql.shell import Shell
    from lake.catalog import open_catalog

    connection = open_catalog(lake, as_of)
    try:
        shell = Shell(connection, show)
        if sys.stdin.isatty():
            typer.echo(f"The lake {lake.root} in SQL; .help says how, .quit leaves.")
            shell.run_terminal()
        elif not shell.run_stream(sys.stdin):
            raise _no_query()
    finally:
        connection.close()


def _no_query() -> DataError:
    return DataError('one query is expected: nocturne sql "SELECT …", or --file QUERY.sql')


def _text_of(query: str | None, file: Path | None) -> str:
    if (query is None) == (file is None):
        raise _no_query()
    if query is not None:
        return query
    assert file is not None
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"the query file {file} cannot be read: {error.strerror}") from error
