"""Checked candles of the lake (see `lake.series`), and the compiled kernels of the simulation."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from flows.sources.trading_hours import load_trading_hours
from lake.series import load_candles
from lake.store import Lake
from trading.candles import CandleColumns

__all__ = ["load_candles", "load_traded_candles", "start_compiling", "with_closes"]

_compiling = threading.Lock()
_started = threading.Event()


def start_compiling() -> None:
    """Keep compiled kernels on disk; only once per process, since it drops earlier compilations."""
    from trading.jit import compiler

    with _compiling:
        if not _started.is_set():
            compiler.enable()
            _started.set()


def load_traded_candles(
    lake: Lake, hours: Path, venue: str, symbol: str, as_of: datetime | None = None
) -> CandleColumns:
    """Return `load_candles` for trades: they know when the trading days of the venue end.

    ``hours`` is the file of the trading hours.
    """
    return with_closes(load_candles(lake, venue, symbol, as_of), hours, venue)


def with_closes(candles: CandleColumns, hours: Path, venue: str) -> CandleColumns:
    """Return ``candles`` that know in which of them a trading day of ``venue`` ends."""
    known = load_trading_hours(hours, venue)
    closing = known.closes_in(candles.open_time, candles.interval_ms)
    return candles if closing is None else replace(candles, closing=closing)
