"""Checked candles of the lake as the simulation's columns, and its compiled kernels."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa

from lake.store import Lake
from lake.tables import CANDLES
from trading.candles import CandleColumns, interval_ms

_COLUMNS = ("open", "high", "low", "close", "volume")
_compiling = threading.Lock()
_started = threading.Event()


def load_candles(
    lake: Lake,
    venue: str,
    symbol: str,
    as_of: datetime,
    interval: str = "1m",
    months: Sequence[str] = (),
) -> CandleColumns:
    """Return the checked candles of ``symbol`` that had closed at ``as_of``; may be empty.

    ``months`` (such as ``2025-06``, ascending) limits what is read.
    """
    where = {"venue": venue, "symbol": symbol, "interval": interval}
    parts = [{**where, "month": month} for month in months] or [where]
    names = ["open_time", *_COLUMNS]
    data = pa.concat_tables(
        lake.read(CANDLES, names, as_of=as_of, **part).select(names) for part in parts
    )
    times = data["open_time"].cast(pa.int64()).to_numpy()
    opens, highs, lows, closes, volumes = (
        np.asarray(data[name].to_numpy(), dtype=np.float64) for name in _COLUMNS
    )
    return CandleColumns.of(
        times, opens, highs, lows, closes, volumes, interval_ms=interval_ms(interval)
    )


def start_compiling() -> None:
    """Keep compiled kernels on disk; only once per process, since it drops earlier compilations."""
    from trading.jit import compiler

    with _compiling:
        if not _started.is_set():
            compiler.enable()
            _started.set()
