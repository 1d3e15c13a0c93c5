"""One symbol's series out of the lake, as the simulation takes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa

from lake.store import Lake
from lake.tables import CANDLES, RAW_FUNDING
from trading.candles import CandleColumns, interval_ms
from trading.market.funding import FundingRates

_COLUMNS = ("open", "high", "low", "close", "volume")


def load_candles(
    lake: Lake,
    venue: str,
    symbol: str,
    as_of: datetime | None = None,
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


def load_funding(
    lake: Lake, venue: str, symbol: str, as_of: datetime | None = None
) -> FundingRates:
    """Return the rates of ``symbol`` known at ``as_of``, by time (ms); empty if there are none."""
    names = ["funding_time", "funding_rate"]
    data = lake.read(RAW_FUNDING, names, as_of=as_of, venue=venue, symbol=symbol)
    times = data["funding_time"].cast(pa.int64()).to_numpy()
    rates = np.asarray(data["funding_rate"].to_numpy(), dtype=np.float64)
    known = np.isfinite(rates)
    return dict(zip(times[known].tolist(), rates[known].tolist(), strict=True))
