"""One symbol's series out of the lake, as the simulation takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa

from lake.releases.forecast_file import LAG
from lake.releases.manifest import VALIDITY
from lake.store import Lake
from lake.tables import CANDLES, FORECASTS, RAW_CANDLES, RAW_FUNDING
from trading.candles import CandleColumns, Floats, Integers, interval_ms
from trading.market.funding import FundingRates
from trading.model_targets import entry_target
from trading.positions.forecasts import RETURN, VOLATILITY, usual_of

_LAG_MS = round(LAG.total_seconds() * 1000)
_VALID_MS = round(VALIDITY["signals"].total_seconds() * 1000)
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
    wanted = [{**where, "month": month} for month in months] or [where]
    columns: dict[str, list[Floats]] = {name: [] for name in _COLUMNS}
    times: list[Integers] = []
    # Month by month: a table of many years beside its columns would double the memory.
    for partition in (part for one in wanted for part in lake.partitions(CANDLES, **one)):
        data = lake.read_partition(partition, as_of, ["open_time", *_COLUMNS])
        times.append(data["open_time"].cast(pa.int64()).to_numpy())
        for name in _COLUMNS:
            columns[name].append(np.asarray(data[name].to_numpy(), dtype=np.float64))
    opens, highs, lows, closes, volumes = (_joined(columns.pop(name)) for name in _COLUMNS)
    open_times = np.concatenate(times) if times else np.empty(0, np.int64)
    return CandleColumns.of(
        open_times, opens, highs, lows, closes, volumes, interval_ms=interval_ms(interval)
    )


def unchecked(lake: Lake, venue: str, symbol: str) -> str:
    """Say that a symbol's candles were imported and not checked yet; empty if there are none."""
    if not lake.partitions(RAW_CANDLES, venue=venue, symbol=symbol):
        return ""
    return (
        f"lake {lake.root} has candles of {symbol} that no night has checked yet; run"
        " `nocturne flow validate`, or the nightly"
    )


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.empty(0)


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


def with_forecasts(
    lake: Lake,
    candles: CandleColumns,
    venue: str,
    symbol: str,
    as_of: datetime | None = None,
    *,
    strategy: str | None = None,
) -> CandleColumns:
    """Return the candles with the stored forecasts that were known when each of them closed.

    They count as published ones do: from three minutes after the close that they were made at
    until 30 minutes after it. ``strategy`` names whose entries' chances are wanted too. Candles of
    a symbol without forecasts are returned as they are.
    """
    closes = candles.open_time + candles.interval_ms
    columns: dict[str, Floats] = {}
    wanted = [RETURN, VOLATILITY, *([entry_target(strategy)] if strategy else [])]
    for target in wanted:
        where = {"venue": venue, "symbol": symbol, "target": target}
        data = lake.read(FORECASTS, ["made_at", "value", "usual"], as_of=as_of, **where)
        if not data.num_rows:
            continue
        made = np.asarray(data["made_at"].cast(pa.int64()).to_numpy(), dtype=np.int64)
        place = np.searchsorted(made + _LAG_MS, closes, side="right") - 1
        known = (place >= 0) & (closes < made[place] + _VALID_MS)
        columns[target] = np.where(known, _real(data["value"])[place], np.nan)
        if target != RETURN:
            columns[usual_of(target)] = np.where(known, _real(data["usual"])[place], np.nan)
    return replace(candles, forecasts=columns) if columns else candles


def with_returns(
    lake: Lake, candles: CandleColumns, venue: str, symbol: str, as_of: datetime | None = None
) -> CandleColumns:
    """Return the candles `with_forecasts` for a strategy that reads forecasts of the return.

    Where a night has stored none yet, none is known: a strategy then decides that it has none.
    """
    found = with_forecasts(lake, candles, venue, symbol, as_of)
    unknown = np.full(len(candles), np.nan)
    return replace(found, forecasts={RETURN: unknown, **(found.forecasts or {})})


def _real(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.to_numpy(), dtype=np.float64)
