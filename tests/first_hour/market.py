"""Twelve days of the bundled BTCUSDT, as files that a user may have, and as a lake."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from tests.flows.candle_lake import SAMPLE

FIRST = datetime(2025, 5, 6, tzinfo=UTC)
LAST = FIRST + timedelta(days=12)
FILE = SAMPLE / "candles_1m" / "usdm" / "BTCUSDT.parquet"
QUICK = ("--set", "filters=off", "--set", "k=0.3")
"""Settings with which `breakout` trades in these days."""


def minutes() -> pl.DataFrame:
    """Return open_time, open, high, low, close and volume."""
    inside = (pl.col("open_time") >= FIRST) & (pl.col("open_time") < LAST)
    return pl.read_parquet(FILE).filter(inside)


def binance(folder: Path, *, header: bool) -> Path:
    """Write the twelve columns of Binance's archive."""
    rows = minutes()
    begin = rows["open_time"].dt.epoch("ms")
    quote = rows["volume"] * rows["close"]
    file = folder / f"BTCUSDT-1m-{'named' if header else 'bare'}.csv"
    rows.select(
        open_time=begin,
        open="open",
        high="high",
        low="low",
        close="close",
        volume="volume",
        close_time=begin + 59_999,
        quote_volume=quote,
        count=pl.lit(10),
        taker_buy_volume=pl.col("volume") / 2,
        taker_buy_quote_volume=quote / 2,
        ignore=pl.lit(0),
    ).write_csv(file, include_header=header)
    return file


def freqtrade(folder: Path, ending: str) -> Path:
    """Write what freqtrade's `download-data` leaves: feather, Parquet or JSON."""
    rows = minutes().rename({"open_time": "date"})
    file = folder / f"BTC_USDT_USDT-1m-futures.{ending}"
    if ending == "feather":
        rows.write_ipc(file, compression="lz4")
    elif ending == "parquet":
        rows.write_parquet(file)
    else:
        listed = rows.with_columns(pl.col("date").dt.epoch("ms")).rows()
        file.write_text(json.dumps(listed))
    return file


def tradingview(folder: Path) -> Path:
    """Write an export of a TradingView chart."""
    file = folder / "BINANCE_BTCUSDT.P, 1.csv"
    rows = minutes().rename({"open_time": "time", "volume": "Volume"})
    rows.with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_csv(file)
    return file
