"""Recorded trades and quotes of a symbol."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.engines.common.money import to_multiple
from sandbox.market.candles import milliseconds
from trading.candles import MINUTE_MS
from trading.errors import DataError

SECOND = 1_000
# Our column name -> the one in Binance's archive.
TRADE_COLUMNS = {
    "time": "transact_time",
    "price": "",
    "quantity": "",
    "buyer_maker": "is_buyer_maker",
}
QUOTE_COLUMNS = {"time": "transaction_time", "bid": "best_bid_price", "ask": "best_ask_price"}


@dataclass(frozen=True, slots=True)
class RecordedTrade:
    """A recorded trade; ``time`` in ms UTC, ``buyer_maker`` when the taker sold."""

    time: int
    price: Decimal
    quantity: Decimal
    buyer_maker: bool


@dataclass(frozen=True, slots=True)
class TradeTape:
    """Recorded trades of a symbol, oldest first."""

    times: npt.NDArray[np.int64]
    prices: npt.NDArray[np.float64]
    quantities: npt.NDArray[np.float64]
    buyer_makers: npt.NDArray[np.bool_]

    def minute(self, start: int, tick: Decimal, step: Decimal) -> list[list[RecordedTrade]]:
        """Return the trades of the minute that begins at ``start`` (ms), grouped by second."""
        first, last = np.searchsorted(self.times, [start, start + MINUTE_MS]).tolist()
        seconds: dict[int, list[RecordedTrade]] = {}
        for row in range(first, last):
            trade = RecordedTrade(
                int(self.times[row]),
                to_multiple(float(self.prices[row]), tick),
                max(step, to_multiple(float(self.quantities[row]), step)),
                bool(self.buyer_makers[row]),
            )
            seconds.setdefault(trade.time // SECOND, []).append(trade)
        return list(seconds.values())


@dataclass(frozen=True, slots=True)
class Quotes:
    """Recorded best bids and asks of a symbol, oldest first."""

    times: npt.NDArray[np.int64]
    bids: npt.NDArray[np.float64]
    asks: npt.NDArray[np.float64]

    def quote_at(self, time: int, tick: Decimal) -> tuple[Decimal, Decimal] | None:
        """Return bid and ask at ``time`` (ms); None when this minute has none so far."""
        row = int(np.searchsorted(self.times, time, side="right")) - 1
        if row < 0 or self.times[row] < time // MINUTE_MS * MINUTE_MS:
            return None
        bid = to_multiple(float(self.bids[row]), tick)
        return bid, max(bid + tick, to_multiple(float(self.asks[row]), tick))


def read_tape(path: Path) -> TradeTape:
    """Read trades from a parquet file: ``time``, ``price``, ``quantity``, ``buyer_maker``.

    The column names of Binance's aggTrades archive work as well.
    """
    times, columns = _read(path, TRADE_COLUMNS)
    price, quantity, maker = columns
    if not (np.all(price > 0) and np.all(quantity > 0)):
        raise DataError(f"{path}: holds a price or quantity that is not above 0")
    return TradeTape(times, price, quantity, maker.astype(bool))


def read_quotes(path: Path) -> Quotes:
    """Read quotes from a parquet file: ``time``, ``bid``, ``ask``, or the archive's names."""
    times, (bids, asks) = _read(path, QUOTE_COLUMNS)
    if not np.all(bids < asks):
        raise DataError(f"{path}: holds a bid that is not below its ask")
    return Quotes(times, bids, asks)


def _read(
    path: Path, names: dict[str, str]
) -> tuple[npt.NDArray[np.int64], list[npt.NDArray[np.float64]]]:
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a readable parquet file ({error})") from error
    there = set(table.column_names)
    found = [name if name in there else archive for name, archive in names.items()]
    missing = [name for name, column in zip(names, found, strict=True) if column not in there]
    if missing:
        raise DataError(f"{path}: column {', '.join(missing)} is missing")
    times = milliseconds(table.column(found[0]), path)
    if not np.all(np.diff(times) >= 0):
        raise DataError(f"{path}: its times are not in order; sort it")
    columns = [np.asarray(table.column(name).to_numpy(), dtype=np.float64) for name in found[1:]]
    if not all(np.all(np.isfinite(column)) for column in columns):
        raise DataError(f"{path}: holds a value that is not a number")
    return times, columns
