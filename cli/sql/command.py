"""`nocturne sql`: query the lake."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.inputs.lake_choice import AS_OF_HELP, LAKE_HELP, lake_root, moment

if TYPE_CHECKING:
    import pyarrow as pa

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@app.command()
def sql(
    query: str = typer.Argument(None, help="One SELECT; every table of the lake is a view."),
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
) -> None:
    """Query the lake in SQL (DuckDB); nothing is written.

    Example: nocturne sql "select symbol, count(*) as candles from candles group by symbol"
    """
    from lake.catalog import query as run
    from lake.catalog import view_statements
    from lake.store import Lake

    root = Lake(lake_root(lake))
    known_at = moment(as_of)
    if views:
        typer.echo("SET TimeZone = 'UTC';")
        for statement in view_statements(root, known_at):
            typer.echo(f"{statement};")
        return
    result = run(root, _text_of(query, file), known_at)
    printers = {Format.TABLE: _as_table, Format.CSV: _as_csv, Format.JSON: _as_json}
    typer.echo(printers[format](result), nl=False)


def _text_of(query: str | None, file: Path | None) -> str:
    from trading.errors import DataError

    if (query is None) == (file is None):
        raise DataError('one query is expected: nocturne sql "SELECT …", or --file QUERY.sql')
    if query is not None:
        return query
    assert file is not None
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"the query file {file} cannot be read: {error.strerror}") from error


def _plain(value: Any) -> Any:
    """Convert a value for JSON: times to ISO in UTC, decimals to numbers, NaN to null."""
    import math
    from datetime import date, datetime, time
    from decimal import Decimal

    if isinstance(value, datetime):
        from lake.partitions import iso

        return iso(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _rows(result: pa.Table) -> list[list[Any]]:
    columns = [column.to_pylist() for column in result.columns]
    return [[_plain(value) for value in row] for row in zip(*columns, strict=True)]


def _cell(value: Any) -> str:
    import json

    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_table(result: pa.Table) -> str:
    from cli.tables import text_table

    rows = [[_cell(value).replace("\n", " ") for value in row] for row in _rows(result)]
    texts = {i for i, field in enumerate(result.schema) if not _is_number(field)}
    noun = "row" if len(rows) == 1 else "rows"
    return f"{text_table(result.column_names, rows, left=texts)}\n({len(rows)} {noun})\n"


def _is_number(field: pa.Field) -> bool:
    import pyarrow as pa

    kind = field.type
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _as_csv(result: pa.Table) -> str:
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(result.column_names)
    writer.writerows([_cell(value) for value in row] for row in _rows(result))
    return text.getvalue()


def _as_json(result: pa.Table) -> str:
    import json

    rows = [dict(zip(result.column_names, row, strict=True)) for row in _rows(result)]
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
