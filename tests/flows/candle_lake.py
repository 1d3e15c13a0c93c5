"""Minutes made by hand, real minutes of the bundled sample, and a lake that holds them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lake.store import Lake
from lake.tables import CANDLES, FORECASTS, RAW_CANDLES, RAW_FUNDING
from trading.candles import MINUTE_MS

SAMPLE = Path(__file__).resolve().parents[2] / "data_lake" / "sample"
TIME = pa.timestamp("ms", tz="UTC")


def ms(moment: datetime) -> int:
    """Return milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)


def minutes(start: datetime, count: int) -> dict[str, list[Any]]:
    """Return columns of quiet, correct minutes that a test may break: prices saw around 100."""
    close = [100 + 0.01 * (i % 7) for i in range(count)]
    opens = [close[0], *close[:-1]]
    return {
        "open_time": [ms(start) + i * MINUTE_MS for i in range(count)],
        "open": opens,
        "high": [max(a, b) + 0.01 for a, b in zip(opens, close, strict=True)],
        "low": [min(a, b) - 0.01 for a, b in zip(opens, close, strict=True)],
        "close": close,
        "volume": [10.0 + i % 5 for i in range(count)],
        "quote_volume": [1000.0] * count,
        "trades": [20] * count,
        "taker_buy_base": [5.0] * count,
        "taker_buy_quote": [500.0] * count,
    }


def table(columns: dict[str, list[Any]]) -> pa.Table:
    """Return columns as raw.candles has them."""
    kinds = {field.name: field.type for field in RAW_CANDLES.schema}
    arrays = {
        name: pa.array(values, pa.int64()).cast(TIME)
        if name == "open_time"
        else pa.array(values, kinds[name])
        for name, values in columns.items()
    }
    return pa.table(arrays)


def put_raw(lake: Lake, symbol: str, data: pa.Table, venue: str = "binance_usdm") -> None:
    """Write raw minutes, month by month."""
    months = pc.strftime(data["open_time"], format="%Y-%m")
    for month in pc.unique(months).to_pylist():
        rows = data.filter(pc.equal(months, month))
        lake.write(RAW_CANDLES, rows, venue=venue, symbol=symbol, interval="1m", month=month)


def put_checked(lake: Lake, symbol: str, data: pa.Table, venue: str = "binance_usdm") -> None:
    """Write minutes as if they had been checked."""
    steps = np.diff(data["open_time"].cast(pa.int64()).to_numpy()) // MINUTE_MS - 1
    checked = data.append_column("gap_before", pa.array([0, *steps], pa.int64()))
    months = pc.strftime(data["open_time"], format="%Y-%m")
    for month in pc.unique(months).to_pylist():
        rows = checked.filter(pc.equal(months, month))
        lake.write(CANDLES, rows, venue=venue, symbol=symbol, interval="1m", month=month)


def sample_minutes(symbol: str, start: datetime, end: datetime) -> pa.Table:
    """Read real minutes of the bundled sample that open in [start, end)."""
    data = pq.read_table(SAMPLE / "candles_1m" / "usdm" / f"{symbol}.parquet")
    times = data["open_time"]
    inside = pc.and_(pc.greater_equal(times, pa.scalar(start)), pc.less(times, pa.scalar(end)))
    return data.filter(inside)


def put_funding(lake: Lake, symbol: str) -> None:
    """Write real funding rates of the bundled sample."""
    data = pq.read_table(SAMPLE / "funding" / "usdm" / f"{symbol}.parquet")
    lake.write(RAW_FUNDING, data, venue="binance_usdm", symbol=symbol)


def put_forecasts(lake: Lake, symbol: str, start: datetime, end: datetime) -> None:
    """Write a drawn forecast of return and of volatility every quarter of an hour."""
    made = np.arange(int(start.timestamp() * 1000), int(end.timestamp() * 1000), 900_000)
    random = np.random.default_rng(1)
    drawn = {
        "direction_1h": (random.normal(0.0, 0.002, len(made)), None),
        "volatility_1h": (0.0006 * np.exp(random.normal(0.0, 0.8, len(made))), 0.0006),
    }
    for target, (values, usual) in drawn.items():
        columns = {
            "made_at": pa.array(made, pa.int64()).cast(pa.timestamp("ms", "UTC")),
            "value": values,
            "usual": pa.array([usual] * len(made), pa.float64()),
        }
        where = {"venue": "binance_usdm", "symbol": symbol, "target": target}
        lake.write(FORECASTS, pa.table(columns), **where)
