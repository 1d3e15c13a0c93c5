"""A query's result as text: an aligned table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from cli.tables import text_table
from lake.partitions import iso


def _plain(value: Any) -> Any:
    """Convert a value for JSON: times to ISO in UTC, decimals to numbers, NaN to null."""
    if isinstance(value, datetime):
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
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_table(result: pa.Table) -> str:
    """Return columns of text and the number of rows."""
    rows = [[_cell(value).replace("\n", " ") for value in row] for row in _rows(result)]
    texts = {i for i, field in enumerate(result.schema) if not _is_number(field)}
    noun = "row" if len(rows) == 1 else "rows"
    return f"{text_table(result.column_names, rows, left=texts)}\n({len(rows)} {noun})\n"


def _is_number(field: pa.Field) -> bool:
    kind = field.type
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def as_csv(result: pa.Table) -> str:
    """Return CSV with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(result.column_names)
    writer.writerows([_cell(value) for value in row] for row in _rows(result))
    return text.getvalue()


def as_json(result: pa.Table) -> str:
    """Return a list of objects."""
    rows = [dict(zip(result.column_names, row, strict=True)) for row in _rows(result)]
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
