"""The lake that a command works on."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from lake.files import local_path

LAKE_HELP = "Root of the lake; default: $NOCTURNE_LAKE, or data_lake."
AS_OF_HELP = "Market time in UTC, for example 2025-06-20T00:00Z; nothing at or after it is read."


def lake_root(given: Path | None) -> Path:
    """Return the lake of ``--lake``, of ``NOCTURNE_LAKE``, or the folder ``data_lake``.

    Raises `DataError` for the address of an object store.
    """
    return local_path(given or Path(os.environ.get("NOCTURNE_LAKE") or "data_lake"))


def moment(text: str | None) -> datetime | None:
    """Parse the UTC time of an option; `DataError` if it is not a time."""
    from lake.partitions import parse_iso

    return None if text is None else parse_iso(text)
