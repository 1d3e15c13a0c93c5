"""Remove the releases that nobody needs any more, and say which ones a ledger still names."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from lake.ledger_database import LedgerSource, open_ledger
from lake.releases import Pruned, prune
from lake.store import Lake
from lake.tables import EVENTS, LEDGER_EQUITY, ORDERS, POSITIONS, RECEIVED_CANDLES
from trading.errors import DataError

_TABLES = (ORDERS, POSITIONS)
_NOT_NEEDED = {table.name: 0 for table in (EVENTS, LEDGER_EQUITY, RECEIVED_CANDLES)}
"""Rows of the large tables that are copied out of a database."""


def prune_releases(
    lake: Lake,
    ledger: LedgerSource,
    *,
    now: datetime,
    keep_days: int,
    keep_last: int,
    dry_run: bool = False,
) -> Pruned:
    """Apply the retention to the releases of a lake; see `lake.releases.prune`.

    What an order or a position names stays: in the executor's ``ledger``, if it is within reach,
    and in the lake's copy of it. Raises `DataError` when the ledger cannot be read.
    """
    used = releases_in_ledger(ledger) | releases_in_lake(lake)
    return prune(
        lake.published, now, used, keep_days=keep_days, keep_last=keep_last, dry_run=dry_run
    )


def releases_in_lake(lake: Lake) -> set[str]:
    """Return the ids of the releases that the copied ledgers name."""
    return {
        str(name)
        for table in _TABLES
        for name in lake.read(table, ["release_id"])["release_id"].unique().to_pylist()
        if name
    }


def releases_in_ledger(ledger: LedgerSource) -> set[str]:
    """Return the ids of the releases that the executor's ledger names; none without a file."""
    if ledger.is_file and not Path(ledger.where).is_file():
        return set()
    try:
        with contextlib.closing(open_ledger(replace(ledger, newest=_NOT_NEEDED))) as source:
            return {
                str(row[0])
                for table in _TABLES
                for row in source.execute(f"select distinct release_id from {table.name}")
                if row[0]
            }
    except sqlite3.Error as error:
        raise DataError(
            f"{ledger.shown} cannot be read as an executor's ledger: {error};"
            " releases that it may name are not removed"
        ) from error
