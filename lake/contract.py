"""The contract of a table: its columns, key and partition, and when a row is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

TIME = pa.timestamp("ms", tz="UTC")
TEXT = pa.string()
REAL = pa.float64()
WHOLE = pa.int64()

# When may a row be read under ``as_of``?
#   close   a candle, or a value computed from it: open time + interval is at or before as_of
#   before  an event: its time is before as_of
#   upto    a result: the as_of it was computed under is at or before as_of
Known = Literal["close", "before", "upto"]
Extra = Literal["none", "float", "any"]


@dataclass(frozen=True, slots=True)
class Fallback:
    """What a column holds for a file that was written before the column existed.

    It is the value of another column (``column``), or ``value`` in every row; None is null.
    """

    value: str | None = None
    column: str = ""


@dataclass(frozen=True)
class Table:
    """Contract of one table.

    ``schema`` holds the columns inside the file; the partition's columns live in its path. A field
    that is not nullable must be present and without nulls. ``key`` is unique in a partition, and
    the file is sorted by it. ``as_of`` cuts by the column ``time``, as ``known`` says. ``extra``
    says which other columns are allowed: none, float64 (features, measures) or any. ``fallbacks``
    are the columns that older files lack, by name.
    """

    name: str
    layer: str
    schema: pa.Schema
    key: tuple[str, ...]
    partition: tuple[str, ...]
    time: str
    known: Known
    extra: Extra = "none"
    view: str = ""
    fallbacks: Mapping[str, Fallback] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name of the table for a message: ``raw.candles``."""
        return f"{self.layer}.{self.name}"

    def lacking(self, names: Collection[str]) -> list[str]:
        """Return the columns with a fallback that a file with the columns ``names`` lacks."""
        return [name for name in self.fallbacks if name not in names]

    def completed(self, data: pa.Table, names: Collection[str]) -> pa.Table:
        """Append the columns ``names`` by their fallbacks."""
        for name in names:
            fallback, kind = self.fallbacks[name], self.schema.field(name).type
            column = (
                data[fallback.column].cast(kind)
                if fallback.column
                else pa.array([fallback.value] * data.num_rows, kind)
            )
            data = data.append_column(pa.field(name, kind), column)
        return data


def schema_of(required: dict[str, pa.DataType], optional: dict[str, pa.DataType]) -> pa.Schema:
    """Return a schema of required columns (no nulls), then optional ones."""
    fields = [pa.field(name, kind, nullable=False) for name, kind in required.items()]
    return pa.schema(fields + [pa.field(name, kind) for name, kind in optional.items()])
