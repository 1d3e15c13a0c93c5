"""The lake in Python: its tables and SQL as polars frames."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow as pa

from lake.catalog import query
from lake.series import load_candles, load_funding, unchecked, with_forecasts
from lake.store import Lake as _Store
from lake.tables import BARS, FEATURES
from nocturne.candles import Candles
from trading.errors import DataError

USDM = "binance_usdm"


class Lake:
    """A lake on this disk, read-only; times are UTC, ``as_of`` hides what was not known then."""

    def __init__(self, root: Path | str = "data_lake") -> None:
        self._store = _Store(root)
        if not self._store.root.is_dir():
            raise DataError(f"lake {root} does not exist; give the folder of a lake")

    def candles(
        self,
        symbol: str,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        *,
        venue: str = USDM,
        as_of: datetime | None = None,
    ) -> Candles:
        """Return the checked one-minute candles from ``start`` to ``end`` (excluded), with funding.

        They carry the stored forecasts of the symbol, for a strategy that reads them.
        Without any, `nocturne.NocturneError` names what the lake has.
        """
        columns = load_candles(self._store, venue, symbol, as_of)
        columns = with_forecasts(self._store, columns, venue, symbol, as_of)
        funding = load_funding(self._store, venue, symbol, as_of)
        found = Candles(columns, symbol, funding).between(start, end)
        if len(found) == 0:
            known = self.sql("select distinct symbol from candles order by 1")["symbol"].to_list()
            raise DataError(
                unchecked(self._store, venue, symbol) * (len(columns) == 0)
                or f"lake {self._store.root} has no candles of {symbol} on {venue} there;"
                f" it has {', '.join(known) or 'none'}"
            )
        return found

    def bars(self, symbol: str, interval: str, *, venue: str = USDM) -> pl.DataFrame:
        """Return the bars of one interval, for example ``1h``."""
        return _frame(self._store.read(BARS, venue=venue, symbol=symbol, interval=interval))

    def features(self, symbol: str, interval: str, *, venue: str = USDM) -> pl.DataFrame:
        """Return the features of one interval, one row a bar."""
        return _frame(self._store.read(FEATURES, venue=venue, symbol=symbol, interval=interval))

    def trades(self) -> pl.DataFrame:
        """Return the out-of-sample trades of every search in the lake."""
        return self.sql("select * from trades")

    def sql(self, text: str, *, as_of: datetime | None = None) -> pl.DataFrame:
        """Return the result of one read-only statement over the lake's views."""
        return _frame(query(self._store, text, as_of))


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame
