"""Blocks of the rows of a matrix of trials, so that what is made of it on the way stays small."""

from __future__ import annotations

from collections.abc import Iterator

ROWS = 1024


def blocks_of(rows: int) -> Iterator[slice]:
    """Yield all ``rows`` in blocks of at most `ROWS`."""
    for begin in range(0, rows, ROWS):
        yield slice(begin, begin + ROWS)
