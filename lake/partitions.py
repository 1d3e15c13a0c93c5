"""References to the rows of a partition that a computation has read, with their hash.

Free of Arrow, so that the executor can read a release's lineage without loading it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from trading.errors import DataError


def iso(moment: datetime) -> str:
    """Format a time as ``2025-06-20T00:00:00Z``, with milliseconds if it has any.

    A naive time raises `DataError`: the lake knows only UTC.
    """
    if moment.tzinfo is None:
        raise DataError(f"the time {moment.isoformat()} has no time zone; give it in UTC")
    utc = moment.astimezone(UTC)
    text = utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """Parse ``2025-06-20`` or ``2025-06-20T00:00Z``; without a zone the time is UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise DataError(
            f"'{text}' is not a time; write for example 2025-06-20T00:00:00Z"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@dataclass(frozen=True)
class PartitionRef:
    """Rows of one partition that a computation has read.

    ``sha256`` covers the canonical content of exactly those rows (see `lake.content`), so a month
    file that has grown since still verifies. ``first`` and ``last`` are the times of the
    first and last row read (UTC), ``None`` for a table without a time. ``path`` is relative to
    the lake's root.
    """

    table: str
    layer: str
    partition: Mapping[str, str]
    path: str
    rows: int
    first: datetime | None
    last: datetime | None
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return the form that a release's manifest holds."""
        return {
            "table": self.table,
            "layer": self.layer,
            "partition": dict(self.partition),
            "path": self.path,
            "rows": self.rows,
            "first": iso(self.first) if self.first else None,
            "last": iso(self.last) if self.last else None,
            "sha256": self.sha256,
        }
