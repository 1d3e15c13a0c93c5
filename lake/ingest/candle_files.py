"""The one reader of candle files: a path in, checked candles out.

Commands take `read_candles`, which refuses a file at its first bad row; the importer takes
`read_candle_table`, which leaves bad rows out and says so. Both read and check in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from lake.ingest.candle_rows import strict_columns, usable_rows
from lake.ingest.formats import frames
from trading.candles import CandleColumns
from trading.errors import DataError


def read_candles(path: Path) -> CandleColumns:
    """Read a file of candles, of any interval, in any of the formats of `lake.ingest.formats`.

    The result ascends by open time whatever the order of the rows; its interval is the smallest
    spacing. Raises `DataError` with one sentence that names the file, the row and the value.
    """
    if not path.exists():
        raise DataError(f"candle file {path} does not exist; give a file of candles")
    if not path.is_file():
        raise DataError(f"candle file {path} is not a file; give one file of candles")
    with _named(path):
        return strict_columns(frames.read_candle_frame(path))


def read_candle_table(path: Path) -> pa.Table:
    """Read the usable candles of a file as the table ``raw.candles`` has them.

    `lake.ingest.candle_rows.refused_rows` returns those that were left out.
    """
    return usable_rows(frames.read_candle_frame(path))


def read_candle_csv(text: bytes) -> pa.Table:
    """`read_candle_table` for the text of a CSV."""
    return usable_rows(frames.read_candle_csv(text))


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        text = str(error)
        joint = " " if text.startswith(("it ", "cannot ")) else ": "
        raise DataError(f"{path}{joint}{text.removeprefix('it ')}") from error
