"""A ledger that is only read: a SQLite file, or an executor's rows in PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from executor.runtime.database_url import problem_of
from executor.settings import LEDGER_PASSWORD_VARIABLE
from trading.errors import DataError


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """A file or a database URL; ``account`` names the executor where a database has several."""

    where: str
    account: str | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is a SQLite file."""
        return "://" not in self.where


@contextmanager
def open_reading(place: LedgerPlace) -> Iterator[sqlite3.Connection]:
    """Open a ledger read-only; PostgreSQL's rows are copied into memory.

    Raises:
        DataError: there is no ledger, or it cannot be read.
    """
    database = _file(Path(place.where)) if place.is_file else _copy(place)
    try:
        database.row_factory = sqlite3.Row
        yield database
    except sqlite3.DatabaseError as error:
        raise DataError(f"{place.where} cannot be read as an executor's ledger: {error}") from error
    finally:
        database.close()


def _file(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise DataError(
            f"no ledger at {path}; start the executor first, or pass --ledger FILE, its"
            " ledger.sqlite"
        )
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _copy(place: LedgerPlace) -> sqlite3.Connection:
    problem = problem_of(place.where)
    if problem:
        raise DataError(problem)
    from executor.ledger.postgres import read_copy

    return read_copy(place.where, place.account, os.environ.get(LEDGER_PASSWORD_VARIABLE))
