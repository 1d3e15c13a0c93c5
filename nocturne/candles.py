"""Candles of one series, read from a file, from the lake, or made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from lake.ingest.candle_files import read_candles as _read
from trading.candles import CandleColumns, interval_ms, interval_name


@dataclass(frozen=True)
class Candles:
    """Checked candles of one symbol, ascending, with the funding rates that positions pay.

    ``funding`` maps the time of each payment (epoch ms) to its rate; empty: none is charged.
    """

    columns: CandleColumns
    symbol: str = ""
    funding: Mapping[int, float] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def interval(self) -> str:
        """Length of one candle, for example ``1m``."""
        return interval_name(self.columns.interval_ms)

    @property
    def frame(self) -> pl.DataFrame:
        """Return open_time (UTC), open, high, low, close and volume."""
        columns = self.columns
        return pl.DataFrame(
            {
                "open_time": _times(columns.open_time),
                "open": columns.open,
                "high": columns.high,
                "low": columns.low,
                "close": columns.close,
                "volume": columns.volume,
            }
        )

    def between(
        self, start: datetime | str | None = None, end: datetime | str | None = None
    ) -> Candles:
        """Return the candles that open from ``start`` (included) to ``end`` (excluded), UTC."""
        columns = self.columns.slice(_ms(start), _ms(end))
        return Candles(columns, self.symbol, self.funding)

    def to(self, interval: str) -> Candles:
        """Return candles of a longer interval, as the exchange would have built them."""
        return Candles(self.columns.higher(interval_ms(interval)), self.symbol, self.funding)

    def _repr_html_(self) -> str:
        return self.frame._repr_html_()


def read_candles(path: Path | str) -> Candles:
    """Read a file of candles: CSV, Parquet, feather or JSON, of Binance, freqtrade, TradingView.

    `nocturne.NocturneError` names the file, the row and the value of what cannot be read.
    """
    path = Path(path)
    return Candles(_read(path), path.stem)


def make_candles(
    closes: Sequence[float], start: datetime, interval: str, *, wick: float = 0.0
) -> Candles:
    """Return candles with these closes, each opening at the close before it: for tests.

    ``wick`` is how far high and low reach beyond open and close, as a share of the price.
    """
    length = interval_ms(interval)
    first = int(start.timestamp() * 1000)
    close = np.asarray(closes, dtype=np.float64)
    open_ = np.append(close[:1], close[:-1])
    high, low = np.maximum(open_, close) * (1 + wick), np.minimum(open_, close) * (1 - wick)
    times = first + length * np.arange(len(close), dtype=np.int64)
    return Candles(CandleColumns.of(times, open_, high, low, close, np.ones(len(close)), length))


def _times(values: np.ndarray) -> pl.Series:
    return pl.Series(values).cast(pl.Datetime("ms", "UTC"))


def _ms(moment: datetime | str | None) -> int | None:
    if moment is None:
        return None
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
